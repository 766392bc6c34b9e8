fn main() {
    let event_loop = corro::EventLoop::new().unwrap();
    std::thread::scope(|s| {
        s.spawn(|| event_loop.run(|| ()));
    });
}
