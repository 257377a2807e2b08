//! Frames and raw packets: what virtual routers speak, and what a capture sees.

mod arp;
mod echo;
mod filter;
mod neighbour_advert;
mod neighbour_solicit;
mod packet;
mod vrrp;

pub use arp::{Arp, ArpOperation};
pub use echo::EchoSocket;
pub use neighbour_advert::NeighbourAdvert;
pub use neighbour_solicit::NeighbourSolicit;
pub use packet::{Direction, PacketSocket, Received, WhichFrames};
pub use vrrp::{Arrival, VrrpReceiver, VrrpSender};

/// Anything, or this frame with some of its bytes changed and more behind it.
#[cfg(test)]
fn frame_like(frame: &[u8]) -> impl proptest::strategy::Strategy<Value = Vec<u8>> + use<> {
    use proptest::prelude::*;

    let (frame, length) = (frame.to_vec(), frame.len());
    let bytes = || proptest::collection::vec(any::<u8>(), 0..100);
    let changes = proptest::collection::vec((0..length, any::<u8>()), 0..4);
    let changed = (changes, bytes()).prop_map(move |(changes, behind)| {
        let mut frame = frame.clone();
        changes.into_iter().for_each(|(at, byte)| frame[at] = byte);
        frame.extend(behind);
        frame
    });
    prop_oneof![1 => bytes(), 3 => changed]
}
