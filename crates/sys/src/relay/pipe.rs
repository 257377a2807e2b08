//! Pipes for bytes that pass without being copied: a few, large, and lent only while there is something in them.
//!
//! All threads share one budget, since each pipe is two descriptors and pages of the kernel's. A thread keeps some of
//! those it is done with: making one and asking for its size costs more than what it saves on a short burst.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// What a pipe is asked to hold. The kernel counts fragments rather than bytes: a small pipe is full of small ones soon.
const SIZE: usize = 512 * 1024;

/// The most bytes in one, however large the fragments are: what a connection has under way is to be bounded, and with
/// those of its other direction they must fit into one message when the connection moves to another process.
const MOST: usize = 448 * 1024;

/// A thread keeps so many that nobody uses.
const KEPT: usize = 32;

/// For how long nothing is spliced after the system would not.
const PAUSE: Duration = Duration::from_secs(10);

/// Of all threads: how many pipes there may be, how many there are, and what went through them.
#[derive(Debug, Default)]
pub struct Pipes {
    most: usize,
    used: AtomicUsize,
    free: AtomicUsize,
    carried: AtomicU64,
}

impl Pipes {
    /// With 0 nothing is spliced.
    pub fn new(most: usize) -> Pipes {
        Pipes {
            most,
            ..Pipes::default()
        }
    }

    pub fn most(&self) -> usize {
        self.most
    }

    /// With a connection's bytes in them.
    pub fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    pub fn free(&self) -> usize {
        self.free.load(Relaxed)
    }

    /// Bytes that went through them so far.
    pub fn carried(&self) -> u64 {
        self.carried.load(Relaxed)
    }

    /// A place for one more, when there is one.
    fn admit(&self) -> bool {
        let one_more = |used| (used + self.free() < self.most).then_some(used + 1);
        self.used.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }
}

/// A thread's own.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pipes: Arc<Pipes>,
    free: Vec<Pipe>,
    /// The system would not: until then it is not asked again.
    barred: Option<Instant>,
}

impl Shelf {
    pub(super) fn of(pipes: Arc<Pipes>) -> Shelf {
        Shelf {
            pipes,
            free: Vec::new(),
            barred: None,
        }
    }

    /// An empty pipe; `None` when there are enough of them, or it is no use.
    pub(super) fn take(&mut self) -> Option<Lent> {
        if self.is_barred() {
            return None;
        }
        let pipe = match self.free.pop() {
            Some(pipe) => {
                self.pipes.free.fetch_sub(1, Relaxed);
                self.pipes.used.fetch_add(1, Relaxed);
                pipe
            }
            None => self.open()?,
        };
        Some(Lent {
            pipe: Some(pipe),
            filled: 0,
            pipes: self.pipes.clone(),
        })
    }

    fn open(&mut self) -> Option<Pipe> {
        if !self.pipes.admit() {
            return None;
        }
        let pipe = Pipe::open();
        if pipe.is_err() {
            self.pipes.used.fetch_sub(1, Relaxed);
            self.bar();
        }
        pipe.ok()
    }

    /// Whoever has something in a pipe keeps it, and nobody begins with one for a while.
    pub(super) fn bar(&mut self) {
        self.barred = Some(Instant::now() + PAUSE);
    }

    /// The clock is looked at only where it matters.
    fn is_barred(&mut self) -> bool {
        self.barred = self.barred.filter(|until| Instant::now() < *until);
        self.barred.is_some()
    }

    /// Takes one back. What is still in it goes with it.
    pub(super) fn put(&mut self, mut lent: Lent) {
        if lent.filled == 0
            && self.free.len() < KEPT
            && let Some(pipe) = lent.pipe.take()
        {
            self.pipes.used.fetch_sub(1, Relaxed);
            self.pipes.free.fetch_add(1, Relaxed);
            self.free.push(pipe);
        }
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.pipes.free.fetch_sub(self.free.len(), Relaxed);
    }
}

#[derive(Debug)]
struct Pipe {
    exit: OwnedFd,
    entry: OwnedFd,
}

impl Pipe {
    fn open() -> io::Result<Pipe> {
        let (exit, entry) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Beyond what a user without privileges may have in pipes it stays small, and copying is as good.
        fcntl_setpipe_size(&entry, SIZE)?;
        Ok(Pipe { exit, entry })
    }
}

/// A pipe while a connection has it. Dropped with bytes in it, it is closed.
#[derive(Debug)]
pub(super) struct Lent {
    /// There until it is taken back.
    pipe: Option<Pipe>,
    filled: usize,
    pipes: Arc<Pipes>,
}

