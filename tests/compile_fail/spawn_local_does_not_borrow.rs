fn main() {
    corro::run(|| {
        let text = String::from("a local");
        corro::spawn_local(|| println!("{text}")).join().unwrap();
    });
}
