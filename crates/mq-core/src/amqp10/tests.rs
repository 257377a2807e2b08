//! Connections with a broker behind them: what a client says, and what it hears.

mod connect;
mod later;
mod links;
mod messages;
mod mistakes;
mod sentences;
mod waits;

use tandem_mq_wire::amqp10::{
    Attach, Begin, Disposition, Error, Flow, Sections, Source, State as Outcome, Target, Transfer, Value,
};

use super::*;
use crate::SessionId;
use crate::dialect::testing;

pub(super) type Node = testing::Node<Session>;

pub(super) fn source(address: &str) -> Source {
    Source {
        address: Some(address.into()),
        ..Source::default()
    }
}

pub(super) fn receiver(name: &str, handle: u32, source: Source) -> Attach {
    Attach {
        name: name.into(),
        handle,
        role: true,
        source: Some(source),
        ..Attach::default()
    }
}

pub(super) fn sender(name: &str, handle: u32, address: Option<&str>) -> Attach {
    let target = Target {
        address: address.map(Into::into),
        ..Target::default()
    };
    Attach {
        name: name.into(),
        handle,
        target: Some(target.into()),
        ..Attach::default()
    }
}

/// A message with a text, as bytes.
pub(super) fn payload(text: &str) -> Bytes {
    let mut out = BytesMut::from(&b"\0\x53\x70\xc0\x02\x01\x41\0\x53\x77"[..]);
    Value::Text(text.into()).write(&mut out);
    out.freeze()
}

pub(super) fn transfer(handle: u32, id: u32) -> Transfer {
    Transfer {
        handle,
        delivery_id: Some(id),
        delivery_tag: Some(Bytes::copy_from_slice(&id.to_be_bytes())),
        ..Transfer::default()
    }
}

pub(super) fn credit(handle: u32, credit: u32) -> Flow {
    Flow {
        next_incoming_id: Some(0),
        incoming_window: 1000,
        outgoing_window: 1000,
        handle: Some(handle),
        delivery_count: Some(0),
        link_credit: Some(credit),
        ..Flow::default()
    }
}

pub(super) fn settled(id: u32, state: impl Into<Outcome>) -> Disposition {
    Disposition {
        role: true,
        first: id,
        settled: Some(true),
        state: Some(state.into()),
        ..Disposition::default()
    }
}

pub(super) fn condition(error: &Option<Error>) -> &str {
    error.as_ref().map_or("", |error| &error.condition.0)
}

pub(super) fn text_of(payload: Bytes) -> String {
    match Sections::read(payload).unwrap().body {
        tandem_mq_wire::amqp10::Body::Value(spelled) => Value::read(spelled).unwrap().to_string(),
        other => panic!("{other:?}"),
    }
}

impl Node {
    /// An open connection with a session on channel 0.
    pub(super) fn client(&mut self, number: u64) {
        self.connection(number, &Open::default());
        let begin = Begin {
            incoming_window: 1000,
            outgoing_window: 1000,
            ..Begin::default()
        };
        self.says(number, begin);
        assert!(matches!(self.hears(number), Performative::Begin(_)));
    }

    pub(super) fn connection(&mut self, number: u64, open: &Open) {
        self.stranger(number);
        self.item(number, Item::Greeting(Greeting::Amqp));
        assert_eq!(self.frame(number), Some(Frame::Greeting(Greeting::Amqp)));
        self.says(number, open.clone());
        assert!(matches!(self.hears(number), Performative::Open(_)));
    }

    pub(super) fn says(&mut self, number: u64, said: impl Into<Performative>) {
        self.item(number, Item::Said(0, said.into(), Bytes::new()));
    }

    pub(super) fn sends(&mut self, number: u64, transfer: Transfer, payload: Bytes) {
        self.item(number, Item::Said(0, transfer.into(), payload));
    }

    /// Attached, and what follows that.
    pub(super) fn attaches(&mut self, number: u64, attach: Attach) -> Attach {
        let sends = !attach.role;
        self.says(number, attach);
        let Performative::Attach(answer) = self.hears(number) else {
            panic!("an attach is answered")
        };
        if sends {
            assert!(matches!(self.hears(number), Performative::Flow(_)));
        }
        answer
    }

    /// Sent and accepted.
    pub(super) fn puts(&mut self, number: u64, handle: u32, id: u32, text: &str) {
        self.sends(number, transfer(handle, id), payload(text));
        let Performative::Disposition(told) = self.hears(number) else {
            panic!("it is told")
        };
        assert_eq!((told.first, told.settled), (id, Some(true)));
        assert!(matches!(told.state, Some(Outcome::Accepted(_))), "{told:?}");
    }

    /// The next message.
    #[track_caller]
    pub(super) fn gets(&mut self, number: u64) -> (Transfer, String) {
        match self.frame(number) {
            Some(Frame::Say(_, Performative::Transfer(transfer), payload)) => (transfer, text_of(payload)),
            other => panic!("no message: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn hears(&mut self, number: u64) -> Performative {
        match self.frame(number) {
            Some(Frame::Say(_, said, _)) => said,
            other => panic!("nothing was said: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn hears_nothing(&mut self, number: u64) {
        assert_eq!(self.frame(number), None);
    }
}
