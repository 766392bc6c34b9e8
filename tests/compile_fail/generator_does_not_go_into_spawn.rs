use corro::{Co, Generator};

fn main() {
    corro::run(|| {
        let generator = Generator::new(|co: &Co<u32>| co.yield_(1));
        corro::spawn(move || generator.count());
    });
}
