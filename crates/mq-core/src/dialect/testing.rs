//! A broker with clients, and a disk that is as fast as a test wants.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::BytesMut;
use tandem_time::Mono;

use super::{Bounds, Dialect, Heard, Input, Origin, Output};
use crate::broker::{self, Broker};
use crate::{Lsn, Record, SessionId};

pub(crate) struct Node<D: Dialect> {
    pub(crate) broker: Broker,
    pub(crate) clients: BTreeMap<u64, Client<D>>,
    pub(crate) now: Mono,
    pub(crate) written: Vec<Record>,
    pub(crate) last: Lsn,
    pub(crate) fast_disk: bool,
}

pub(crate) struct Client<D: Dialect> {
    pub(crate) session: D,
    pub(crate) heard: VecDeque<D::Frame>,
    pub(crate) closed: bool,
}

impl<D: Dialect> Node<D> {
    pub(crate) fn new() -> Node<D> {
        Node {
            broker: Broker::new(broker::Settings::default()),
            clients: BTreeMap::new(),
            now: Mono::ZERO,
            written: Vec::new(),
            last: Lsn(0),
            fast_disk: true,
        }
    }

    /// Only what was written is left.
    pub(crate) fn restarted(&self) -> Node<D> {
        let mut node = Node::new();
        node.broker.restore(self.written.iter().cloned());
        node.broker.restored(node.now);
        node
    }

    pub(crate) fn stranger(&mut self, number: u64) {
        let client = Client {
            session: D::open(
                SessionId::of_connection(number),
                Bounds::default(),
                Origin::default(),
                self.now,
            ),
            heard: VecDeque::new(),
            closed: false,
        };
        self.clients.insert(number, client);
    }

    pub(crate) fn item(&mut self, number: u64, item: D::Item) {
        self.tell(number, Input::Item(item));
    }

    pub(crate) fn tell(&mut self, number: u64, input: Input<D::Item, D::Error>) {
        let client = self.clients.get_mut(&number).unwrap();
        client.session.handle(input, self.now);
        self.turn();
    }

    pub(crate) fn frame(&mut self, number: u64) -> Option<D::Frame> {
        self.clients.get_mut(&number).unwrap().heard.pop_front()
    }

    /// Messages that wait for somebody or that somebody has.
    pub(crate) fn depth(&self, queue: &str) -> usize {
        let known = self.broker.queues().filter(|view| &*view.name == queue);
        known.map(|view| view.depth + view.in_flight).sum()
    }

    pub(crate) fn passes(&mut self, time: Duration) {
        self.now += time;
        self.broker.on_deadline(self.now);
        for client in self.clients.values_mut() {
            client.session.on_deadline(self.now);
        }
        self.turn();
    }

    /// The disk has caught up.
    pub(crate) fn store(&mut self) {
        self.broker.handle(broker::Input::Stored { upto: self.last }, self.now);
        self.turn();
    }

    /// The connection is cut.
    pub(crate) fn loses(&mut self, number: u64) {
        self.clients.remove(&number);
        let session = SessionId::of_connection(number);
        self.broker.handle(broker::Input::Closed { session }, self.now);
        self.turn();
    }

    /// Carries everything to where it belongs until all is quiet. Everybody is let in but those with the wrong password.
    pub(crate) fn turn(&mut self) {
        loop {
            let mut quiet = true;
            for client in self.clients.values_mut() {
                while let Some(output) = client.session.poll_output() {
                    quiet = false;
                    match output {
                        Output::Send(frame) => {
                            client.session.encode(&frame, &mut BytesMut::new());
                            client.heard.push_back(frame);
                        }
                        Output::Ask(input) => self.broker.handle(input, self.now),
                        Output::Authenticate { login, .. } if login.as_deref() == Some("nobody") => {}
                        Output::Authenticate { passcode, .. } => {
                            let answer = match passcode.as_deref() {
                                Some("wrong") => Err("who are you?".into()),
                                _ => Ok(()),
                            };
                            client.session.handle(Input::Heard(Heard::Login(answer)), self.now);
                        }
                        Output::Close => client.closed = true,
                    }
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

    fn hand_on(&mut self, output: broker::Output) {
        if let broker::Output::Write { lsn, record } = &output {
            self.written.push(record.clone());
            self.last = *lsn;
            if self.fast_disk {
                self.broker.handle(broker::Input::Stored { upto: *lsn }, self.now);
            }
            return;
        }
        let Some(session) = output.session() else { return };
        if let Some(client) = self.clients.get_mut(&(session.0 >> 16)) {
            client.session.handle(Input::Broker(output), self.now);
        }
    }
}
