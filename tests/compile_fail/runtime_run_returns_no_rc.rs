use std::rc::Rc;

fn main() {
    let runtime = corro::Runtime::new().unwrap();
    runtime.run(|| Rc::new(1));
}
