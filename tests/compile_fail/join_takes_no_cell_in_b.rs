use std::cell::Cell;

fn main() {
    let count = Cell::new(1);
    corro::run(|| corro::join(|| (), || count.set(2)));
}
