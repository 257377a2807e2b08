//! The few shapes that everything in a packet has (MQTT 5, section 1.5).

use bytes::{Buf, Bytes};

use super::DecodeError;

const SHORT: DecodeError = DecodeError::malformed("the packet ends in the middle of a field");

/// What is left of one packet.
pub(super) struct Reader(pub(super) Bytes);

impl Reader {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        match length <= self.0.len() {
            true => Ok(self.0.split_to(length)),
            false => Err(SHORT),
        }
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.0)
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn flag(&mut self) -> Result<bool, DecodeError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::protocol("a property that is 0 or 1 is neither")),
        }
    }

    pub(super) fn short(&mut self) -> Result<u16, DecodeError> {
        Ok(self.take(2)?.get_u16())
    }

    pub(super) fn long(&mut self) -> Result<u32, DecodeError> {
        Ok(self.take(4)?.get_u32())
    }

    pub(super) fn packet(&mut self) -> Result<u16, DecodeError> {
        match self.short()? {
            0 => Err(DecodeError::protocol("a packet identifier is not zero")),
            number => Ok(number),
        }
    }

    /// At most four bytes of seven bits.
    pub(super) fn variable(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0;
        for place in 0..4 {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7F) << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::malformed("a length of more than four bytes"))
    }

    pub(super) fn binary(&mut self) -> Result<Bytes, DecodeError> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    /// UTF-8 without NUL. Surrogates are no UTF-8 to begin with.
    pub(super) fn text(&mut self) -> Result<Box<str>, DecodeError> {
        let bytes = self.binary()?;
        let text = std::str::from_utf8(&bytes).map_err(|_| DecodeError::malformed("a text is not UTF-8"))?;
        match text.contains('\0') {
            true => Err(DecodeError::malformed("a text holds NUL")),
            false => Ok(text.into()),
        }
    }
}
