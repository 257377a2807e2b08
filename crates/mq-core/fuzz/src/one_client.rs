//! Whatever one client sends, nothing panics, what it can make us keep is bounded, and each queue counts right.

use bytes::BytesMut;
use tandem_mq_core::broker::{self, Broker};
use tandem_mq_core::dialect::{Bounds, Dialect, Input, Origin, Output};
use tandem_mq_core::{Heard, SessionId};
use tandem_time::Mono;

/// The largest message.
const MESSAGE: usize = 1 << 16;

struct Node<D> {
    session: D,
    broker: Broker,
    now: Mono,
    /// What is sent leaves at once, or never.
    flushes: bool,
}

/// The first byte says how the node goes about it; `beginning` leads to a queue with a consumer.
pub fn check<D: Dialect>(beginning: &[u8], data: &[u8]) {
    let id = SessionId::of_connection(1);
    let (first, rest) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let mut node = Node {
        session: D::open(
            id,
            Bounds {
                message: MESSAGE,
                ..Bounds::default()
            },
            Origin::default(),
            Mono::ZERO,
        ),
        broker: Broker::new(broker::Settings::default()),
        now: Mono::ZERO,
        flushes: first & 2 != 0,
    };
    if first & 1 == 0 {
        node.reads(beginning);
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

impl<D: Dialect> Node<D> {
    fn reads(&mut self, data: &[u8]) {
        let mut bytes = BytesMut::from(data);
        while self.session.wants_items() && self.session.read(&mut bytes, self.now) {
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
                    Output::Send(frame) => self.session.encode(&frame, &mut BytesMut::new()),
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
