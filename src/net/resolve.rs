//! Names to addresses, off the worker.

use std::any::type_name;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};

use crate::driver::blocking::run_elsewhere;
use crate::task;

/// All addresses that `address` stands for.
///
/// What is a number already is converted here, everything else in the pool, as the system's resolver blocks. It cannot be
/// called back: a cancellation waits for it, and then nothing is done with the addresses.
pub(super) fn resolve(address: impl ToSocketAddrs + Send) -> io::Result<Vec<SocketAddr>> {
    if is_number(&address) {
        return collect(address);
    }
    let addresses = run_elsewhere(|| collect(address))?;
    task::checkpoint();
    addresses
}

fn collect(address: impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    Ok(address.to_socket_addrs()?.collect())
}

/// A hint by the type's name: were it wrong, a conversion would run on the other side, no more.
fn is_number<A>(_address: &A) -> bool {
    let name = type_name::<A>();
    let name = name.strip_prefix('&').unwrap_or(name);
    [
        type_name::<SocketAddr>(),
        type_name::<SocketAddrV4>(),
        type_name::<SocketAddrV6>(),
        type_name::<(IpAddr, u16)>(),
        type_name::<(Ipv4Addr, u16)>(),
        type_name::<(Ipv6Addr, u16)>(),
        type_name::<[SocketAddr]>(),
    ]
    .contains(&name)
}

/// Tries `each` address in turn. Gives the first success, else the last error, as `std` does.
pub(super) fn first_of<T>(
    address: impl ToSocketAddrs + Send,
    mut each: impl FnMut(&SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut error = io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any addresses");
    for address in resolve(address)? {
        match each(&address) {
            Ok(done) => return Ok(done),
            Err(failed) => error = failed,
        }
    }
    Err(error)
}
