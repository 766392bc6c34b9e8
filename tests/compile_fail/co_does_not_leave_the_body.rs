use corro::{Co, Generator};

fn main() {
    let mut kept: Option<&'static Co<u32>> = None;
    let mut generator = Generator::new(move |co: &Co<u32>| kept = Some(co));
    generator.start().unwrap();
}
