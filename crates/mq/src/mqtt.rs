//! MQTT as a dialect: the session of `mq-core` with the codec of `mq-wire`.

use bytes::BytesMut;
use tandem_mq_core::SessionId;
use tandem_mq_core::mqtt::{Input, Output, Session, Settings};
use tandem_mq_wire::mqtt::{Decoder, encode};
use tandem_time::Mono;

use crate::configuration::Listener;
use crate::connection::Shared;
use crate::talk::{Dialect, Heard, Wish};

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

    fn hear(&mut self, heard: Heard, now: Mono) {
        let input = match heard {
            Heard::Broker(output) => Input::Broker(output),
            Heard::Login(answer) => Input::Login(answer),
            Heard::Flushed => Input::Flushed,
            Heard::Unread => Input::Unread,
            Heard::Leave(why) => Input::Leave(why.into()),
        };
        self.session.handle(input, now);
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
