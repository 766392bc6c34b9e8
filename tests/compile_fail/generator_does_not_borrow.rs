use corro::{Co, Generator};

fn main() {
    let text = String::from("a local");
    let generator = Generator::new(|co: &Co<usize>| co.yield_(text.len()));
    drop(generator);
}
