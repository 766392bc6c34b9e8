//! The way to a worker from other threads, as long as the worker lives.
//!
//! What is sent goes through the inbox of the worker's home, as wakes do: a new task, or a call, which is a task that
//! runs on the worker's own stack. Homes serve one worker after another, so a gate is closed before its home is left.

use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, PoisonError};

use super::header::{Settings, TaskRef};
use super::home::Home;
use super::{JoinHandle, next_id};

pub(crate) struct Gate {
    home: &'static Home,
    stack_size: usize,
    open: Mutex<bool>,
    /// How many handles other threads may use.
    handles: AtomicUsize,
}

impl Gate {
    pub(super) fn new(home: &'static Home, stack_size: usize) -> Arc<Gate> {
        Arc::new(Gate { home, stack_size, open: Mutex::new(true), handles: AtomicUsize::new(0) })
    }

    /// Starts a task. With the gate closed it is cancelled before it starts.
    pub(crate) fn spawn<T: Send + 'static>(&self, body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let task = TaskRef::new(self.settings(false), body);
        let handle = JoinHandle::new(task.second());
        if let Err(task) = self.send(task) {
            task.refuse();
        }
        handle
    }

    /// Has `call` called on the worker's stack. With the gate closed it is dropped.
    pub(crate) fn call(&self, call: impl FnOnce() + Send + 'static) {
        let task = TaskRef::new(self.settings(true), call);
        drop(JoinHandle::<()>::new(task.second()));
        drop(self.send(task));
    }

    fn settings(&self, is_call: bool) -> Settings {
        Settings { id: next_id(), name: None, stack_size: self.stack_size, group: None, is_call, locals: None }
    }

    fn send(&self, task: TaskRef) -> Result<(), TaskRef> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !*open {
            return Err(task);
        }
        self.home.send(task);
        Ok(())
    }

    /// Counts a handle.
    pub(crate) fn add_handle(&self) {
        self.handles.fetch_add(1, Relaxed);
    }

    /// A handle goes. When it was the last one, the worker may find that nothing can wake its tasks.
    pub(crate) fn drop_handle(&self) {
        // Release: what was sent is seen by the worker that finds no handle.
        if self.handles.fetch_sub(1, AcqRel) == 1 {
            self.home.notify();
        }
    }

    pub(super) fn has_handles(&self) -> bool {
        self.handles.load(Acquire) > 0
    }

    /// Lets nothing more through.
    pub(crate) fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }
}
