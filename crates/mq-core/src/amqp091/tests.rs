//! Sessions with a broker behind them: what a client says, and what it hears.

mod bounds;
mod connect;
mod mistakes;
mod model;
mod story;

use bytes::Bytes;
use tandem_mq_wire::amqp091::{Field, Properties, Table};

use super::*;
use crate::SessionId;
use crate::dialect::testing;

pub(super) type Node = testing::Node<Session>;

pub(super) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

impl Node {
    /// An open connection with channel 1.
    pub(super) fn client(&mut self, number: u64) {
        self.connection(number);
        self.says(number, 1, Method::ChannelOpen { out_of_band: "".into() });
        assert!(matches!(self.hears(number), Method::ChannelOpenOk { .. }));
    }

    pub(super) fn connection(&mut self, number: u64) {
        self.stranger(number);
        self.item(number, Item::Greeting);
        assert!(matches!(self.hears(number), Method::Start { .. }));
        self.says(number, 0, start_ok());
        assert!(matches!(self.hears(number), Method::Tune { .. }));
        self.says(
            number,
            0,
            Method::TuneOk {
                channel_max: 100,
                frame_max: 4096,
                heartbeat: 0,
            },
        );
        self.says(number, 0, open("/"));
        assert!(matches!(self.hears(number), Method::OpenOk { .. }));
    }

    pub(super) fn says(&mut self, number: u64, channel: u16, method: Method) {
        self.item(number, Item::Method(channel, method));
    }

    pub(super) fn publish(&mut self, number: u64, exchange: &str, key: &str, body: &str) {
        let durable = Properties {
            delivery_mode: Some(2),
            ..Properties::default()
        };
        self.publish_with(number, exchange, key, body, durable, false);
    }

    pub(super) fn publish_with(
        &mut self,
        number: u64,
        exchange: &str,
        key: &str,
        body: &str,
        properties: Properties,
        mandatory: bool,
    ) {
        let publish = Method::Publish {
            ticket: 0,
            exchange: exchange.into(),
            key: key.into(),
            mandatory,
            immediate: false,
        };
        self.says(number, 1, publish);
        self.item(number, Item::Header(1, body.len() as u64, Box::new(properties)));
        if !body.is_empty() {
            self.item(number, Item::Body(1, bytes(body)));
        }
    }

    pub(super) fn declare(&mut self, number: u64, queue: &str, arguments: Table) {
        self.says(number, 1, declare(queue, arguments));
        assert!(matches!(self.hears(number), Method::QueueDeclareOk { .. }));
    }

    pub(super) fn consume(&mut self, number: u64, queue: &str, tag: &str, no_ack: bool) {
        self.says(number, 1, consume(queue, tag, no_ack));
        assert_eq!(self.hears(number), Method::ConsumeOk { tag: tag.into() });
    }

    pub(super) fn qos(&mut self, number: u64, count: u16, global: bool) {
        let size = 0;
        self.says(number, 1, Method::Qos { size, count, global });
        assert_eq!(self.hears(number), Method::QosOk {});
    }

    /// The next method, whichever channel it is for.
    #[track_caller]
    pub(super) fn hears(&mut self, number: u64) -> Method {
        self.hears_maybe(number).expect("there is something")
    }

    pub(super) fn hears_maybe(&mut self, number: u64) -> Option<Method> {
        match self.frame(number)? {
            Frame::Method(_, method) | Frame::Content(_, method, ..) => Some(method),
            other => panic!("{other:?}"),
        }
    }

    /// All messages that have come: their tags, whether again, and their bodies.
    pub(super) fn delivered(&mut self, number: u64) -> Vec<(u64, bool, String)> {
        let heard = std::mem::take(&mut self.clients.get_mut(&number).unwrap().heard);
        let content = heard.into_iter().filter_map(|frame| match frame {
            Frame::Content(_, Method::Deliver { tag, redelivered, .. }, _, body) => {
                Some((tag, redelivered, String::from_utf8_lossy(&body).into_owned()))
            }
            _ => None,
        });
        content.collect()
    }

    pub(super) fn bodies(&mut self, number: u64) -> Vec<String> {
        self.delivered(number).into_iter().map(|(_, _, body)| body).collect()
    }
}

pub(super) fn start_ok() -> Method {
    start_ok_with("PLAIN", b"\0guest\0guest")
}

pub(super) fn start_ok_with(mechanism: &str, response: &'static [u8]) -> Method {
    let yes = Field::Bool(true);
    let capabilities = Table::default()
        .with("authentication_failure_close", yes.clone())
        .with("connection.blocked", yes.clone())
        .with("consumer_cancel_notify", yes);
    Method::StartOk {
        properties: Table::default().with("capabilities", Field::Table(capabilities)),
        mechanism: mechanism.into(),
        response: Bytes::from_static(response),
        locale: "en_US".into(),
    }
}

pub(super) fn open(vhost: &str) -> Method {
    Method::Open {
        vhost: vhost.into(),
        capabilities: "".into(),
        insist: false,
    }
}

pub(super) fn declare(queue: &str, arguments: Table) -> Method {
    Method::QueueDeclare {
        ticket: 0,
        queue: queue.into(),
        passive: false,
        durable: true,
        exclusive: false,
        auto_delete: false,
        nowait: false,
        arguments,
    }
}

pub(super) fn consume(queue: &str, tag: &str, no_ack: bool) -> Method {
    Method::Consume {
        ticket: 0,
        queue: queue.into(),
        tag: tag.into(),
        no_local: false,
        no_ack,
        exclusive: false,
        nowait: false,
        arguments: Table::default(),
    }
}
