//! Whatever one client of AMQP 1.0 sends, nothing panics, what it can make us keep is bounded, and each queue counts right.

use bytes::BytesMut;
use tandem_mq_core::amqp10::{Input, Output, Session, Settings};
use tandem_mq_core::broker::{self, Broker};
use tandem_mq_core::{Heard, SessionId};
use tandem_mq_wire::amqp10::{Decoder, encode};
use tandem_time::Mono;

/// From the header to a session with a sender, a receiver that wants messages, and a coordinator: most bytes that nobody chose
/// would never come so far.
pub const BEGINNING: &[u8] = b"AMQP\0\x01\0\0\
\0\0\0\x11\x02\0\0\0\0S\x10\xc0\x04\x01\xa1\x01c\
\0\0\0\x14\x02\0\0\0\0S\x11\xc0\x07\x04@CR\xffR\xff\
\0\0\0\x1f\x02\0\0\0\0S\x12\xc0\x12\x07\xa1\x01sCB@@@\0S)\xc0\x04\x01\xa1\x01q\
\0\0\0\x1f\x02\0\0\0\0S\x12\xc0\x12\x06\xa1\x01sR\x01A@@\0S(\xc0\x04\x01\xa1\x01q\
\0\0\0\x1b\x02\0\0\0\0S\x12\xc0\x0e\x07\xa1\x01cR\x02B@@@\0S0E\
\0\0\0\x19\x02\0\0\0\0S\x13\xc0\x0c\x07CR\xffCR\xffR\x01CR\x05";

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
    node.now = Mono::from_millis(u64::from(first) * 1000);
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
            self.decoder.layer = self.session.layer();
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
                    Output::Send(frame) => encode(&frame, &mut BytesMut::new()),
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
