//! Takes the parts of a frame of either AMQP from its front. What is not there is an error.

use bytes::{Buf, Bytes};

/// These bytes are not what they should be, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// What has not been read.
#[derive(Clone, Debug)]
pub(crate) struct Octets(pub(crate) Bytes);

impl Octets {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<Bytes, Malformed> {
        if length > self.0.len() {
            return Err(Malformed("it ends too early"));
        }
        Ok(self.0.split_to(length))
    }

    /// A copy: otherwise a few bytes would keep the whole buffer that they came in.
    pub(crate) fn copied(&mut self, length: usize) -> Result<Bytes, Malformed> {
        Ok(Bytes::copy_from_slice(&self.take(length)?))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        self.take(N)?.copy_to_slice(&mut array);
        Ok(array)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn short(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn long(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn long_long(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }
}
