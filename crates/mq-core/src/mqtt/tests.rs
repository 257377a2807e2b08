//! Sessions with a broker behind them, and a disk that is as fast as the test wants.

mod flow;
mod life;
mod mistakes;
mod model;
mod share;

use std::time::Duration;

use bytes::Bytes;
use tandem_mq_wire::mqtt::{Connect, Filter, Qos, RetainHandling, Subscribe, Unsubscribe};

use super::*;
use crate::broker::Broker;
use crate::dialect::{Bounds, Origin};
use crate::{Lsn, Record, SessionId};

/// A node with any number of clients.
pub(super) struct Node {
    pub(super) broker: Broker,
    pub(super) now: Mono,
    pub(super) clients: BTreeMap<u64, Session>,
    pub(super) heard: BTreeMap<u64, VecDeque<Answer>>,
    pub(super) closed: BTreeSet<u64>,
    pub(super) written: Vec<Record>,
    last: Lsn,
    /// How much of that is on disk.
    pub(super) stored: usize,
    pub(super) fast_disk: bool,
    next: u64,
}

pub(super) fn client(name: &str) -> Connect {
    Connect {
        version: Version::V5,
        clean: true,
        keep_alive: 0,
        client: name.into(),
        will: None,
        user: None,
        password: None,
        properties: Properties::default(),
    }
}

/// One that comes back.
pub(super) fn lasting(name: &str) -> Connect {
    let mut connect = client(name);
    connect.clean = false;
    connect.properties.session_expiry = Some(u32::MAX);
    connect
}

/// One that comes back, and takes one message at a time.
pub(super) fn narrow(name: &str) -> Connect {
    let mut connect = lasting(name);
    connect.properties.receive_maximum = Some(1);
    connect
}

pub(super) fn old(connect: Connect) -> Connect {
    Connect {
        version: Version::V3_1_1,
        properties: Properties::default(),
        ..connect
    }
}

pub(super) fn publish(topic: &str, body: &str, qos: u8, packet: u16) -> Publish {
    Publish {
        topic: topic.into(),
        payload: Bytes::copy_from_slice(body.as_bytes()),
        qos: Qos::of(qos).unwrap(),
        packet,
        ..Publish::default()
    }
}

pub(super) fn retained(topic: &str, body: &str) -> Publish {
    Publish {
        retain: true,
        ..publish(topic, body, 0, 0)
    }
}

pub(super) fn filter(filter: &str, qos: u8) -> Filter {
    Filter {
        filter: filter.into(),
        qos: Qos::of(qos).unwrap(),
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::Send,
    }
}

pub(super) fn ack(packet: u16) -> tandem_mq_wire::mqtt::Ack {
    tandem_mq_wire::mqtt::Ack { packet, reason: 0 }
}

impl Node {
    pub(super) fn new() -> Node {
        Node {
            broker: Broker::new(broker::Settings::default()),
            now: Mono::ZERO,
            clients: BTreeMap::new(),
            heard: BTreeMap::new(),
            closed: BTreeSet::new(),
            written: Vec::new(),
            last: Lsn(0),
            stored: 0,
            fast_disk: true,
            next: 0,
        }
    }

    /// A connection that has said CONNECT.
    pub(super) fn connect_any(&mut self, connect: Connect) -> u64 {
        self.next += 1;
        let id = self.next;
        self.clients.insert(
            id,
            Session::open(SessionId(id), Bounds::default(), Origin::default(), self.now),
        );
        self.heard.insert(id, VecDeque::new());
        self.says(id, Packet::Connect(Box::new(connect)));
        id
    }

