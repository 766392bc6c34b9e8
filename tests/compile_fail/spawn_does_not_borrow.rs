fn main() {
    corro::run(|| {
        let text = String::from("a local");
        corro::spawn(|| println!("{text}")).join().unwrap();
    });
}
