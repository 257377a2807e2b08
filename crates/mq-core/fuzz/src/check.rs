//! Whatever two MQTT clients send, in whatever pieces, and whenever connections, time and the node end: nothing panics,
//! what is kept is bounded by what was sent, and what the journal brings back is what was there.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::BytesMut;
use tandem_mq_core::broker::{self, Broker, QueueView};
use tandem_mq_core::dialect::{Bounds, Origin};
use tandem_mq_core::mqtt::{Input, Output, Session};
use tandem_mq_core::{Dialect, Heard, Kind, Lsn, Record, SessionId};
use tandem_time::Mono;

const CLIENTS: usize = 2;
/// Each byte may make a few things: a subscription, a number, a copy for each client.
const THINGS_A_BYTE: usize = 8;

struct Client {
    id: SessionId,
    session: Session,
    incoming: BytesMut,
    outgoing: BytesMut,
    open: bool,
}

struct Node {
    broker: Broker,
    now: Mono,
    clients: Vec<Option<Client>>,
    journal: Vec<Record>,
    last: Lsn,
    sessions: u64,
}

/// Steps of a kind, a length and that many bytes.
pub fn check(data: &[u8]) {
    let mut node = Node {
        broker: Broker::new(broker::Settings::default()),
        now: Mono::ZERO,
        clients: (0..CLIENTS).map(|_| None).collect(),
        journal: Vec::new(),
        last: Lsn(0),
        sessions: 0,
    };
    let mut rest = data;
    while let [kind, length, tail @ ..] = rest {
        let length = usize::from(*length).min(tail.len());
        let (bytes, tail) = tail.split_at(length);
        rest = tail;
        let which = usize::from(kind >> 4) % CLIENTS;
        match kind & 7 {
            0..=3 => node.hears(which, bytes),
            4 => node.loses(which),
            5 => node.waits(Duration::from_secs(length as u64)),
            6 => node.flushes(which),
            _ => node.crashes(),
        }
        node.turn();
        let kept: usize = node
            .broker
            .queues()
            .map(|queue| queue.depth + queue.in_flight + 1)
            .sum();
        assert!(
            kept + node.broker.retained() <= data.len() * THINGS_A_BYTE,
            "{kept} things are kept"
        );
    }
    (0..CLIENTS).for_each(|which| node.loses(which));
    node.turn();
    let passing = |queue: &QueueView| !queue.durable && queue.kind == Kind::Multicast;
    assert!(
        !node.broker.queues().any(|queue| passing(&queue)),
        "nobody is there who needs it"
    );
}

impl Node {
    fn hears(&mut self, which: usize, bytes: &[u8]) {
        if self.clients[which].is_none() {
            self.sessions += 1;
            let id = SessionId(self.sessions);
            self.clients[which] = Some(Client {
                id,
                session: Session::open(id, Bounds::default(), Origin::default(), self.now),
                incoming: BytesMut::new(),
                outgoing: BytesMut::new(),
                open: true,
            });
        }
        if let Some(client) = &mut self.clients[which] {
            client.incoming.extend_from_slice(bytes);
        }
    }

    fn loses(&mut self, which: usize) {
        if let Some(client) = self.clients[which].take() {
            self.broker
                .handle(broker::Input::Closed { session: client.id }, self.now);
        }
    }

    fn waits(&mut self, time: Duration) {
        self.now += time;
        self.broker.on_deadline(self.now);
        for client in self.clients.iter_mut().flatten() {
            client.session.on_deadline(self.now);
        }
    }

    fn flushes(&mut self, which: usize) {
        if let Some(client) = &mut self.clients[which] {
            client.session.handle(Input::Heard(Heard::Flushed), self.now);
        }
    }

    /// Everything had been written; what is not durable is gone.
    fn crashes(&mut self) {
        (0..CLIENTS).for_each(|which| self.loses(which));
        self.turn();
        let durable = |broker: &Broker| -> Vec<(Box<str>, Box<str>)> {
            let queues = broker.queues().filter(|queue| queue.durable);
            queues.map(|queue| (queue.name, queue.address)).collect()
        };
        let (before, retained) = (durable(&self.broker), self.broker.retained());
        self.broker = Broker::new(broker::Settings::default());
        self.broker.restore(self.journal.iter().cloned());
        assert_eq!(durable(&self.broker), before);
        assert_eq!(self.broker.retained(), retained);
        self.last = Lsn(0);
        self.broker.restored(self.now);
    }

    fn turn(&mut self) {
        loop {
            let mut quiet = true;
            for which in 0..CLIENTS {
                quiet &= !self.serve(which);
            }
            let mut outputs = VecDeque::new();
            while let Some(output) = self.broker.poll_output() {
                outputs.push_back(output);
            }
            quiet &= outputs.is_empty();
            outputs.into_iter().for_each(|output| self.hand_on(output));
            if quiet {
                return;
            }
        }
    }

    /// Whether there was something to do.
    fn serve(&mut self, which: usize) -> bool {
        let mut did = false;
        loop {
            let Some(client) = &mut self.clients[which] else {
                return did;
            };
            while let Some(output) = client.session.poll_output() {
                did = true;
                match output {
                    Output::Send(answer) => client.session.encode(&answer, &mut client.outgoing),
                    Output::Ask(input) => self.broker.handle(input, self.now),
                    Output::Authenticate { .. } => client.session.handle(Input::Heard(Heard::Login(Ok(()))), self.now),
                    Output::Close => client.open = false,
                }
            }
            client.outgoing.clear();
            if !client.open {
                self.loses(which);
                return true;
            }
            if !client.session.wants_items() || !client.session.read(&mut client.incoming, self.now) {
                return did;
            }
            did = true;
        }
    }

    fn hand_on(&mut self, output: broker::Output) {
        if let broker::Output::Write { lsn, record } = &output {
            assert!(record.is_flat(), "the journal could not be read again");
            self.journal.push(record.clone());
            self.last = *lsn;
            return self.broker.handle(broker::Input::Stored { upto: self.last }, self.now);
        }
        let Some(session) = output.session() else { return };
        let client = self.clients.iter_mut().flatten().find(|client| client.id == session);
        if let Some(client) = client {
            client.session.handle(Input::Broker(output), self.now);
        }
    }
}
