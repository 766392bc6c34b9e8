use corro::{Co, Generator};

fn main() {
    let generator = Generator::new(|co: &Co<u32>| {
        corro::scope(|s| {
            s.spawn(|| co.yield_(1));
        });
    });
    drop(generator);
}
