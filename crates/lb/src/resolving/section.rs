//! One section: whom it asks, and who is told.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_config::{Nameserver, Resolvers};
use tandem_lb_core::ServerIdx;
use tandem_lb_core::dns::{Counters, Found, Input, Name, Output, QuestionId, Resolver, Settings, Status, Way};
use tandem_lb_core::rules;
use tandem_ops::clock::Clock;
use tandem_time::Seed;
use tokio::net::UdpSocket;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::datagram;
use super::slot::{Owner, Slot};
use super::stream;
use crate::keeper::Keeper;
use crate::lookups::Asked as Asking;

pub(super) struct Section {
    heart: Rc<Heart>,
    tasks: Vec<JoinHandle<()>>,
}

/// What was seen of the name servers of one section.
pub(crate) struct Asked {
    pub(crate) section: Arc<str>,
    pub(crate) nameservers: Vec<(Arc<str>, Counters)>,
}

/// What the tasks of a section share.
pub(super) struct Heart {
    name: Arc<str>,
    pub(super) nameservers: Vec<Nameserver>,
    /// `None` where there is no socket for it.
    sockets: Vec<Option<UdpSocket>>,
    /// To whom asks the same name server by a stream.
    streams: Vec<mpsc::Sender<Vec<u8>>>,
    /// For a connection, and for an answer.
    pub(super) patience: Duration,
    resolver: RefCell<Resolver>,
    /// `hold obsolete`
    obsolete: Duration,
    slots: RefCell<Vec<Slot>>,
    /// Who waits for the answer to a question.
    visitors: RefCell<BTreeMap<QuestionId, Vec<oneshot::Sender<IpAddr>>>>,
    clock: Clock,
    /// The next deadline may have changed.
    told: Notify,
}

impl Section {
    pub(super) fn begin(plan: &Resolvers, slots: Vec<Slot>, clock: Clock, seed: Seed) -> Section {
        let settings = Settings {
            nameservers: plan.nameservers.iter().map(|nameserver| nameserver.way).collect(),
            payload: plan.payload,
            tries: plan.tries,
            resolve: plan.resolve,
            retry: plan.retry,
            hold: plan.hold,
        };
        let ways = plan.nameservers.iter().map(|_| mpsc::channel(stream::WAITING));
        let (streams, wanted): (Vec<_>, Vec<_>) = ways.unzip();
        let heart = Rc::new(Heart {
            name: plan.name.clone(),
            nameservers: plan.nameservers.clone(),
            sockets: plan.nameservers.iter().map(datagram::socket).collect(),
            streams,
            patience: plan.retry,
            resolver: RefCell::new(Resolver::new(settings, seed)),
            obsolete: plan.hold.obsolete,
            slots: RefCell::new(slots),
            visitors: RefCell::default(),
            clock,
            told: Notify::new(),
        });
        let mut tasks = Vec::new();
        // Without somebody to ask all would have to be given up.
        if !heart.nameservers.is_empty() {
            heart.ask_all();
            let listeners = (0..heart.sockets.len()).map(|nameserver| {
                let heart = heart.clone();
                tokio::task::spawn_local(async move { heart.listen(nameserver).await })
            });
            tasks.extend(listeners);
            let talkers = wanted.into_iter().enumerate().map(|(nameserver, wanted)| {
                let heart = heart.clone();
                tokio::task::spawn_local(async move { heart.converse(nameserver, wanted).await })
            });
            tasks.extend(talkers);
            let timekeeper = heart.clone();
            tasks.push(tokio::task::spawn_local(async move { timekeeper.keep_time().await }));
        }
        Section { heart, tasks }
    }

    /// Whether it is here that this server is looked up.
    pub(super) fn rename(&self, keeper: &Rc<Keeper>, server: ServerIdx, name: &Name) -> bool {
        self.heart.rename(keeper, server, name)
    }

    pub(super) fn is(&self, name: &str) -> bool {
        *self.heart.name == *name
    }

    /// For a rule that waits.
    pub(super) fn look_up(&self, asked: Asking) {
        if !self.heart.nameservers.is_empty() {
            self.heart.look_up(asked);
        }
    }

