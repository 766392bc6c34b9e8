fn main() {
    let event_loop = corro::EventLoop::new().unwrap();
    let text = String::from("a local");
    event_loop.call_soon(|| println!("{text}"));
}
