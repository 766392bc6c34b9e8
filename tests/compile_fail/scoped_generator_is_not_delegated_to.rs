use corro::generator::scoped;
use corro::{Co, Generator};

fn main() {
    let outer = Generator::new(|co: &Co<u32>| {
        scoped(|co: &Co<u32>| co.yield_(1), |mut inner| co.yield_from(&mut inner));
    });
    drop(outer);
}
