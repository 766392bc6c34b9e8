fn main() {
    let event_loop = corro::EventLoop::new().unwrap();
    std::thread::spawn(move || event_loop.run(|| ()));
}
