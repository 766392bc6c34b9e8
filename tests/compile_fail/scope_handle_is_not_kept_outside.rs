fn main() {
    corro::run(|| {
        let mut kept = None;
        corro::scope(|s| kept = Some(s.spawn(|| 1)));
        kept.unwrap().join().unwrap();
    });
}
