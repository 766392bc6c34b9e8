use std::rc::Rc;

fn main() {
    corro::run(|| {
        corro::scope(|s| {
            s.spawn(|| Rc::new(1));
        });
    });
}
