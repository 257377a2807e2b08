//! Cutting a stream into frames: a length, what it is, how many descriptors belong to it, and the rest.

use super::Malformed;

/// Two full buffers of a connection and its names fit; a longer text comes in pieces.
pub const LONGEST_FRAME: usize = 1024 * 1024;

/// Before the body: its length, the kind, the number of descriptors.
const HEADER: usize = 6;

/// One frame, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    /// How many of the descriptors that came with the bytes are this frame's.
    pub descriptors: u8,
    pub body: Vec<u8>,
}

impl Frame {
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.body.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(HEADER + self.body.len());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&[self.kind, self.descriptors]);
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Takes bytes as they come and gives frames. Holds no more than one frame and what came behind it in the same read.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame; after an error the stream is of no use any more.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Malformed> {
        let Some((header, rest)) = self.bytes.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let [a, b, c, d, kind, descriptors] = *header;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > LONGEST_FRAME {
            return Err(Malformed::TooLong(length));
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = Frame {
            kind,
            descriptors,
            body: body.to_vec(),
        };
        self.bytes.drain(..HEADER + length);
        Ok(Some(frame))
    }
}
