use corro::{Co, Generator};

fn main() {
    let generator = Generator::new(|co: &Co<u32>| co.yield_(1));
    std::thread::scope(|s| {
        s.spawn(|| generator.status());
    });
}
