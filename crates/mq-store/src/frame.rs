//! How one record lies in a segment: its length, a checksum over the rest, its number, and how far the log was on disk when
//! it was written.
//!
//! The last of these tells a torn tail from damage. What was being written when the power went may be torn, and nobody
//! was told that it is safe. But when a later record says that this one was on disk already, then it was confirmed, and
//! it has rotted since.

/// length u32, checksum u32, number u64, synced u64.
pub(crate) const HEAD: usize = 24;

/// The most that one record may be: its length has four bytes. The broker refuses what would come near to it.
pub(crate) const LARGEST: usize = (u32::MAX as usize) - (1 << 20);

/// One record as it lies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) number: u64,
    /// All numbers up to here were on disk when this was written.
    pub(crate) synced: u64,
    pub(crate) payload: &'a [u8],
}

/// What lies at a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    Frame(Frame<'a>),
    /// Nothing was written here.
    Empty,
    /// Something, but not a whole record.
    Broken,
}

/// Appends a frame whose payload `fill` writes.
pub(crate) fn append(number: u64, synced: u64, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; 8]);
    out.extend(number.to_le_bytes());
    out.extend(synced.to_le_bytes());
    fill(out);
    let length = u32::try_from(out.len() - start - HEAD).unwrap_or(u32::MAX);
    let sum = checksum(length, &out[start + 8..]);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
}

pub(crate) fn read(data: &[u8]) -> Found<'_> {
    let Some(head) = data.get(..HEAD) else {
        return if data.iter().all(|byte| *byte == 0) {
            Found::Empty
        } else {
            Found::Broken
        };
    };
    // A record is never empty, so a length of zero is a place where nothing was written. Whether all of the rest is
    // zero too decides the caller, who looks for later records.
    if head.iter().all(|byte| *byte == 0) {
        return Found::Empty;
    }
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    let sum = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let Some(rest) = data.get(8..HEAD + length as usize) else {
        return Found::Broken;
    };
    if length == 0 || checksum(length, rest) != sum {
        return Found::Broken;
    }
    let eight = |at: usize| {
        rest[at..at + 8]
            .iter()
            .rev()
            .fold(0u64, |n, byte| n << 8 | u64::from(*byte))
    };
    Found::Frame(Frame {
        number: eight(0),
        synced: eight(8),
        payload: &rest[16..],
    })
}

fn checksum(length: u32, rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(rest);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        append(7, 5, &mut out, |out| out.extend_from_slice(payload));
        out
    }

    #[test]
    fn a_frame_comes_back() {
        let bytes = frame(b"abc");
        let expected = Frame {
            number: 7,
            synced: 5,
            payload: b"abc",
        };
        assert_eq!(read(&bytes), Found::Frame(expected));
        assert_eq!(read(&[bytes, vec![0; 50]].concat()), Found::Frame(expected));
        assert_eq!(read(&[0; 50]), Found::Empty);
        assert_eq!(read(&[]), Found::Empty);
        assert_eq!(read(&[1]), Found::Broken);
    }

    proptest! {
        #[test]
        fn no_flipped_bit_goes_unseen(payload in prop::collection::vec(any::<u8>(), 1..60), bit in any::<prop::sample::Index>()) {
            let mut bytes = frame(&payload);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(read(&bytes), Found::Broken);
        }
    }
}
