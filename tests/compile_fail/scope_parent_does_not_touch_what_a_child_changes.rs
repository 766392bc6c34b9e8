fn main() {
    corro::run(|| {
        let mut list = vec![1];
        corro::scope(|s| {
            s.spawn(|| list.push(2));
            println!("{list:?}");
        });
    });
}
