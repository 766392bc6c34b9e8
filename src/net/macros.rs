//! What the sockets have in common, each with the type of the standard library that it wraps in its field `socket`.

/// Conversions, descriptors, `Debug`.
macro_rules! descriptor {
    ($type:ident, $std:ty) => {
        impl std::os::fd::AsFd for $type {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.socket.get().as_fd()
            }
        }

        impl std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.socket.get().as_raw_fd()
            }
        }

        /// As `into_std`.
        impl From<$type> for std::os::fd::OwnedFd {
            fn from(value: $type) -> std::os::fd::OwnedFd {
                // Of a descriptor that is open and was made non-blocking it does not fail.
                let (socket, _restored) = value.give_back();
                socket.into()
            }
        }

        impl std::os::fd::IntoRawFd for $type {
            fn into_raw_fd(self) -> std::os::fd::RawFd {
                std::os::fd::OwnedFd::from(self).into_raw_fd()
            }
        }

        impl TryFrom<std::os::fd::OwnedFd> for $type {
            type Error = std::io::Error;

            fn try_from(value: std::os::fd::OwnedFd) -> std::io::Result<$type> {
                $type::from_std(value.into())
            }
        }

        impl TryFrom<$std> for $type {
            type Error = std::io::Error;

            fn try_from(value: $std) -> std::io::Result<$type> {
                $type::from_std(value)
            }
        }

        impl TryFrom<$type> for $std {
            type Error = std::io::Error;

            fn try_from(value: $type) -> std::io::Result<$std> {
                value.into_std()
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.socket.get().fmt(f)
            }
        }
    };
}

/// What a socket that listens has.
macro_rules! listener {
    ($type:ident, $std:ty) => {
        impl $type {
            /// A second handle on the same socket.
            ///
            /// # Errors
            /// When the process or the system is out of descriptors.
            pub fn try_clone(&self) -> std::io::Result<$type> {
                Ok($type { socket: Polled::new(self.socket.get().try_clone()?) })
            }

            /// Takes the pending error of the socket (`SO_ERROR`).
            ///
            /// # Errors
            /// What the system reports when asked.
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                self.socket.get().take_error()
            }

            /// Takes a listener of the standard library over. It becomes non-blocking, as do its clones.
            ///
            /// # Errors
            /// What the system reports.
            pub fn from_std(listener: $std) -> std::io::Result<$type> {
                listener.set_nonblocking(true)?;
                Ok($type { socket: Polled::new(listener) })
            }

            /// Gives the listener to the standard library. It becomes blocking again, as do its clones.
            ///
            /// # Errors
            /// What the system reports; the socket is closed then.
            pub fn into_std(self) -> std::io::Result<$std> {
                let (listener, restored) = self.give_back();
                restored.map(|()| listener)
            }

            /// Whether it was given all its settings as well.
            fn give_back(self) -> ($std, std::io::Result<()>) {
                let listener = self.socket.into_inner();
                let restored = listener.set_nonblocking(false);
                (listener, restored)
            }
        }

        descriptor!($type, $std);
    };
}

