//! The hash that nf_tables computes: Bob Jenkins' lookup3 for bytes, as the kernel's `jhash()` spells it.
//!
//! The kernel reads whole blocks in the processor's byte order; both hosts of a pair have to have the same one. What is
//! written here is the order of x86, ARM and RISC-V.

const GOLDEN: u32 = 0xdead_beef;
const BLOCK: usize = 12;

pub(super) fn jhash(bytes: &[u8], seed: u32) -> u32 {
    // Keys have a few bytes.
    let start = GOLDEN.wrapping_add(bytes.len() as u32).wrapping_add(seed);
    let mut state = [start; 3];
    let mut rest = bytes;
    // The last block is not mixed but finished, also when it is full.
    while rest.len() > BLOCK {
        let (block, after) = rest.split_at(BLOCK);
        add(&mut state, block);
        mix(&mut state);
        rest = after;
    }
    if !rest.is_empty() {
        add(&mut state, rest);
        finish(&mut state);
    }
    state[2]
}

/// Which of `most` a hash falls on: its part of the whole, not its remainder.
pub(super) fn scale(hash: u32, most: u32) -> u32 {
    // Less than `most`.
    ((u64::from(hash) * u64::from(most)) >> 32) as u32
}

/// A block of at most twelve bytes; those that are missing are 0.
fn add(state: &mut [u32; 3], block: &[u8]) {
    for (word, bytes) in state.iter_mut().zip(block.chunks(4)) {
        let mut whole = [0; 4];
        whole[..bytes.len()].copy_from_slice(bytes);
        *word = word.wrapping_add(u32::from_le_bytes(whole));
    }
}

fn mix([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: &mut u32, z: &mut u32, by: u32| {
        *x = x.wrapping_sub(*z) ^ z.rotate_left(by);
        *z = z.wrapping_add(*y);
    };
    step(a, b, c, 4);
    step(b, c, a, 6);
    step(c, a, b, 8);
    step(a, b, c, 16);
    step(b, c, a, 19);
    step(c, a, b, 4);
}

fn finish([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: u32, by: u32| *x = (*x ^ y).wrapping_sub(y.rotate_left(by));
    step(c, *b, 14);
    step(a, *c, 11);
    step(b, *a, 25);
    step(c, *b, 16);
    step(a, *c, 4);
    step(b, *a, 14);
    step(c, *b, 24);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel itself is asked in the namespace tests.
    #[test]
    fn lookup3_as_its_author_publishes_it() {
        // "Four score and seven years ago" hashes to 17770551 from 0, and to cd628161 from 1.
        let text = b"Four score and seven years ago";
        assert_eq!(jhash(text, 0), 0x1777_0551);
        assert_eq!(jhash(text, 1), 0xcd62_8161);
        assert_eq!(jhash(b"", 0), 0xdead_beef);
    }

    #[test]
    fn a_part_of_the_whole() {
        assert_eq!(
            (scale(0, 4099), scale(u32::MAX, 4099), scale(1 << 31, 4098)),
            (0, 4098, 2049)
        );
    }
}
