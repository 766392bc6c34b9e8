use corro::Co;
use corro::generator::scoped;

fn main() {
    let mut kept: Option<&Co<u32>> = None;
    scoped(|co: &Co<u32>| kept = Some(co), |mut generator| drop(generator.start()));
    kept.unwrap().yield_(1);
}
