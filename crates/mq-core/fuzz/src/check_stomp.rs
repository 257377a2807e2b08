//! What one STOMP client sends. What holds then is in [`one_client`].

use tandem_mq_core::stomp::Session;

use crate::one_client;

/// From the greeting to a subscription: most bytes that nobody chose would never come so far.
pub const BEGINNING: &[u8] = b"CONNECT\naccept-version:1.2\nhost:h\nclient-id:c\n\n\0\
SUBSCRIBE\nid:0\ndestination:/queue/q\nack:client-individual\n\n\0";

pub fn check(data: &[u8]) {
    one_client::check::<Session>(BEGINNING, data);
}
