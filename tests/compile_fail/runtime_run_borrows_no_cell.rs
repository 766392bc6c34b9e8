use std::cell::Cell;

fn main() {
    let runtime = corro::Runtime::new().unwrap();
    let count = Cell::new(1);
    runtime.run(|| count.set(2));
}
