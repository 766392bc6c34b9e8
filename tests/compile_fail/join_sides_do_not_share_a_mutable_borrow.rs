fn main() {
    let mut count = 0;
    corro::run(|| corro::join(|| count += 1, || count += 1));
}
