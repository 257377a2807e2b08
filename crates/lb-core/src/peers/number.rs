//! Numbers of as many bytes as they need: below 240 one, above that the lowest four bits, and then seven in each byte that
//! another one follows.

use super::Malformed;

const FIRST: u64 = 240;

pub(super) fn write(mut number: u64, out: &mut Vec<u8>) {
    if number < FIRST {
        return out.push(number as u8);
    }
    out.push((number | FIRST) as u8);
    number = (number - FIRST) >> 4;
    while number >= 128 {
        out.push((number | 128) as u8);
        number = (number - 128) >> 7;
    }
    out.push(number as u8);
}

/// What is left to be read of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, count: u64) -> Result<&'a [u8], Malformed> {
        let count = usize::try_from(count).map_err(|_| Malformed::Truncated)?;
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Four bytes, the highest first.
    pub(super) fn word(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let first = u64::from(self.byte()?);
        if first < FIRST {
            return Ok(first);
        }
        let (mut number, mut shift) = (first, 4);
        loop {
            let byte = u64::from(self.byte()?);
            let part = byte.checked_shl(shift).ok_or(Malformed::Truncated)?;
            number = number.wrapping_add(part);
            shift += 7;
            if byte < 128 {
                return Ok(number);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
