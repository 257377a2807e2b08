//! Passing open descriptors to another process over a unix stream socket (SCM_RIGHTS, unix(7)).
//!
//! Descriptors travel with bytes: they arrive no later than the first byte they were sent with. Whoever reads a stream of
//! messages therefore keeps the descriptors in the order in which they came and gives each message the number it names.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

/// The kernel takes no more with one message (SCM_MAX_FD).
pub const MOST: usize = 253;

const SPACE: usize = rustix::cmsg_space!(ScmRights(MOST));

/// Sends some of `bytes`, at least one, together with all of `descriptors`; says how many. Does not wait unless the socket does.
pub fn send(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
    if bytes.is_empty() || descriptors.len() > MOST {
        let text = "descriptors travel with bytes, and at most 253 at a time";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?)
}

/// Reads what there is into `into` and adds the descriptors that came with it, which close on exec; says how many bytes,
/// and 0 is the end. Fails when the kernel had to drop descriptors, because this process may not have more files.
pub fn receive(socket: impl AsFd, into: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(
        socket,
        &mut [IoSliceMut::new(into)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            descriptors.extend(passed);
        }
    }
    if got.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::other("not all descriptors arrived: too many open files"));
    }
    Ok(got.bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use rustix::io::{FdFlags, fcntl_getfd};

    use super::*;

    #[test]
    fn a_pipe_arrives_and_is_the_same_pipe() {
        let (here, there) = UnixStream::pair().expect("a pair");
        let (mut reader, writer) = io::pipe().expect("a pipe");
        assert_eq!(send(&here, b"xyz", &[writer.as_fd()]).expect("there is room"), 3);
        drop(writer);
        let (mut buffer, mut passed) = ([0; 8], Vec::new());
        assert_eq!(receive(&there, &mut buffer, &mut passed).expect("it came"), 3);
        let passed = passed.pop().expect("one descriptor");
        assert!(fcntl_getfd(&passed).expect("open").contains(FdFlags::CLOEXEC));
        let mut writer = std::fs::File::from(passed);
        writer.write_all(b"through").expect("it is a pipe");
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("all writers are gone");
        assert_eq!((text.as_str(), &buffer[..3]), ("through", &b"xyz"[..]));
    }

    #[test]
    fn they_come_with_the_bytes_they_were_sent_with() {
        let (here, there) = UnixStream::pair().expect("a pair");
        send(&here, b"1", &[]).expect("room");
        send(&here, b"2", &[here.as_fd(), here.as_fd()]).expect("room");
        send(&here, b"3", &[]).expect("room");
        let (mut buffer, mut passed, mut read) = ([0; 8], Vec::new(), Vec::new());
        while read.len() < 3 {
            let n = receive(&there, &mut buffer, &mut passed).expect("more to come");
            read.extend_from_slice(&buffer[..n]);
            // Whoever has seen the 2 has its descriptors.
            assert!(!read.contains(&b'2') || passed.len() == 2);
        }
        assert_eq!(read, b"123");
    }

    #[test]
    fn what_is_impossible_is_said_and_the_end_is_zero() {
        let (here, there) = UnixStream::pair().expect("a pair");
        let kind = |result: io::Result<usize>| result.expect_err("refused").kind();
        assert_eq!(kind(send(&here, b"", &[])), io::ErrorKind::InvalidInput);
        let many = vec![here.as_fd(); MOST + 1];
        assert_eq!(kind(send(&here, b"x", &many)), io::ErrorKind::InvalidInput);
        drop(there);
        assert_eq!(kind(send(&here, b"x", &[])), io::ErrorKind::BrokenPipe);
        let (here, there) = UnixStream::pair().expect("a pair");
        send(&here, b"x", &vec![here.as_fd(); MOST]).expect("as many as the kernel takes");
        drop(here);
        let (mut buffer, mut passed) = ([0; 8], Vec::new());
        assert_eq!(receive(&there, &mut buffer, &mut passed).expect("the byte"), 1);
        assert_eq!(passed.len(), MOST);
        drop(passed);
        assert_eq!(receive(&there, &mut buffer, &mut Vec::new()).expect("the end"), 0);
    }
}
