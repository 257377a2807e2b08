//! STOMP as a dialect: the session of `mq-core` with the codec of `mq-wire`.

use bytes::BytesMut;
use tandem_mq_core::SessionId;
use tandem_mq_core::stomp::{Input, Output, Session, Settings};
use tandem_mq_wire::stomp::{Decoder, HEART_BEAT, Limits, encode};
use tandem_time::Mono;

use crate::configuration::Listener;
use crate::connection::Shared;
use crate::talk::{Dialect, Heard, Wish};

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
