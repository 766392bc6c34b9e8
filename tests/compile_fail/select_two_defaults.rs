fn main() {
    let (_tx, rx) = corro::channel::bounded::<()>(0);
    corro::select! { recv(rx) -> _ => 1, default => 2, default => 3 };
}
