//! What was read and not written yet.

use std::io;
use std::task::{Context, Poll};

use super::{End, Lent, Pass, Step, Stream, is_unfit};

pub(super) enum Rest {
    Bytes { bytes: Box<[u8]>, written: usize },
    Piped(Lent),
}

/// A direction at rest: all that somebody else needs to go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parked {
    /// More may come after these bytes, which were read and not written yet.
    Reading(Vec<u8>),
    /// After these comes the end.
    Last(Vec<u8>),
    Ended,
}

impl Rest {
    pub(super) fn of(bytes: Vec<u8>) -> Rest {
        Rest::Bytes {
            bytes: bytes.into_boxed_slice(),
            written: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Rest::Bytes { bytes, written } => bytes.len() - written,
            Rest::Piped(pipe) => pipe.filled(),
        }
    }

    /// Writes once.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, to: &impl Stream, pass: &mut Pass) -> Step {
        // Whoever is looked at from now on, a rule may say so at any time, goes on in memory.
        if to.plain().is_none()
            && let Err(e) = self.bytes()
        {
            return Step::End(End::WriteFailed(e));
        }
        let done = match (&mut *self, to.plain()) {
            (Rest::Bytes { bytes, written }, _) => to.poll_write(cx, &bytes[*written..]).map_ok(|n| {
                *written += n;
                n
            }),
            (Rest::Piped(pipe), Some(to)) => to.poll_drain(cx, pipe),
            (Rest::Piped(_), None) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        };
        match done {
            Poll::Pending => return Step::Wait,
            Poll::Ready(Err(e)) if matches!(self, Rest::Piped(_)) && is_unfit(&e) => {
                return match self.bytes() {
                    Ok(_) => Step::Unfit,
                    Err(e) => Step::End(End::WriteFailed(e)),
                };
            }
            Poll::Ready(Err(e)) => return Step::End(End::WriteFailed(e)),
            Poll::Ready(Ok(n)) => pass.written += n as u64,
        }
        if self.len() > 0 { Step::Again } else { Step::Done }
    }

    /// What is left, in memory from now on.
    pub(super) fn bytes(&mut self) -> io::Result<&[u8]> {
        if let Rest::Piped(pipe) = self {
            *self = Rest::of(pipe.empty()?);
        }
        Ok(match self {
            Rest::Bytes { bytes, written } => &bytes[*written..],
            Rest::Piped(_) => &[],
        })
    }
}
