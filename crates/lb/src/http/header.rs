//! The PROXY header of whoever stands before a page, where its line expects one.
//!
//! As in the workers, the bytes are looked at in the socket until the header is complete, and only the header is taken.
//! How long that may last is the guest's whole time.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tandem_lb_core::proxy_header::{self, Fault, Header, LONGEST, Progress};
use tandem_sys::relay::{Endpoint, Scratch};

/// Waits for the header, and takes it from the stream.
pub(super) async fn receive(client: &Endpoint) -> io::Result<Header> {
    let mut scratch = Scratch::default();
    let (header, length) = poll_fn(|cx| {
        let peeked = match client.peek(cx, &mut scratch, LONGEST) {
            Ok(peeked) => peeked,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let is_over = peeked.is_end || peeked.bytes.len() == LONGEST;
        match proxy_header::read(peeked.bytes) {
            Ok(Progress::Complete(header, length)) => Poll::Ready(Ok((header, length))),
            Ok(Progress::Begun) if !is_over => Poll::Pending,
            Ok(Progress::Begun) => Poll::Ready(Err(io::Error::other(Fault::Truncated))),
            Err(fault) => Poll::Ready(Err(io::Error::other(fault))),
        }
    })
    .await?;
    client.skip(&mut scratch, length)?;
    Ok(header)
}
