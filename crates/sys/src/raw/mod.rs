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
