use std::rc::Rc;

fn main() {
    corro::run(|| {
        let handle = corro::spawn_local(|| Rc::new(1));
        std::thread::spawn(move || handle.join());
    });
}
