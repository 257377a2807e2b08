//! The PROXY header of whoever stands before a page, where its line expects one.
//!
//! As in the workers, the bytes are looked at in the socket until the header is complete, and only the header is taken.
//! How long that may last is for who waits to say.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tandem_lb_core::proxy_header::{self, Fault, Header, LONGEST, Progress};
use tandem_sys::relay::{Endpoint, Scratch};

/// Waits for the header, and takes it from the stream.
pub(super) async fn receive(client: &Endpoint, scratch: &RefCell<Scratch>) -> io::Result<Header> {
    let (header, length) = poll_fn(|cx| {
        let mut scratch = scratch.borrow_mut();
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
    client.skip(&mut scratch.borrow_mut(), length)?;
    Ok(header)
}
