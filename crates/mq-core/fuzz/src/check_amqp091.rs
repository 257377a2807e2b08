//! Whatever one client of AMQP 0-9-1 sends, nothing panics, what it can make us keep is bounded, and each queue counts right.

use bytes::BytesMut;
use tandem_mq_core::amqp091::{Input, Output, Session, Settings};
use tandem_mq_core::broker::{self, Broker};
use tandem_mq_core::{Heard, SessionId};
use tandem_mq_wire::amqp091::{Decoder, encode};
use tandem_time::Mono;

/// From the greeting to an open channel, and a queue with a consumer: most bytes that nobody chose would never come so far.
pub const BEGINNING: &[u8] = b"AMQP\0\0\x09\x01\
\x01\0\0\0\0\0\x1c\0\x0a\0\x0b\0\0\0\0\x05PLAIN\0\0\0\x04\0a\0b\x05en_US\xce\
\x01\0\0\0\0\0\x0c\0\x0a\0\x1f\0\0\0\0\0\0\0\0\xce\
\x01\0\0\0\0\0\x08\0\x0a\0\x28\x01/\0\0\xce\
\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce\
\x01\0\x01\0\0\0\x0d\0\x32\0\x0a\0\0\x01q\x02\0\0\0\0\xce\
\x01\0\x01\0\0\0\x0f\0\x3c\0\x14\0\0\x01q\x01t\0\0\0\0\0\xce";

struct Node {
    session: Session,
    decoder: Decoder,
    broker: Broker,
    now: Mono,
    /// What is sent leaves at once, or never.
    flushes: bool,
}

pub fn check(data: &[u8]) {
    let id = SessionId::of_connection(1);
    let settings = Settings {
        message: 1 << 16,
        ..Settings::default()
    };
    let mut node = Node {
        session: Session::new(id, settings, Mono::ZERO),
        decoder: Decoder::default(),
        broker: Broker::new(broker::Settings::default()),
        now: Mono::ZERO,
        flushes: false,
    };
    let (first, rest) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    node.flushes = first & 2 != 0;
    if first & 1 == 0 {
        node.reads(BEGINNING);
        let consumers: Vec<usize> = node.broker.queues().map(|queue| queue.consumers).collect();
        assert_eq!(consumers, [1], "the beginning is as it should be");
    }
    node.reads(rest);
    node.now = Mono::from_millis(u64::from(first) * 100);
    node.broker.on_deadline(node.now);
    node.session.on_deadline(node.now);
    node.turn();
    node.broker.handle(broker::Input::Closed { session: id }, node.now);
    for queue in node.broker.queues() {
        assert_eq!((queue.in_flight, queue.consumers), (0, 0), "{queue:?}");
    }
}

impl Node {
    fn reads(&mut self, data: &[u8]) {
        let mut bytes = BytesMut::from(data);
        while self.session.wants_items() && !self.session.is_closed() {
            self.decoder.limit = self.session.limit();
            match self.decoder.decode(&mut bytes) {
                Ok(Some(item)) => self.session.handle(Input::Item(item), self.now),
                Ok(None) => return,
                Err(error) => return self.session.handle(Input::Garbled(error), self.now),
            }
            self.turn();
            if self.flushes {
                self.session.handle(Input::Heard(Heard::Flushed), self.now);
                self.turn();
            }
        }
    }

    fn turn(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(output) = self.session.poll_output() {
                quiet = false;
                match output {
                    Output::Send(frame) => encode(&frame, self.session.limit(), &mut BytesMut::new()),
                    Output::Ask(input) => self.broker.handle(input, self.now),
                    Output::Authenticate { .. } => {
                        self.session.handle(Input::Heard(Heard::Login(Ok(()))), self.now);
                    }
                    Output::Close => {}
                }
            }
            while let Some(output) = self.broker.poll_output() {
                quiet = false;
                match output {
                    broker::Output::Write { lsn, .. } => {
                        self.broker.handle(broker::Input::Stored { upto: lsn }, self.now);
                    }
                    output => self.session.handle(Input::Broker(output), self.now),
                }
            }
            if quiet {
                return;
            }
        }
    }
}
