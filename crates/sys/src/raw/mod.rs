//! Frames and raw packets: what virtual routers speak, and what a capture sees.

mod packet;

pub use packet::{Direction, PacketSocket, Received, WhichFrames};
