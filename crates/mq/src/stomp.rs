//! STOMP as a dialect: the session of `mq-core` with the codec of `mq-wire`.

use bytes::BytesMut;
use tandem_mq_core::stomp::{Input, Output, Session, Settings};
use tandem_mq_core::{Heard, SessionId, broker};
use tandem_mq_wire::stomp::{Decoder, HEART_BEAT, Limits, encode};
use tandem_time::Mono;

use crate::configuration::Listener;
use crate::connection::Shared;
use crate::talk::{Dialect, Wish};

pub(crate) struct Stomp {
    session: Session,
    decoder: Decoder,
}

impl Stomp {
    pub(crate) fn new(id: SessionId, plan: &Listener, shared: &Shared) -> Stomp {
        let usual = Settings::default();
        let limits = Limits {
            body: plan.max_frame,
            ..usual.limits
        };
        let settings = Settings {
            limits,
            began: shared.began(),
            ..usual
        };
        Stomp {
            session: Session::new(id, settings, shared.clock.now()),
            decoder: Decoder::new(Limits::STRANGER),
        }
    }
}

impl Dialect for Stomp {
    fn read(&mut self, bytes: &mut BytesMut, now: Mono) -> bool {
        self.decoder.version = self.session.version();
        self.decoder.limits = self.session.limits();
        match self.decoder.decode(bytes) {
            Ok(Some(item)) => self.session.handle(Input::Item(item), now),
            Ok(None) => return false,
            Err(error) => self.session.handle(Input::Garbled(error), now),
        }
        true
    }

    fn wants_bytes(&self) -> bool {
        self.session.wants_frames()
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
                Output::Send(frame) => encode(&frame, self.session.version(), out),
                Output::HeartBeat => out.extend_from_slice(HEART_BEAT),
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

/// A message, or the end of a transaction that may hold some. In the middle of a frame this reads a body, and only messages
/// have one.
fn publishes(bytes: &[u8]) -> bool {
    let ends = bytes.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
    let line = bytes[ends..].split(|byte| matches!(byte, b'\n' | b'\r')).next();
    matches!(line, Some(b"SEND" | b"COMMIT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_are_held_back() {
        for (bytes, held) in [
            ("", false),
            ("\n\r\n", false),
            ("SEND\ndestination:/queue/a\n", true),
            ("\n\r\nSEND\r\n", true),
            ("COMMIT\ntransaction:t\n\n\0", true),
            ("ACK\nid:1\n\n\0SEND\n", false),
            ("DISCONNECT\n\n\0", false),
        ] {
            assert_eq!(publishes(bytes.as_bytes()), held, "{bytes:?}");
        }
    }
}
