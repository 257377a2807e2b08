//! Where the daemons of one host find each other.
//!
//! A router's control socket is its owner's, since some questions there are orders. What anybody may know, a second socket
//! answers. It has a name and no file, so a neighbour with another user, or in another root, finds it even when the router
//! is started after it. A name may be taken by anybody, so the neighbour looks who answers.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use socket2::{SockAddr, Socket};

/// Where the router with this control socket tells its state to everybody on its host. Fails for a path that is too long.
pub fn state_of_router(control: &Path) -> io::Result<SockAddr> {
    let mut name = b"\0tandem-vrrp state ".to_vec();
    name.extend_from_slice(control.as_os_str().as_bytes());
    SockAddr::unix(std::ffi::OsStr::from_bytes(&name))
}

/// The user who listens at the other end of this unix socket.
pub fn listener_of(socket: &Socket) -> io::Result<u32> {
    Ok(getsockopt(socket, PeerCredentials)?.uid())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use socket2::{Domain, Type};

    use super::*;

    #[test]
    fn who_listens_is_known() {
        let control = PathBuf::from(format!("/nowhere/{}/control.sock", std::process::id()));
        let address = state_of_router(&control).expect("a short path");
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        listener.bind(&address).expect("nobody has this name");
        listener.listen(1).expect("it is bound");
        let caller = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        caller.connect(&address).expect("somebody listens");
        assert_eq!(listener_of(&caller).ok(), Some(nix::unistd::geteuid().as_raw()));
        assert!(state_of_router(Path::new(&"x".repeat(200))).is_err());
    }
}
