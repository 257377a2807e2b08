//! One field of a message of Protocol Buffers, by the numbers of the fields that lead to it: `protobuf(3.1,int32)`.

use std::borrow::Cow;

use super::pieces::within;
use crate::expr::{Kind, Sample};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtobufField {
    /// From the outermost message on.
    pub path: Box<[u32]>,
    pub value: WireValue,
}

/// What its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireValue {
    /// Whatever they are, as they are.
    Bytes,
    Varint,
    /// A number whose sign is its last bit.
    Zigzag,
    Fixed32,
    Signed32,
    Fixed64,
    Float,
    Double,
}

/// The ways in which a value is written, by their numbers on the wire.
const VARINT: u64 = 0;
const EIGHT: u64 = 1;
const COUNTED: u64 = 2;
const FOUR: u64 = 5;

impl ProtobufField {
    pub(super) fn kind(&self) -> Kind {
        match self.value {
            WireValue::Bytes => Kind::Binary,
            _ => Kind::Int,
        }
    }

    pub(super) fn of<'a>(&self, message: Cow<'a, [u8]>) -> Option<Sample<'a>> {
        let mut range = (0, message.len());
        let mut found = None;
        for number in &self.path {
            // A field with fields of its own is one whose length is counted.
            if found.is_some_and(|wire| wire != COUNTED) {
                return None;
            }
            let wire;
            (wire, range) = find(&message, range, *number)?;
            found = Some(wire);
        }
        let bytes = &message[range.0..range.1];
        let number = match (self.value, found?) {
            (WireValue::Bytes, _) => return Some(Sample::Binary(within(message, range))),
            (WireValue::Varint, VARINT) => varint(bytes)?.0 as i64,
            (WireValue::Zigzag, VARINT) => {
                let number = varint(bytes)?.0;
                (number >> 1) as i64 ^ -((number & 1) as i64)
            }
            (WireValue::Fixed32, FOUR) => u32::from_le_bytes(bytes.try_into().ok()?).into(),
            (WireValue::Signed32, FOUR) => i32::from_le_bytes(bytes.try_into().ok()?).into(),
            (WireValue::Fixed64, EIGHT) => i64::from_le_bytes(bytes.try_into().ok()?),
            (WireValue::Float, FOUR) => f32::from_le_bytes(bytes.try_into().ok()?) as i64,
            (WireValue::Double, EIGHT) => f64::from_le_bytes(bytes.try_into().ok()?) as i64,
            _ => return None,
        };
        Some(Sample::Int(number))
    }
}

/// The first field of this number between these places: how it is written, and where its value is.
fn find(message: &[u8], (mut at, end): (usize, usize), wanted: u32) -> Option<(u64, (usize, usize))> {
    while at < end {
        let (key, length) = varint(&message[at..end])?;
        at += length;
        let wire = key & 7;
        let length = match wire {
            VARINT => varint(&message[at..end])?.1,
            EIGHT => 8,
            FOUR => 4,
            COUNTED => {
                let (count, length) = varint(&message[at..end])?;
                at += length;
                usize::try_from(count).ok()?
            }
            _ => return None,
        };
        let behind = at.checked_add(length).filter(|behind| *behind <= end)?;
        if key >> 3 == u64::from(wanted) {
            return Some((wire, (at, behind)));
        }
        at = behind;
    }
    None
}

/// A number in groups of seven bits, the least first, and how many bytes it takes.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let last = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)?;
    let groups = bytes[..=last].iter().rev();
    let number = groups.fold(0u64, |number, byte| number << 7 | u64::from(byte & 0x7f));
    Some((number, last + 1))
}
