fn main() {
    corro::run(|| {
        let handle = corro::spawn(|| ());
        corro::select! { join(&handle) -> _ => {} }
    });
}
