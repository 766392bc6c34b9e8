fn main() {
    corro::run(|| {
        corro::scope(|s| {
            let text = String::from("dies first");
            s.spawn_local(|| println!("{text}"));
        });
    });
}
