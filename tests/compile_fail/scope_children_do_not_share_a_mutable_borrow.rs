fn main() {
    corro::run(|| {
        let mut count = 0;
        corro::scope(|s| {
            s.spawn(|| count += 1);
            s.spawn(|| count += 1);
        });
    });
}
