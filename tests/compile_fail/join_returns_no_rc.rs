use std::rc::Rc;

fn main() {
    corro::run(|| corro::join(|| (), || Rc::new(1)));
}
