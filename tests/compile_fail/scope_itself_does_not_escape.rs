fn main() {
    corro::run(|| {
        let mut kept = None;
        corro::scope(|s| kept = Some(s));
        kept.unwrap().spawn(|| 1);
    });
}
