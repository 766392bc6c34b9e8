use corro::{Co, Generator};

fn main() {
    let generator = Generator::new(|co: &Co<u32>| {
        let mine: Co<u32> = co.clone();
        mine.yield_(1);
    });
    drop(generator);
}
