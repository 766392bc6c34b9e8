use std::cell::Cell;

fn main() {
    corro::run(|| {
        let count = Cell::new(1);
        corro::scope(|s| {
            s.spawn(|| count.set(2));
        });
    });
}