    /// One that was let in; also whether the broker knew it.
    pub(super) fn comes(&mut self, connect: Connect) -> (u64, bool) {
        let id = self.connect_any(connect);
        if !self.fast_disk {
            self.store();
        }
        match self.hears(id) {
            Some(Answer::Connack {
                session_present,
                reason: Reason::Success,
                ..
            }) => (id, session_present),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn connect(&mut self, connect: Connect) -> u64 {
        self.comes(connect).0
    }

    pub(super) fn says(&mut self, id: u64, packet: Packet) {
        self.tell(id, Input::Item(packet));
    }

    pub(super) fn tell(&mut self, id: u64, input: Input) {
        if let Some(session) = self.clients.get_mut(&id) {
            session.handle(input, self.now);
        }
        self.turn();
    }

    pub(super) fn publish(&mut self, id: u64, publish: Publish) {
        self.says(id, Packet::Publish(Box::new(publish)));
    }

    pub(super) fn subscribe(&mut self, id: u64, filters: Vec<Filter>) -> Vec<Reason> {
        self.subscribe_as(id, filters, None)
    }

    pub(super) fn subscribe_as(&mut self, id: u64, filters: Vec<Filter>, identifier: Option<u32>) -> Vec<Reason> {
        let subscribe = Subscribe {
            packet: 77,
            identifier,
            filters,
        };
        self.says(id, Packet::Subscribe(subscribe));
        let heard = self.heard.get_mut(&id).unwrap();
        let at = heard
            .iter()
            .position(|answer| matches!(answer, Answer::Suback(77, _)))
            .unwrap();
        match heard.remove(at) {
            Some(Answer::Suback(_, reasons)) => reasons,
            _ => unreachable!(),
        }
    }

    pub(super) fn unsubscribe(&mut self, id: u64, filter: &str) -> Reason {
        let filters = vec![filter.into()];
        self.says(id, Packet::Unsubscribe(Unsubscribe { packet: 78, filters }));
        match self.hears(id) {
            Some(Answer::Unsuback(78, reasons)) => reasons[0],
            other => panic!("{other:?}"),
        }
    }

    /// The next answer.
    pub(super) fn hears(&mut self, id: u64) -> Option<Answer> {
        self.heard.get_mut(&id)?.pop_front()
    }

    /// The next message; whatever needs no answer is known to have arrived.
    pub(super) fn takes(&mut self, id: u64) -> Option<Publish> {
        self.tell(id, Input::Heard(Heard::Flushed));
        match self.hears(id)? {
            Answer::Publish(publish) => Some(*publish),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn bodies(&mut self, id: u64) -> Vec<String> {
        let mut bodies = Vec::new();
        while let Some(publish) = self.takes(id) {
            bodies.push(String::from_utf8_lossy(&publish.payload).into_owned());
        }
        bodies
    }

    /// The connection ends without a word.
    pub(super) fn loses(&mut self, id: u64) {
        self.clients.remove(&id);
        let session = SessionId(id);
        self.broker.handle(broker::Input::Closed { session }, self.now);
        self.turn();
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        let ids: Vec<u64> = self.clients.keys().copied().collect();
        for id in ids {
            self.clients.get_mut(&id).unwrap().on_deadline(self.now);
        }
        self.broker.on_deadline(self.now);
        self.turn();
    }

    /// The disk has caught up.
    pub(super) fn store(&mut self) {
        self.stored = self.written.len();
        let upto = self.last;
        self.broker.handle(broker::Input::Stored { upto }, self.now);
        self.turn();
    }

    /// Only what is on disk survives, and nobody is connected.
    pub(super) fn crash(&mut self) {
        self.written.truncate(self.stored);
        self.clients.clear();
        self.broker = Broker::new(broker::Settings::default());
        self.broker.restore(self.written.iter().cloned());
        self.last = Lsn(0);
        self.broker.restored(self.now);
        self.turn();
    }

    pub(super) fn queues(&self) -> usize {
        self.broker.queues().count()
    }

    fn turn(&mut self) {
        loop {
            let ids: Vec<u64> = self.clients.keys().copied().collect();
            let mut quiet = true;
            for id in ids {
                while let Some(output) = self.clients.get_mut(&id).and_then(Session::poll_output) {
                    quiet = false;
                    self.carry_out(id, output);
                }
            }
            while let Some(output) = self.broker.poll_output() {
                quiet = false;
                self.hand_on(output);
            }
            if quiet {
                return;
            }
        }
    }

    fn carry_out(&mut self, id: u64, output: Output) {
        match output {
            Output::Send(answer) => self.heard.entry(id).or_default().push_back(answer),
            Output::Ask(input) => self.broker.handle(input, self.now),
            Output::Authenticate { login, .. } => {
                let answer = match login.as_deref() {
                    Some("nobody") => Err("who is that?".into()),
                    _ => Ok(()),
                };
                if let Some(session) = self.clients.get_mut(&id) {
                    session.handle(Input::Heard(Heard::Login(answer)), self.now);
                }
            }
            Output::Close => {
                self.closed.insert(id);
                let session = SessionId(id);
                self.clients.remove(&id);
                self.broker.handle(broker::Input::Closed { session }, self.now);
            }
        }
    }

    fn hand_on(&mut self, output: broker::Output) {
        if let broker::Output::Write { lsn, record } = &output {
            assert!(record.is_flat(), "{record:?}");
            self.written.push(record.clone());
            self.last = *lsn;
            if self.fast_disk {
                self.stored = self.written.len();
                self.broker.handle(broker::Input::Stored { upto: *lsn }, self.now);
            }
            return;
        }
        let Some(session) = output.session() else { return };
        if let Some(client) = self.clients.get_mut(&session.0) {
            client.handle(Input::Broker(output), self.now);
        }
    }
}
