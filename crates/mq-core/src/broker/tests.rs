//! One node, a few sessions, and a journal that is as fast as the test wants.

mod commit;
mod groups;
mod memory;
mod model;
mod operator;
mod policy;
mod story;

use super::*;
use crate::{Message, TransactionId};

/// A broker and everything it has said.
pub(super) struct Node {
    pub(super) broker: Broker,
    pub(super) now: Mono,
    pub(super) written: Vec<(Lsn, Record)>,
    pub(super) delivered: Vec<Delivery>,
    pub(super) synced: Vec<u64>,
    pub(super) refused: Vec<Refusal>,
    pub(super) holds: Vec<bool>,
    pub(super) browsed: usize,
    pub(super) drained: Vec<u32>,
    pub(super) attached: Vec<Option<Known>>,
    pub(super) taken: Vec<SessionId>,
    pub(super) arranged: Vec<Arranged>,
    pub(super) returned: Vec<String>,
    pub(super) abandoned: Vec<ConsumerId>,
    pub(super) omitted: usize,
}

pub(super) const A: SessionId = SessionId(1);
pub(super) const B: SessionId = SessionId(2);

impl Node {
    pub(super) fn new(settings: Settings) -> Node {
        let mut node = Node {
            broker: Broker::new(settings),
            now: Mono::ZERO,
            written: Vec::new(),
            delivered: Vec::new(),
            synced: Vec::new(),
            refused: Vec::new(),
            holds: Vec::new(),
            browsed: 0,
            drained: Vec::new(),
            attached: Vec::new(),
            taken: Vec::new(),
            arranged: Vec::new(),
            returned: Vec::new(),
            abandoned: Vec::new(),
            omitted: 0,
        };
        node.tell(Input::Opened { session: A });
        node.tell(Input::Opened { session: B });
        node
    }

    pub(super) fn tell(&mut self, input: Input) {
        self.broker.handle(input, self.now);
        self.listen();
    }

    pub(super) fn listen(&mut self) {
        let (figures, walked) = (self.broker.figures(), self.broker.queues());
        let walked = walked.fold((0, 0), |(ready, out), queue| {
            (ready + queue.depth, out + queue.in_flight)
        });
        assert_eq!((figures.ready, figures.unacknowledged), walked);
        while let Some(output) = self.broker.poll_output() {
            match output {
                Output::Write { lsn, record } => {
                    assert!(record.is_flat(), "{record:?}");
                    self.written.push((lsn, record));
                }
                Output::Deliver(delivery) => self.delivered.push(delivery),
                Output::Browsed { .. } => self.browsed += 1,
                Output::Drained { left, .. } => self.drained.push(left),
                Output::Synced { token, .. } => self.synced.push(token.0),
                Output::Refused { reason, .. } => self.refused.push(reason),
                Output::Hold(held) => self.holds.push(held.is_some()),
                Output::Attached { known, .. } => self.attached.push(known.map(|known| *known)),
                Output::Taken { session } => self.taken.push(session),
                Output::Arranged { answer, .. } => self.arranged.push(answer),
                Output::Returned { message, .. } => self.returned.push(text(&message)),
                Output::Abandoned { consumer } => self.abandoned.push(consumer),
                Output::Omitted { .. } => self.omitted += 1,
            }
        }
    }

    pub(super) fn send(&mut self, to: &Target, text: &str) {
        self.send_in(None, to, message(text));
    }

    pub(super) fn send_in(&mut self, transaction: Option<u64>, to: &Target, message: Message) {
        self.tell(Input::Send {
            session: A,
            transaction: transaction.map(TransactionId),
            to: to.clone(),
            message,
            once: None,
        });
    }

    pub(super) fn subscribe(&mut self, session: SessionId, number: u64, to: &Target, credit: u32) -> ConsumerId {
        let options = Subscription {
            credit,
            ..Subscription::default()
        };
        self.subscribe_with(session, number, to, options)
    }

    pub(super) fn subscribe_with(
        &mut self,
        session: SessionId,
        number: u64,
        to: &Target,
        options: Subscription,
    ) -> ConsumerId {
        let consumer = ConsumerId { session, number };
        self.tell(Input::Subscribe {
            consumer,
            to: to.clone(),
            options,
        });
        consumer
    }

    pub(super) fn settle(&mut self, session: SessionId, delivery: DeliveryId, outcome: Outcome) {
        self.settle_in(session, None, delivery, outcome);
    }

    pub(super) fn settle_in(&mut self, session: SessionId, tx: Option<u64>, delivery: DeliveryId, outcome: Outcome) {
        let transaction = tx.map(TransactionId);
        self.tell(Input::Settle {
            session,
            transaction,
            delivery,
            outcome,
        });
    }

    pub(super) fn sync(&mut self, token: u64) {
        self.tell(Input::Sync {
            session: A,
            token: Token(token),
        });
    }

    /// The disk has caught up.
    pub(super) fn store_all(&mut self) {
        let upto = last(&self.written);
        self.tell(Input::Stored { upto });
    }

    /// What came since the last look, as texts.
    pub(super) fn texts(&mut self) -> Vec<String> {
        self.delivered.drain(..).map(|d| text(&d.message)).collect()
    }

    /// The same node after a crash: only what was written is left.
    pub(super) fn restarted(&self) -> Node {
        self.fell_at(self.written.len())
    }

    /// The same when only so many records were.
    pub(super) fn fell_at(&self, written: usize) -> Node {
        self.fell(written, Mono::ZERO)
    }

    /// And it is this time when the node is here again.
    pub(super) fn fell(&self, written: usize, now: Mono) -> Node {
        let written = &self.written[..written];
        let mut node = Node::new(self.broker.settings.clone());
        node.now = now;
        node.broker.restore(written.iter().map(|(_, record)| record.clone()));
        (node.broker.written, node.broker.stored) = (last(written), last(written));
        node.written = written.to_vec();
        node.broker.restored(node.now);
        node.listen();
        node
    }

    pub(super) fn depth(&self, name: &str) -> usize {
        self.broker
            .queues()
            .filter(|q| &*q.name == name)
            .map(|q| q.depth + q.in_flight)
            .sum()
    }
}

fn last(written: &[(Lsn, Record)]) -> Lsn {
    written.last().map(|(lsn, _)| *lsn).unwrap_or_default()
}

pub(super) fn message(text: &str) -> Message {
    Message {
        body: text.as_bytes().to_vec().into(),
        durable: true,
        ..Message::default()
    }
}

pub(super) fn text(message: &Message) -> String {
    String::from_utf8_lossy(&message.body).into_owned()
}

pub(super) fn queue(name: &str) -> Target {
    Target {
        address: name.into(),
        kind: Kind::Anycast,
    }
}

pub(super) fn topic(name: &str) -> Target {
    Target {
        address: name.into(),
        kind: Kind::Multicast,
    }
}
