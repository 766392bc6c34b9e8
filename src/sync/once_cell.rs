//! A value that is made once.

#![forbid(unsafe_code)]

use std::fmt;
use std::sync::OnceLock;

use super::mutex::Mutex;
use crate::task;

/// A value that is made at its first use: as `std::sync::OnceLock`. What makes it may wait.
///
/// Others wait meanwhile. If it panics or is cancelled, the next one makes the value.
///
/// # Examples
/// ```
/// static ADDRESS: corro::sync::OnceCell<String> = corro::sync::OnceCell::new();
/// assert_eq!(ADDRESS.get(), None);
/// assert_eq!(ADDRESS.get_or_init(|| "localhost".to_owned()), "localhost");
/// assert_eq!(ADDRESS.set("elsewhere".to_owned()), Err("elsewhere".to_owned()));
/// ```
#[doc(alias = "OnceLock")]
pub struct OnceCell<T> {
    value: OnceLock<T>,
    making: Mutex<()>,
}

impl<T> OnceCell<T> {
    /// One without a value.
    pub const fn new() -> OnceCell<T> {
        OnceCell { value: OnceLock::new(), making: Mutex::new(()) }
    }

    /// The value, if it was made.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, which may be changed.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// The value; it is made now if there is none. A cancellation point. Asked for from within `make`, it waits for ever.
    ///
    /// # Panics
    /// When `make` does. Where it would have to wait and cannot: in a callback of the event loop, and while the task
    /// unwinds.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        match self.get_or_try_init(|| Ok::<T, std::convert::Infallible>(make())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// As [`get_or_init`](Self::get_or_init), for what can fail: then there is still no value.
    ///
    /// # Errors
    /// When `make` fails.
    ///
    /// # Panics
    /// As [`get_or_init`](Self::get_or_init).
    pub fn get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        task::begin_operation();
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let _making = self.making.lock();
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let made = make()?;
        Ok(self.value.get_or_init(|| made))
    }

    /// Puts a value in. A cancellation point.
    ///
    /// # Errors
    /// When there is one: the new one comes back.
    ///
    /// # Panics
    /// As [`get_or_init`](Self::get_or_init).
    pub fn set(&self, value: T) -> Result<(), T> {
        let _making = self.making.lock();
        self.value.set(value)
    }

    /// Takes the value out.
    pub fn take(&mut self) -> Option<T> {
        self.value.take()
    }

    /// The value, if it was made.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> OnceCell<T> {
        OnceCell::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnceCell").field(&self.get()).finish()
    }
}
