use corro::Co;
use corro::generator::scoped;

fn main() {
    scoped(
        |co: &Co<u32>| co.yield_(1),
        |mut outer| {
            let text = String::from("dies first");
            scoped(
                |co: &Co<u32>| {
                    co.yield_(2);
                    println!("{text}");
                },
                |mut inner| std::mem::swap(&mut outer, &mut inner),
            );
        },
    );
}
