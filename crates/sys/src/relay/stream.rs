//! What bytes are read from and written to.

use std::io;
use std::task::{Context, Poll};

use super::Endpoint;

/// One end of what a [`Direction`](super::Direction) carries. Both directions have it at the same time, on one thread.
pub trait Stream {
    /// Reads what there is; 0 is the end of the stream.
    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Takes what can be taken at once.
    fn poll_write(&self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>>;

    /// Sees to it that the kernel gets what was taken. Nothing more is read for this end before that is done.
    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Says that nothing more will be written, after all that was taken.
    fn finish(&self);

    /// The socket, where its bytes are those that are carried: they need not be seen.
    fn plain(&self) -> Option<&Endpoint>;
}
