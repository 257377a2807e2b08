//! What clients say, and how they compare what comes back.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Bytes that are different everywhere and the same every time (xorshift).
#[derive(Clone, Debug)]
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Noise {
        Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(count + 8);
        while out.len() < count {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            out.extend_from_slice(&self.0.to_le_bytes());
        }
        out.truncate(count);
        out
    }
}

/// Sends a question to an echo and reads as many bytes back.
#[track_caller]
pub fn ask(stream: &mut TcpStream, question: &[u8]) -> Vec<u8> {
    stream.write_all(question).expect("the question goes out");
    let mut answer = vec![0; question.len()];
    stream.read_exact(&mut answer).expect("the answer comes back");
    answer
}

/// Whether the other side has ended the connection, after everything it sent was read.
#[track_caller]
pub fn ended(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}
