//! Passing the listeners to whoever asks with `_getsocks`; the exchange is described in [`super::fetch`].

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use socket2::Socket;
use tandem_sys::pass;
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::UnixStream;

/// HAProxy's buffer for descriptors is a little smaller than the kernel's limit in some versions.
const AT_A_TIME: usize = 250;

/// Passes them all. A listener on an interface says so; its namespace and options are nothing to us.
pub(crate) async fn expose(stream: &mut UnixStream, sockets: &[Arc<Socket>]) -> io::Result<()> {
    let count = u32::try_from(sockets.len()).unwrap_or(u32::MAX);
    send_all(stream, &count.to_ne_bytes(), &[]).await?;
    let mut batches = sockets.chunks(AT_A_TIME).peekable();
    while let Some(batch) = batches.next() {
        let words: Vec<u8> = batch.iter().flat_map(|socket| described(socket)).collect();
        let descriptors: Vec<BorrowedFd<'_>> = batch.iter().map(|socket| socket.as_fd()).collect();
        send_all(stream, &words, &descriptors).await?;
        if batches.peek().is_some() {
            stream.read_exact(&mut [0; 4]).await?;
        }
    }
    Ok(())
}

fn described(socket: &Socket) -> Vec<u8> {
    let interface = socket.device().ok().flatten().unwrap_or_default();
    let mut words = vec![0];
    words.push(u8::try_from(interface.len()).unwrap_or(0));
    words.extend_from_slice(&interface);
    words.extend_from_slice(&[0; 4]);
    words
}

/// The descriptors go with the first byte.
pub(super) async fn send_all(stream: &UnixStream, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let (mut rest, mut descriptors) = (bytes, descriptors);
    while !rest.is_empty() {
        let send = || pass::send(stream.as_fd(), rest, descriptors);
        let sent = stream.async_io(Interest::WRITABLE, send).await?;
        rest = rest.get(sent..).unwrap_or_default();
        descriptors = &[];
    }
    Ok(())
}
