//! Descriptors that are known only by their number, because the parent process or the configuration named them.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// A copy of our own of whatever is open as `number`; it closes on exec. The original stays as it is.
#[allow(unsafe_code)]
pub fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    const ABOVE_STANDARD_STREAMS: RawFd = 3;
    // SAFETY: F_DUPFD_CLOEXEC takes any number: the kernel refuses one that is not open, and reads no memory of ours.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, ABOVE_STANDARD_STREAMS) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    #[test]
    fn a_copy_is_the_same_file() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut copy = std::fs::File::from(duplicate(writer.as_raw_fd()).expect("it is open"));
        drop(writer);
        copy.write_all(b"x").expect("the copy is still open");
        drop(copy);
        let mut read = String::new();
        reader.read_to_string(&mut read).expect("all writers are gone");
        assert_eq!(read, "x");
    }

    #[test]
    fn a_number_that_is_not_open_is_an_error() {
        assert_eq!(duplicate(-1).expect_err("never open").raw_os_error(), Some(libc::EBADF));
    }
}
