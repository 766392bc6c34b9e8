use std::rc::Rc;

fn main() {
    let event_loop = corro::EventLoop::new().unwrap();
    let counter = Rc::new(1);
    event_loop.handle().spawn(move || *counter);
}
