fn main() {
    let (_tx, rx) = corro::channel::bounded::<u32>(0);
    corro::select! { recv(rx) -> Ok(_number) => {} }
}
