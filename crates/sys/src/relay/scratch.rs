//! What a thread has for all its connections: a buffer, in which bytes are only while one call runs, and pipes, which it
//! lends.

use std::sync::Arc;

use super::Pipes;
use super::pipe::{Lent, Shelf};

/// What one read may bring. Larger reads cost fewer calls, but beyond this the buffer no longer stays in the cache.
const SIZE: usize = 64 * 1024;

pub struct Scratch {
    buffer: Box<[u8]>,
    shelf: Shelf,
}

impl Scratch {
    pub const SIZE: usize = SIZE;

    /// With these pipes; the default has none.
    pub fn new(pipes: Arc<Pipes>) -> Scratch {
        Scratch {
            buffer: vec![0; SIZE].into_boxed_slice(),
            shelf: Shelf::of(pipes),
        }
    }

    /// Lays bytes into it, for those who look at what came.
    pub fn show(&mut self, bytes: &[u8]) -> &[u8] {
        let count = bytes.len().min(SIZE);
        self.buffer[..count].copy_from_slice(&bytes[..count]);
        &self.buffer[..count]
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    pub(super) fn pipe(&mut self) -> Option<Lent> {
        self.shelf.take()
    }

    /// Splicing did not work: bytes are copied for a while.
    pub(super) fn bar_pipes(&mut self) {
        self.shelf.bar();
    }

    pub(super) fn give_back(&mut self, pipe: Lent) {
        self.shelf.put(pipe);
    }
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch::new(Arc::default())
    }
}
