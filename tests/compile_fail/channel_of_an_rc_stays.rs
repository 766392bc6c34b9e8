use std::rc::Rc;

fn main() {
    let (tx, rx) = corro::channel::unbounded::<Rc<u32>>();
    corro::run(move || corro::spawn(move || rx.recv().is_ok()).join().unwrap());
    drop(tx);
}
