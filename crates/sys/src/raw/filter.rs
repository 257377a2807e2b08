//! What the kernel sorts out before a packet socket wakes anybody: classic BPF over whole Ethernet frames.

use libc::{BPF_ABS, BPF_B, BPF_H, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_MISC, BPF_RET, BPF_TAX, BPF_W, BPF_X};
use socket2::SockFilter;

use super::WhichFrames;

const fn step(code: u32, k: u32) -> SockFilter {
    test(code, k, 0, 0)
}

/// Skips `yes` steps when it holds, else `no`.
const fn test(code: u32, k: u32, yes: u8, no: u8) -> SockFilter {
    SockFilter::new(code as u16, yes, no, k)
}

const TAKE: SockFilter = step(BPF_RET | BPF_K, u32::MAX);
const LEAVE: SockFilter = step(BPF_RET | BPF_K, 0);

/// An answer, or the sender's address is the target's.
const ARP_NEWS: &[SockFilter] = &[
    step(BPF_LD | BPF_H | BPF_ABS, 20),
    test(BPF_JMP | BPF_JEQ | BPF_K, 2, 4, 0),
    step(BPF_LD | BPF_W | BPF_ABS, 28),
    step(BPF_MISC | BPF_TAX, 0),
    step(BPF_LD | BPF_W | BPF_ABS, 38),
    test(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
    TAKE,
    LEAVE,
];

/// ICMPv6 behind no extension header, type 136.
const NEIGHBOUR_NEWS: &[SockFilter] = &[
    step(BPF_LD | BPF_B | BPF_ABS, 20),
    test(BPF_JMP | BPF_JEQ | BPF_K, 58, 0, 3),
    step(BPF_LD | BPF_B | BPF_ABS, 54),
    test(BPF_JMP | BPF_JEQ | BPF_K, 136, 0, 1),
    TAKE,
    LEAVE,
];

pub(super) const fn of(which: WhichFrames) -> Option<&'static [SockFilter]> {
    match which {
        WhichFrames::ArpNews => Some(ARP_NEWS),
        WhichFrames::NeighbourNews => Some(NEIGHBOUR_NEWS),
        _ => None,
    }
}
