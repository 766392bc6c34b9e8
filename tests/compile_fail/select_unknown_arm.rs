fn main() {
    let (_tx, rx) = corro::channel::bounded::<()>(0);
    corro::select! { receive(rx) -> _ => {} }
}
