use std::time::Duration;

fn main() {
    let event_loop = corro::EventLoop::new().unwrap();
    let timer = event_loop.call_later(Duration::ZERO, || ());
    std::thread::spawn(move || timer.cancel());
}