/// What a socket that data come and go through has: timeouts, clones, conversions. `$new` is the constructor of its
/// [`Polled`].
macro_rules! duplex {
    ($type:ident, $std:ty, $new:ident) => {
        impl $type {
            /// Sets how long a read waits at most. A read that waited so long gives `TimedOut`.
            ///
            /// The timeout belongs to this value, not to the socket: a clone made before keeps its own.
            ///
            /// # Errors
            /// `InvalidInput` for a timeout of zero.
            pub fn set_read_timeout(&self, timeout: Option<std::time::Duration>) -> std::io::Result<()> {
                self.socket.read_timeout.set(timeout)
            }

            /// Sets how long a write waits at most, as [`set_read_timeout`](Self::set_read_timeout).
            ///
            /// # Errors
            /// `InvalidInput` for a timeout of zero.
            pub fn set_write_timeout(&self, timeout: Option<std::time::Duration>) -> std::io::Result<()> {
                self.socket.write_timeout.set(timeout)
            }

            /// How long a read waits at most.
            ///
            /// # Errors
            /// None; the result is that of `std`.
            pub fn read_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                Ok(self.socket.read_timeout.get())
            }

            /// How long a write waits at most.
            ///
            /// # Errors
            /// None; the result is that of `std`.
            pub fn write_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                Ok(self.socket.write_timeout.get())
            }

            /// Takes the pending error of the socket (`SO_ERROR`).
            ///
            /// # Errors
            /// What the system reports when asked.
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                self.socket.get().take_error()
            }

            /// A second handle on the same socket, with the timeouts of this one.
            ///
            /// # Errors
            /// When the process or the system is out of descriptors.
            pub fn try_clone(&self) -> std::io::Result<$type> {
                let socket = Polled::$new(self.socket.get().try_clone()?);
                socket.read_timeout.copy_from(&self.socket.read_timeout);
                socket.write_timeout.copy_from(&self.socket.write_timeout);
                Ok($type { socket })
            }

            /// Takes a socket of the standard library over. It becomes non-blocking, as do its clones.
            ///
            /// Timeouts that were set on it are taken over.
            ///
            /// # Errors
            /// What the system reports.
            pub fn from_std(socket: $std) -> std::io::Result<$type> {
                socket.set_nonblocking(true)?;
                let (read, write) = (socket.read_timeout()?, socket.write_timeout()?);
                let socket = Polled::$new(socket);
                socket.read_timeout.set(read)?;
                socket.write_timeout.set(write)?;
                Ok($type { socket })
            }

            /// Gives the socket to the standard library, with its timeouts. It becomes blocking again, as do its clones.
            ///
            /// # Errors
            /// What the system reports; the socket is closed then.
            pub fn into_std(self) -> std::io::Result<$std> {
                let (socket, restored) = self.give_back();
                restored.map(|()| socket)
            }

            /// Whether it was given all its settings as well.
            fn give_back(self) -> ($std, std::io::Result<()>) {
                let (read, write) = (self.socket.read_timeout.get(), self.socket.write_timeout.get());
                let socket = self.socket.into_inner();
                let restored = socket
                    .set_nonblocking(false)
                    .and_then(|()| socket.set_read_timeout(read))
                    .and_then(|()| socket.set_write_timeout(write));
                (socket, restored)
            }
        }

        descriptor!($type, $std);
    };
}

/// What a socket with two ends has.
macro_rules! ends {
    ($type:ident, $address:ty) => {
        impl $type {
            /// Ends one direction, or both. Tasks that wait for it go on.
            ///
            /// # Errors
            /// What the system reports.
            pub fn shutdown(&self, how: std::net::Shutdown) -> std::io::Result<()> {
                self.socket.get().shutdown(how)
            }

            /// The address of the other end.
            ///
            /// # Errors
            /// What the system reports.
            pub fn peer_addr(&self) -> std::io::Result<$address> {
                self.socket.get().peer_addr()
            }

            /// The address of this end.
            ///
            /// # Errors
            /// What the system reports.
            pub fn local_addr(&self) -> std::io::Result<$address> {
                self.socket.get().local_addr()
            }
        }

        impl crate::io::HalfClose for $type {
            fn half_close(&self, how: std::net::Shutdown) -> std::io::Result<()> {
                self.shutdown(how)
            }
        }
    };
}

/// What `io::Async` asks for.
#[cfg(feature = "futures-io")]
macro_rules! polls {
    ($type:ident, $std:ty) => {
        impl crate::io::Sealed for $type {
            type Inner = $std;

            #[allow(private_interfaces, reason = "nobody outside can call it or implement it")]
            fn polled(&self) -> &Polled<$std> {
                &self.socket
            }
        }
    };
}

#[cfg(feature = "futures-io")]
pub(crate) use polls;
pub(crate) use {descriptor, duplex, ends, listener};
