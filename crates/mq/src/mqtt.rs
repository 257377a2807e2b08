//! MQTT as a dialect: the session of `mq-core` with the codec of `mq-wire`.

use bytes::BytesMut;
use tandem_mq_core::mqtt::{Input, Output, Session, Settings};
use tandem_mq_core::{Heard, SessionId, broker};
use tandem_mq_wire::mqtt::{Decoder, encode};
use tandem_time::Mono;

use crate::configuration::Listener;
use crate::connection::Shared;
use crate::talk::{Dialect, Wish};

pub(crate) struct Mqtt {
    session: Session,
    decoder: Decoder,
}

impl Mqtt {
    pub(crate) fn new(id: SessionId, plan: &Listener, shared: &Shared) -> Mqtt {
        let settings = Settings {
            packet: plan.max_frame,
            began: shared.began(),
            ..Settings::default()
        };
        Mqtt {
            session: Session::new(id, settings, shared.clock.now()),
            decoder: Decoder::new(),
        }
    }
}

impl Dialect for Mqtt {
    fn read(&mut self, bytes: &mut BytesMut, now: Mono) -> bool {
        self.decoder.limit = self.session.limit();
        match self.decoder.decode(bytes) {
            Ok(Some(packet)) => self.session.handle(Input::Packet(packet), now),
            Ok(None) => return false,
            Err(error) => self.session.handle(Input::Garbled(error), now),
        }
        true
    }

    fn wants_bytes(&self) -> bool {
        self.session.wants_packets()
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
                Output::Send(answer) => encode(&answer, self.session.version(), out),
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

/// PUBLISH is packet 3 (MQTT 5, table 2-1).
fn publishes(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first >> 4 == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_are_held_back() {
        let held: Vec<u8> = (0..=15).filter(|kind| publishes(&[kind << 4])).collect();
        assert_eq!((held, publishes(&[])), (vec![3], false));
    }
}
