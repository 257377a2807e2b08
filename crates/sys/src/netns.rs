//! Namespaces: a host of its own on this machine.
//!
//! They are held by file descriptors and have no name on disk, so nothing is left of them when the process that holds them
//! ends, however it ends. A namespace belongs to a thread: whatever must happen in one happens on a thread that entered it.

mod files;
mod ground;
mod host;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;

pub use ground::{Ground, Refusal};
pub use host::Namespaces;

use crate::sockopt;

/// What tells the network that this thread is in from every other one until the host starts anew. A kernel before 5.14 has
/// only the number of its file for that, which is given to another one when it is gone.
pub fn own_network() -> io::Result<u64> {
    match sockopt::network(&UnixDatagram::unbound()?) {
        Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => {
            Ok(fs::metadata("/proc/thread-self/ns/net")?.ino())
        }
        cookie => cookie,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_of_a_network_names_it_alike() {
        let other = std::thread::spawn(own_network).join().expect("it does not panic");
        assert_eq!(
            own_network().expect("every thread is in one"),
            other.expect("every thread is in one")
        );
    }
}
