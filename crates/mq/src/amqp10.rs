//! AMQP 1.0 as a dialect: the session of `mq-core` with the codec of `mq-wire`.

use bytes::BytesMut;
use tandem_mq_core::amqp10::{Input, Output, Session, Settings};
use tandem_mq_core::{Heard, SessionId, broker};
use tandem_mq_wire::amqp10::{Decoder, encode};
use tandem_time::Mono;

use crate::configuration::Listener;
use crate::connection::Shared;
use crate::talk::{Dialect, Wish};

pub(crate) struct Amqp10 {
    session: Session,
    decoder: Decoder,
}

impl Amqp10 {
    pub(crate) fn new(id: SessionId, plan: &Listener, shared: &Shared) -> Amqp10 {
        let settings = Settings {
            message: plan.max_frame,
            began: shared.began(),
            ..Settings::default()
        };
        Amqp10 {
            session: Session::new(id, settings, shared.clock.now()),
            decoder: Decoder::default(),
        }
    }
}

impl Dialect for Amqp10 {
    fn read(&mut self, bytes: &mut BytesMut, now: Mono) -> bool {
        self.decoder.limit = self.session.limit();
        self.decoder.layer = self.session.layer();
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
                Output::Send(frame) => encode(&frame, out),
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

/// A frame with a transfer: a described list whose descriptor is 0x14, as a small number or a large one.
fn publishes(bytes: &[u8]) -> bool {
    let Some(body) = bytes.get(4).and_then(|offset| bytes.get(usize::from(*offset) * 4..)) else {
        return false;
    };
    let frame = bytes.get(5) == Some(&0);
    frame && (body.starts_with(&[0, 0x53, 0x14]) || body.starts_with(&[0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x14]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_are_held_back() {
        for (bytes, held) in [
            (&b""[..], false),
            (b"AMQP\0\x01\0\0", false),
            (b"\0\0\0\x10\x02\0\0\0\0\x53\x14\xc0\x03\x01\x43", true),
            (b"\0\0\0\x14\x03\0\0\0\0\0\0\0\0\x53\x14\xc0", true),
            (b"\0\0\0\x20\x02\0\0\0\0\x80\0\0\0\0\0\0\0\x14", true),
            (b"\0\0\0\x10\x02\0\0\0\0\x53\x15\xc0\x03\x01\x43", false),
            (b"\0\0\0\x08\x02\0\0\0", false),
        ] {
            assert_eq!(publishes(bytes), held, "{bytes:?}");
        }
    }
}
