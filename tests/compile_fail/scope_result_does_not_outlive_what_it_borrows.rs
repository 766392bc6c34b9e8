fn main() {
    corro::run(|| {
        let result = {
            let text = String::from("dies first");
            corro::scope(|s| s.spawn(|| text.as_str()).join().unwrap())
        };
        println!("{result}");
    });
}
