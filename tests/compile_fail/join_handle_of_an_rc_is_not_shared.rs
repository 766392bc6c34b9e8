use std::rc::Rc;

fn main() {
    corro::run(|| {
        let handle = corro::spawn_local(|| Rc::new(1));
        std::thread::scope(|s| {
            s.spawn(|| handle.is_finished());
        });
    });
}
