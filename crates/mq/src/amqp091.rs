//! AMQP 0-9-1 as a dialect: the session of `mq-core` with the codec of `mq-wire`.

use bytes::BytesMut;
use tandem_mq_core::amqp091::{Input, Output, Session, Settings};
use tandem_mq_core::{Heard, SessionId, broker};
use tandem_mq_wire::amqp091::{Decoder, encode};
use tandem_time::Mono;

use crate::configuration::Listener;
use crate::connection::Shared;
use crate::talk::{Dialect, Wish};

pub(crate) struct Amqp091 {
    session: Session,
    decoder: Decoder,
}

impl Amqp091 {
    pub(crate) fn new(id: SessionId, plan: &Listener, shared: &Shared) -> Amqp091 {
        let settings = Settings {
            message: plan.max_frame,
            began: shared.began(),
            ..Settings::default()
        };
        Amqp091 {
            session: Session::new(id, settings, shared.clock.now()),
            decoder: Decoder::default(),
        }
    }
}

impl Dialect for Amqp091 {
    fn read(&mut self, bytes: &mut BytesMut, now: Mono) -> bool {
        self.decoder.limit = self.session.limit();
        match self.decoder.decode(bytes) {
            Ok(Some(item)) => self.session.handle(Input::Item(item), now),
            Ok(None) => return false,
            Err(error) => {
                // Nobody knows where the next frame begins.
                bytes.clear();
                self.session.handle(Input::Garbled(error), now);
            }
        }
        true
    }

    fn wants_bytes(&self) -> bool {
        self.session.wants_items()
    }

    fn publishes(&self, bytes: &[u8]) -> bool {
        publishes(bytes)
    }

    fn broker_says(&mut self, output: broker::Output, now: Mono) {
        self.session.handle(Input::Broker(output), now);
    }

    fn hear(&mut self, heard: Heard, now: Mono) {
        self.session.handle(Input::Heard(heard), now);
    }

    fn poll(&mut self, out: &mut BytesMut) -> Option<Wish> {
        loop {
            match self.session.poll_output()? {
                Output::Send(frame) => encode(&frame, self.session.limit(), out),
                Output::Close => return Some(Wish::Close),
                Output::Authenticate { login, passcode } => return Some(Wish::Authenticate { login, passcode }),
                Output::Ask(input) => return Some(Wish::Ask(input)),
            }
        }
    }

    fn poll_deadline(&self) -> Option<Mono> {
        self.session.poll_deadline()
    }

    fn on_deadline(&mut self, now: Mono) {
        self.session.on_deadline(now);
    }
}

/// A method frame with basic.publish (class 60, method 40), or tx.commit (90, 20), which may bring many.
fn publishes(bytes: &[u8]) -> bool {
    let kind = bytes.first();
    kind == Some(&1) && matches!(bytes.get(7..11), Some([0, 60, 0, 40] | [0, 90, 0, 20]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_are_held_back() {
        for (bytes, held) in [
            (&b""[..], false),
            (b"\x01\0\x01\0\0\0\x09\0\x3c\0\x28\0\0\0\0\0\xce", true),
            (b"\x01\0\x01\0\0\0\x04\0\x5a\0\x14\xce", true),
            (b"\x01\0\x01\0\0\0\x0d\0\x3c\0\x50", false),
            (b"\x02\0\x01\0\0\0\x0e\0\x3c\0\x28", false),
            (b"\x08\0\0\0\0\0\0\xce", false),
        ] {
            assert_eq!(publishes(bytes), held, "{bytes:?}");
        }
    }
}
