//! One way of a connection.

use std::io;
use std::task::{Context, Poll};

use super::{Scratch, Stream};

/// After this much in one go the others on this thread come first.
const BUDGET: u64 = 4 * Scratch::SIZE as u64;

/// Carries bytes from one endpoint to another until the first one ends.
#[derive(Default)]
pub struct Direction {
    state: State,
}

/// How the bytes travel at the moment. Splicing through a pipe will be one more of these.
#[derive(Default)]
enum State {
    /// Everything that was read has been written; there is no buffer.
    #[default]
    Empty,
    /// The other side is slow: these wait, and nothing more is read until they are gone.
    Held { bytes: Box<[u8]>, written: usize },
    /// As held, but after these comes the end: nothing more is read.
    Last { bytes: Box<[u8]>, written: usize },
    /// Nothing more is carried.
    Ended,
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

/// What one call moved.
#[derive(Debug, Default)]
pub struct Pass {
    pub read: u64,
    pub written: u64,
    pub end: Option<End>,
}

/// Why a direction carries nothing more.
#[derive(Debug)]
pub enum End {
    /// The first endpoint finished, and everything was delivered.
    Finished,
    ReadFailed(io::Error),
    WriteFailed(io::Error),
}

impl Direction {
    /// Moves what can be moved now and sees to it that `cx` is woken when there is more. Reports an end once.
    pub fn drive(&mut self, cx: &mut Context<'_>, from: &impl Stream, to: &impl Stream, scratch: &mut Scratch) -> Pass {
        let mut pass = Pass::default();
        pass.end = loop {
            match to.poll_flush(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Pending => break None,
                Poll::Ready(Err(_)) if matches!(self.state, State::Ended) => break None,
                Poll::Ready(Err(e)) => {
                    self.state = State::Ended;
                    break Some(End::WriteFailed(e));
                }
            }
            if pass.written >= BUDGET {
                cx.waker().wake_by_ref();
                break None;
            }
            let step = match &mut self.state {
                State::Ended => break None,
                State::Held { bytes, written } => write_held(cx, to, bytes, written, &mut pass, State::Empty),
                State::Last { bytes, written } => write_held(cx, to, bytes, written, &mut pass, State::Ended),
                State::Empty => read_and_write(cx, from, to, scratch, &mut pass),
            };
            match step {
                Step::Wait => break None,
                Step::Again => {}
                Step::Next(state) => {
                    if matches!(state, State::Ended) {
                        to.finish();
                    }
                    self.state = state;
                }
                Step::End(end) => {
                    self.state = State::Ended;
                    break Some(end);
                }
            }
        };
        pass
    }

    /// Reads no more, and ends the other side's stream, after what is still held for it.
    pub fn shut(&mut self, to: &impl Stream) {
        self.state = match std::mem::take(&mut self.state) {
            State::Held { bytes, written } => State::Last { bytes, written },
            last @ State::Last { .. } => last,
            State::Empty | State::Ended => {
                to.finish();
                State::Ended
            }
        };
    }

    /// What there is to know of it. Between two calls of [`Direction::drive`] nothing is on the way.
    pub fn parked(&self) -> Parked {
        match &self.state {
            State::Empty => Parked::Reading(Vec::new()),
            State::Held { bytes, written } => Parked::Reading(bytes[*written..].to_vec()),
            State::Last { bytes, written } => Parked::Last(bytes[*written..].to_vec()),
            State::Ended => Parked::Ended,
        }
    }

    /// Goes on where another was parked.
    pub fn resumed(parked: Parked) -> Direction {
        let state = match parked {
            Parked::Reading(bytes) => hold(&bytes),
            Parked::Last(bytes) => State::Last {
                bytes: bytes.into_boxed_slice(),
                written: 0,
            },
            Parked::Ended => State::Ended,
        };
        Direction { state }
    }

    /// Bytes that wait for the other side to take them.
    pub fn held(&self) -> usize {
        match &self.state {
            State::Held { bytes, written } | State::Last { bytes, written } => bytes.len() - written,
            State::Empty | State::Ended => 0,
        }
    }
}

enum Step {
    Wait,
    Again,
    Next(State),
    End(End),
}

fn read_and_write(
    cx: &mut Context<'_>,
    from: &impl Stream,
    to: &impl Stream,
    scratch: &mut Scratch,
    pass: &mut Pass,
) -> Step {
    let buffer = scratch.bytes();
    let got = match from.poll_read(cx, buffer) {
        Poll::Pending => return Step::Wait,
        Poll::Ready(Ok(0)) => return Step::End(End::Finished),
        Poll::Ready(Ok(n)) => n,
        Poll::Ready(Err(e)) => return Step::End(End::ReadFailed(e)),
    };
    pass.read += got as u64;
    let bytes = &buffer[..got];
    match to.poll_write(cx, bytes) {
        Poll::Ready(Ok(n)) => {
            pass.written += n as u64;
            Step::Next(hold(&bytes[n..]))
        }
        Poll::Pending => Step::Next(hold(bytes)),
        Poll::Ready(Err(e)) => Step::End(End::WriteFailed(e)),
    }
}

fn write_held(
    cx: &mut Context<'_>,
    to: &impl Stream,
    bytes: &[u8],
    written: &mut usize,
    pass: &mut Pass,
    then: State,
) -> Step {
    match to.poll_write(cx, &bytes[*written..]) {
        Poll::Pending => Step::Wait,
        Poll::Ready(Err(e)) => Step::End(End::WriteFailed(e)),
        Poll::Ready(Ok(n)) => {
            *written += n;
            pass.written += n as u64;
            if *written < bytes.len() {
                Step::Again
            } else {
                Step::Next(then)
            }
        }
    }
}

fn hold(rest: &[u8]) -> State {
    if rest.is_empty() {
        State::Empty
    } else {
        State::Held {
            bytes: rest.into(),
            written: 0,
        }
    }
}
