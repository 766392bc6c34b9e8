use std::rc::Rc;

corro::task_local! {
    inherit static SHARED: Rc<u32> = Rc::new(1);
}

fn main() {}
