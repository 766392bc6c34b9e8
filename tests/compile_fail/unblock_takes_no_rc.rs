use std::rc::Rc;

fn main() {
    let counter = Rc::new(1);
    corro::run(|| corro::unblock(move || *counter));
}
