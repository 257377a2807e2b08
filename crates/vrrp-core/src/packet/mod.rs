//! The packets: bytes in, values out, and back.
//!
//! [`Packet`] finds the VRRP message in what a raw socket gives; [`View`] reads its fields without judging them, so that
//! the receive checks can be made in their order; [`Advert`] is a message that is right, and the only thing that is sent.

mod advert;
mod checksum;
mod datagram;
mod ipv4;
mod ipv6;
mod trailer;
mod view;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;

pub use advert::{Addresses, Advert, Form};
pub use checksum::{Dialect, Endpoints};
pub use datagram::{Datagram, Packet};
pub use ipv4::Ipv4Header;
pub use ipv6::Ipv6Header;
pub use trailer::{Signed, Stamp, TRAILER_LEN, Trailer, TrailerFault};
pub use view::{AuthType, Malformed, View};

/// IP protocol number of VRRP.
pub const PROTOCOL: u8 = 112;
/// IP protocol number of the authentication header, RFC 4302; known only to be refused.
pub const PROTOCOL_AH: u8 = 51;
/// Type of service of every advert: CS6, internetwork control.
pub const TOS: u8 = 0xc0;
/// Adverts do not cross a router: they leave with this and must arrive with it.
pub const TTL: u8 = 255;
