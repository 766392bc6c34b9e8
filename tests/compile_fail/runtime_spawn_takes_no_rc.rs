use std::rc::Rc;

fn main() {
    let runtime = corro::Runtime::new().unwrap();
    let counter = Rc::new(1);
    runtime.spawn(move || *counter);
}