impl Lent {
    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    /// Moves what is there, up to `most`, from a socket into the pipe; 0 is the end of the stream.
    pub(super) fn fill(&mut self, from: &impl AsFd, most: usize) -> io::Result<usize> {
        let count = self.splice_in(from, most.min(MOST - self.filled))?;
        self.filled += count;
        Ok(count)
    }

    /// Moves what the socket takes out of the pipe.
    pub(super) fn drain(&mut self, to: &impl AsFd) -> io::Result<usize> {
        let Some(pipe) = &self.pipe else { return Ok(0) };
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let count = splice(&pipe.exit, None, to, None, self.filled, flags)?;
        self.filled -= count;
        self.pipes.carried.fetch_add(count as u64, Relaxed);
        Ok(count)
    }

    /// Takes all that is in it, for those who go on without it.
    pub(super) fn empty(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.filled];
        let Some(pipe) = &self.pipe else { return Ok(bytes) };
        let mut done = 0;
        while done < bytes.len() {
            match rustix::io::read(&pipe.exit, &mut bytes[done..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => done += count,
            }
        }
        self.filled = 0;
        Ok(bytes)
    }

    fn splice_in(&self, from: &impl AsFd, most: usize) -> io::Result<usize> {
        let Some(pipe) = &self.pipe else { return Ok(0) };
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        Ok(splice(from, None, &pipe.entry, None, most, flags)?)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.pipe.is_some() {
            self.pipes.used.fetch_sub(1, Relaxed);
        }
    }
}

/// Whether splicing is not to be had, between these two or at all: an old kernel, a sandbox, a socket of another kind.
/// Nothing has been moved then.
pub(super) fn is_unfit(error: &io::Error) -> bool {
    const NOT_HERE: [Errno; 4] = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::PERM];
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    number.is_some_and(|number| NOT_HERE.contains(&number))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn figures(pipes: &Pipes) -> (usize, usize) {
        (pipes.used(), pipes.free())
    }

    #[test]
    fn there_are_so_many_and_they_come_back() {
        let pipes = Arc::new(Pipes::new(2));
        let (mut one, mut other) = (Shelf::of(pipes.clone()), Shelf::of(pipes.clone()));
        let (a, b) = (one.take().unwrap(), other.take().unwrap());
        assert!(one.take().is_none() && other.take().is_none());
        assert_eq!(figures(&pipes), (2, 0));
        one.put(a);
        assert_eq!(figures(&pipes), (1, 1));
        assert!(other.take().is_none(), "it is the other thread's");
        let again = one.take().unwrap();
        drop(again);
        assert_eq!(figures(&pipes), (1, 0), "dropped, not given back");
        other.put(b);
        drop(other);
        assert_eq!(figures(&pipes), (0, 0));
        assert!(Shelf::default().take().is_none());
    }

    #[test]
    fn after_a_while_the_system_is_asked_again() {
        let pipes = Arc::new(Pipes::new(2));
        let mut shelf = Shelf::of(pipes.clone());
        let lent = shelf.take().unwrap();
        shelf.put(lent);
        shelf.bar();
        assert!(shelf.take().is_none(), "not even one that is there");
        assert_eq!(figures(&pipes), (0, 1));
        shelf.barred = Instant::now().checked_sub(Duration::from_millis(1));
        assert!(shelf.take().is_some() && shelf.barred.is_none());
    }

    #[test]
    fn what_went_in_comes_out_and_what_is_left_is_not_kept() {
        let pipes = Arc::new(Pipes::new(1));
        let mut shelf = Shelf::of(pipes.clone());
        let mut lent = shelf.take().unwrap();
        let ((mut client, from), (to, mut server)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        client.write_all(b"hello, world").unwrap();
        assert_eq!(lent.fill(&from, 5).unwrap(), 5);
        assert_eq!((lent.drain(&to).unwrap(), lent.filled()), (5, 0));
        let mut got = [0; 5];
        server.read_exact(&mut got).unwrap();
        assert_eq!((&got, pipes.carried()), (b"hello", 5));
        lent.fill(&from, MOST).unwrap();
        assert_eq!(lent.empty().unwrap(), b", world");
        client.write_all(b"rest").unwrap();
        lent.fill(&from, MOST).unwrap();
        shelf.put(lent);
        assert_eq!(figures(&pipes), (0, 0), "closed with what was in it");
        assert_eq!(shelf.take().unwrap().filled(), 0);
    }
}
