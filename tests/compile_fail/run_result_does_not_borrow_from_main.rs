fn main() {
    let text: &str = corro::run(|| {
        let text = String::from("dies first");
        text.as_str()
    });
    println!("{text}");
}
