fn main() {
    corro::run(|| {
        corro::scope(|s| {
            let text = String::from("dies first");
            s.spawn(|| println!("{text}"));
        });
    });
}
