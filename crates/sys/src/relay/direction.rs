//! One way of a connection.

use std::io;
use std::task::{Context, Poll};

use super::pipe::{Lent, is_unfit};
use super::{Scratch, Stream};

mod pace;
mod rest;

use pace::Pace;
pub use rest::Parked;
use rest::Rest;

/// After this much in one go the others on this thread come first.
const BUDGET: usize = 4 * Scratch::SIZE;

/// Carries bytes from one endpoint to another until the first one ends.
#[derive(Default)]
pub struct Direction {
    state: State,
    pace: Pace,
}

#[derive(Default)]
enum State {
    /// Everything that was read has been written; there is no buffer.
    #[default]
    Empty,
    /// The other side is slow: this waits, and nothing more is read until it is gone.
    Held(Rest),
    /// As held, but after this comes the end: nothing more is read.
    Last(Rest),
    /// Nothing more is carried.
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
            if pass.written >= BUDGET as u64 {
                cx.waker().wake_by_ref();
                break None;
            }
            let step = match &mut self.state {
                State::Ended => break None,
                State::Held(rest) | State::Last(rest) => rest.write(cx, to, &mut pass),
                State::Empty => self.read_and_write(cx, from, to, scratch, &mut pass),
            };
            match step {
                Step::Wait => break None,
                Step::Again => {}
                Step::Unfit => scratch.bar_pipes(),
                Step::Hold(rest) => self.state = State::Held(rest),
                Step::Done => self.rest_is_gone(to, scratch),
                Step::End(end) => {
                    self.state = State::Ended;
                    break Some(end);
                }
            }
        };
        pass
    }

    fn read_and_write(
        &mut self,
        cx: &mut Context<'_>,
        from: &impl Stream,
        to: &impl Stream,
        scratch: &mut Scratch,
        pass: &mut Pass,
    ) -> Step {
        if self.pace.is_bulk()
            && let (Some(from), Some(_)) = (from.plain(), to.plain())
            && let Some(mut pipe) = scratch.pipe()
        {
            let filled = from.poll_fill(cx, &mut pipe);
            if let Poll::Ready(Ok(n @ 1..)) = filled {
                self.pace.moved(n);
                pass.read += n as u64;
                return self.write_at_once(cx, Rest::Piped(pipe), to, pass);
            }
            scratch.give_back(pipe);
            match filled {
                Poll::Pending => return Step::Wait,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(e)) if is_unfit(&e) => scratch.bar_pipes(),
                Poll::Ready(Err(e)) => return Step::End(End::ReadFailed(e)),
            }
        }
        let buffer = scratch.bytes();
        let got = match from.poll_read(cx, buffer) {
            Poll::Pending => return Step::Wait,
            Poll::Ready(Ok(0)) => return Step::End(End::Finished),
            Poll::Ready(Ok(n)) => n,
            Poll::Ready(Err(e)) => return Step::End(End::ReadFailed(e)),
        };
        self.pace.moved(got);
        pass.read += got as u64;
        let bytes = &buffer[..got];
        match to.poll_write(cx, bytes) {
            Poll::Ready(Ok(n)) => {
                pass.written += n as u64;
                hold(&bytes[n..])
            }
            Poll::Pending => hold(bytes),
            Poll::Ready(Err(e)) => Step::End(End::WriteFailed(e)),
        }
    }

    /// What a pipe was filled with goes on without a round through the event loop.
    fn write_at_once(&mut self, cx: &mut Context<'_>, rest: Rest, to: &impl Stream, pass: &mut Pass) -> Step {
        self.state = State::Held(rest);
        match &mut self.state {
            State::Held(rest) => rest.write(cx, to, pass),
            _ => Step::Again,
        }
    }

    fn rest_is_gone(&mut self, to: &impl Stream, scratch: &mut Scratch) {
        let rest = match std::mem::take(&mut self.state) {
            State::Held(rest) => rest,
            State::Last(rest) => {
                to.finish();
                self.state = State::Ended;
                rest
            }
            other => return self.state = other,
        };
        if let Rest::Piped(pipe) = rest {
            scratch.give_back(pipe);
        }
    }

    /// Reads no more, and ends the other side's stream, after what is still held for it.
    pub fn shut(&mut self, to: &impl Stream) {
        self.state = match std::mem::take(&mut self.state) {
            State::Held(rest) | State::Last(rest) => State::Last(rest),
            State::Empty | State::Ended => {
                to.finish();
                State::Ended
            }
        };
    }

    /// What there is to know of it. Between two calls of [`Direction::drive`] nothing is on the way but what is held, and
    /// that leaves its pipe for this.
    pub fn park(&mut self) -> io::Result<Parked> {
        Ok(match &mut self.state {
            State::Empty => Parked::Reading(Vec::new()),
            State::Held(rest) => Parked::Reading(rest.bytes()?.to_vec()),
            State::Last(rest) => Parked::Last(rest.bytes()?.to_vec()),
            State::Ended => Parked::Ended,
        })
    }

    /// Goes on where another was parked.
    pub fn resumed(parked: Parked) -> Direction {
        let state = match parked {
            Parked::Reading(bytes) if bytes.is_empty() => State::Empty,
            Parked::Reading(bytes) => State::Held(Rest::of(bytes)),
            Parked::Last(bytes) => State::Last(Rest::of(bytes)),
            Parked::Ended => State::Ended,
        };
        Direction {
            state,
            pace: Pace::default(),
        }
    }

    /// Bytes that wait for the other side to take them.
    pub fn held(&self) -> usize {
        match &self.state {
            State::Held(rest) | State::Last(rest) => rest.len(),
            State::Empty | State::Ended => 0,
        }
    }
}

enum Step {
    Wait,
    Again,
    /// As that, and it is no use to splice.
    Unfit,
    /// This was read and could not be written.
    Hold(Rest),
    /// What was held is written.
    Done,
    End(End),
}

fn hold(rest: &[u8]) -> Step {
    if rest.is_empty() {
        Step::Again
    } else {
        Step::Hold(Rest::of(rest.to_vec()))
    }
}
