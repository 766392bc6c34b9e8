fn main() {
    corro::run(|| {
        corro::scope(|s| {
            s.spawn(|| {
                let text = String::from("dies first");
                s.spawn(|| println!("{text}"));
            });
        });
    });
}
