use corro::Co;
use corro::generator::scoped;

fn main() {
    let mut generator = scoped(|co: &Co<u32>| co.yield_(1), |generator| generator);
    generator.next();
}
