fn main() {
    corro::run(|| {
        let handle = corro::scope(|s| s.spawn(|| 1));
        handle.join().unwrap();
    });
}
