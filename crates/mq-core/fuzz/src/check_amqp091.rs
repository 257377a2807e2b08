//! What one client of AMQP 0-9-1 sends. What holds then is in [`one_client`].

use tandem_mq_core::amqp091::Session;

use crate::one_client;

/// From the greeting to an open channel, and a queue with a consumer: most bytes that nobody chose would never come so far.
pub const BEGINNING: &[u8] = b"AMQP\0\0\x09\x01\
\x01\0\0\0\0\0\x1c\0\x0a\0\x0b\0\0\0\0\x05PLAIN\0\0\0\x04\0a\0b\x05en_US\xce\
\x01\0\0\0\0\0\x0c\0\x0a\0\x1f\0\0\0\0\0\0\0\0\xce\
\x01\0\0\0\0\0\x08\0\x0a\0\x28\x01/\0\0\xce\
\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce\
\x01\0\x01\0\0\0\x0d\0\x32\0\x0a\0\0\x01q\x02\0\0\0\0\xce\
\x01\0\x01\0\0\0\x0f\0\x3c\0\x14\0\0\x01q\x01t\0\0\0\0\0\xce";

pub fn check(data: &[u8]) {
    one_client::check::<Session>(BEGINNING, data);
}
