//! What one client of AMQP 1.0 sends. What holds then is in [`one_client`].

use tandem_mq_core::amqp10::Session;

use crate::one_client;

/// From the header to a session with a sender, a receiver that wants messages, and a coordinator: most bytes that nobody chose
/// would never come so far.
pub const BEGINNING: &[u8] = b"AMQP\0\x01\0\0\
\0\0\0\x11\x02\0\0\0\0S\x10\xc0\x04\x01\xa1\x01c\
\0\0\0\x14\x02\0\0\0\0S\x11\xc0\x07\x04@CR\xffR\xff\
\0\0\0\x1f\x02\0\0\0\0S\x12\xc0\x12\x07\xa1\x01sCB@@@\0S)\xc0\x04\x01\xa1\x01q\
\0\0\0\x1f\x02\0\0\0\0S\x12\xc0\x12\x06\xa1\x01sR\x01A@@\0S(\xc0\x04\x01\xa1\x01q\
\0\0\0\x1b\x02\0\0\0\0S\x12\xc0\x0e\x07\xa1\x01cR\x02B@@@\0S0E\
\0\0\0\x19\x02\0\0\0\0S\x13\xc0\x0c\x07CR\xffCR\xffR\x01CR\x05";

pub fn check(data: &[u8]) {
    one_client::check::<Session>(BEGINNING, data);
}
