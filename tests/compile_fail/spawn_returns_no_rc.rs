use std::rc::Rc;

fn main() {
    corro::run(|| drop(corro::spawn(|| Rc::new(1))));
}
