use std::rc::Rc;

fn main() {
    let counter = Rc::new(1);
    corro::run(move || corro::spawn(move || *counter).join().unwrap());
}
