//! The buffer of a thread: bytes are in it only while one call runs.

/// What one read may bring. Larger reads cost fewer calls, but beyond this the buffer no longer stays in the cache.
const SIZE: usize = 64 * 1024;

pub struct Scratch(Box<[u8]>);

impl Scratch {
    pub const SIZE: usize = SIZE;

    /// Lays bytes into it, for those who look at what came.
    pub fn show(&mut self, bytes: &[u8]) -> &[u8] {
        let count = bytes.len().min(SIZE);
        self.0[..count].copy_from_slice(&bytes[..count]);
        &self.0[..count]
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch(vec![0; SIZE].into_boxed_slice())
    }
}