    pub(super) fn asked(&self) -> Asked {
        let names = self.heart.nameservers.iter().map(|nameserver| nameserver.name.clone());
        Asked {
            section: self.heart.name.clone(),
            nameservers: names
                .zip(self.heart.resolver.borrow().counters().iter().copied())
                .collect(),
        }
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// One of those that were found; they are all of one kind.
fn address(found: &Found) -> Option<IpAddr> {
    match found {
        Found::Addresses(all) => all.first().copied(),
        Found::Services(_) => None,
    }
}

impl Heart {
    /// Puts the question of each slot; slots of one name share it.
    fn ask_all(self: &Rc<Heart>) {
        let count = self.slots.borrow().len();
        for place in 0..count {
            let (name, first) = {
                let slots = self.slots.borrow();
                let slot = &slots[place];
                if slot.question.is_some() {
                    continue;
                }
                (slot.name.clone(), slot.first())
            };
            let question = self.resolver.borrow().next_question();
            for slot in self.slots.borrow_mut().iter_mut() {
                if slot.name == name && slot.first() == first {
                    slot.question = Some(question);
                }
            }
            self.tell(Input::Ask { name, first });
        }
    }

    fn rename(self: &Rc<Heart>, keeper: &Rc<Keeper>, server: ServerIdx, name: &Name) -> bool {
        let mut slots = self.slots.borrow_mut();
        let is_it = |slot: &Slot| slot.is_of(keeper, server);
        let Some(place) = slots.iter().position(is_it) else {
            return false;
        };
        let mut over = slots[place].rename(name.clone());
        // Who has this name already asks anew together with it.
        over.extend(
            slots
                .iter_mut()
                .filter(|slot| slot.name == *name)
                .filter_map(|slot| slot.question.take()),
        );
        over.sort_unstable();
        over.dedup();
        over.retain(|question| !slots.iter().any(|slot| slot.is_asked_by(*question)));
        drop(slots);
        over.into_iter().for_each(|question| self.tell(Input::Forget(question)));
        self.ask_all();
        true
    }

    /// Whoever asks for the same at the same time waits for the same answer; one that still holds is told at once.
    fn look_up(self: &Rc<Heart>, asked: Asking) {
        let Asking { question, answer } = asked;
        let rules::Question { name, first, .. } = question;
        let (number, known) = {
            let resolver = self.resolver.borrow();
            let known = resolver.once(&name, first);
            let number = known.map_or_else(|| resolver.next_question(), |(number, _)| number);
            (number, known.map(|(_, found)| found.and_then(address)))
        };
        match known {
            Some(Some(ip)) => drop(answer.send(ip)),
            Some(None) => self.visitors.borrow_mut().entry(number).or_default().push(answer),
            None => {
                self.visitors.borrow_mut().insert(number, vec![answer]);
                self.tell(Input::AskOnce { name, first });
            }
        }
    }

    async fn listen(self: Rc<Heart>, nameserver: usize) {
        let Some(socket) = self.sockets.get(nameserver).and_then(Option::as_ref) else {
            return;
        };
        // Longer than any answer that is taken, so that one that is too long is seen to be.
        let mut buffer = vec![0; 1 << 16];
        loop {
            match socket.recv(&mut buffer).await {
                Ok(length) => self.tell(Input::Heard {
                    nameserver,
                    way: Way::Datagram,
                    bytes: &buffer[..length],
                }),
                // Nobody listens there, says the kernel; the timer knows how long that is borne.
                Err(_) => self.tell(Input::Unsent { nameserver }),
            }
        }
    }

    async fn keep_time(self: Rc<Heart>) {
        loop {
            let due = self.resolver.borrow().poll_deadline();
            let Some(due) = due else {
                self.told.notified().await;
                continue;
            };
            tokio::select! {
                () = self.told.notified() => {}
                () = tokio::time::sleep_until(self.clock.instant(due).into()) => {
                    self.resolver.borrow_mut().on_deadline(self.clock.now());
                    self.carry_out();
                }
            }
        }
    }

    pub(super) fn tell(self: &Rc<Heart>, input: Input<'_>) {
        self.resolver.borrow_mut().handle(input, self.clock.now());
        self.carry_out();
        self.told.notify_one();
    }

    fn carry_out(self: &Rc<Heart>) {
        loop {
            let output = self.resolver.borrow_mut().poll_output();
            match output {
                None => return,
                Some(Output::Send { nameserver, way, bytes }) => {
                    let socket = self.sockets.get(nameserver).and_then(Option::as_ref);
                    let is_sent = match way {
                        Way::Datagram => socket.is_some_and(|socket| datagram::send(socket, &bytes)),
                        Way::Stream => self.streams[nameserver].try_send(bytes).is_ok(),
                    };
                    if !is_sent {
                        let now = self.clock.now();
                        self.resolver.borrow_mut().handle(Input::Unsent { nameserver }, now);
                    }
                }
                Some(Output::Answer { question, status }) => self.answered(question, status),
            }
        }
    }

    fn answered(self: &Rc<Heart>, question: QuestionId, status: Status) {
        let visitors = self.visitors.borrow_mut().remove(&question);
        if let Some(visitors) = visitors {
            let found = match &status {
                Status::Valid { found, .. } => address(found),
                Status::Gone(_) => None,
            };
            // Who is told nothing knows that there is nothing, and who has left meanwhile needs nothing.
            let told = visitors.into_iter().filter_map(|visitor| visitor.send(found?).ok());
            return told.for_each(drop);
        }
        let mut slots = self.slots.borrow_mut();
        match status {
            Status::Gone(reason) => {
                for slot in slots.iter_mut().filter(|slot| slot.is_asked_by(question)) {
                    slot.lose(reason);
                }
            }
            Status::Valid {
                found: Found::Addresses(found),
                nameserver,
            } => Slot::addresses(&mut slots, question, &found, &self.who_said(nameserver)),
            Status::Valid {
                found: Found::Services(found),
                nameserver,
            } => {
                let said = self.who_said(nameserver);
                let resolver = &mut *self.resolver.borrow_mut();
                let mut owner = Owner {
                    resolver,
                    now: self.clock.now(),
                    obsolete: self.obsolete,
                    said: &said,
                };
                Slot::services(&mut slots, question, &found, &mut owner);
            }
        }
    }

    /// `section/nameserver`, as HAProxy names it in its log.
    fn who_said(&self, nameserver: usize) -> String {
        let name = self.nameservers.get(nameserver).map_or("", |known| &known.name);
        format!("{}/{name}", self.name)
    }
}
