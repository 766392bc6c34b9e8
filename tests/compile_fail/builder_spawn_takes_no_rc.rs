use std::rc::Rc;

fn main() {
    let counter = Rc::new(1);
    corro::run(move || corro::task::Builder::new().spawn(move || *counter).unwrap().join().unwrap());
}
