use std::rc::Rc;

fn main() {
    corro::run(|| {
        corro::scope(|s| {
            let handle = s.spawn_local(|| Rc::new(1));
            s.spawn(move || drop(handle.join()));
        });
    });
}
