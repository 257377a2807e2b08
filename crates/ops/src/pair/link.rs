//! One end of the link as a machine: who is there, what it said last, and what it still has to answer.

use std::collections::{BTreeMap, VecDeque};
use std::mem::{Discriminant, discriminant};
use std::net::IpAddr;
use std::time::Duration;

use tandem_time::{Mono, Seed};

use super::frame::{self, Header, Refusal};
use super::message::{Entry, Key, Message, Position, Wish};
use super::secret::Secret;

/// A frame at least this often.
const BEAT: Duration = Duration::from_millis(250);
/// The other counts as gone after this.
const DEAD: Duration = Duration::from_millis(1000);
/// An entry that was not repeated for so long says nothing any more.
const STALE: Duration = Duration::from_secs(3);
/// When what was asked is said again; then it is given up.
const AGAIN: [Duration; 4] = [
    Duration::from_millis(2),
    Duration::from_millis(8),
    Duration::from_millis(40),
    Duration::from_millis(200),
];
/// The same of what is done before it is answered.
const SLOWLY: [Duration; 4] = [
    Duration::from_millis(40),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_millis(1000),
];
/// A stranger's recordings must not make us speak all the time.
const ANSWERS: Duration = Duration::from_millis(20);
/// More virtual routers than one host has.
const ENTRIES: usize = 4096;

#[derive(Clone, Debug)]
pub enum Input<'a> {
    Datagram(&'a [u8]),
    /// How all virtual routers of this host are.
    View(Vec<Entry>),
    /// To be master, or to hand packets back, is asked of the other only if it is this one.
    Wish {
        key: Key,
        wish: Wish,
        successor: Option<IpAddr>,
    },
    /// To a question of the other.
    Answer {
        ticket: u64,
        willing: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Send(Vec<u8>),
    Up,
    Down,
    /// The other says this of itself, whether it is news or not.
    Seen(Vec<Entry>),
    /// The other wants it of us. Answer with the ticket; it may come more than once.
    Wish {
        key: Key,
        wish: Wish,
        ticket: u64,
    },
    /// What became of `Input::Wish`.
    Became {
        key: Key,
        wish: Wish,
        outcome: Outcome,
    },
    /// Something came that is not believed; once for each reason until the other comes back.
    Refused(Refusal),
}

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It does so.
    Willing,
    /// It knows better.
    Unwilling,
    /// It was there and does not answer.
    Silent,
    /// There is no link to it.
    Away,
    /// By its own view it could not.
    NotReady,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub sent: u64,
    pub believed: u64,
    pub refused: u64,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    key: Key,
    wish: Wish,
    times: usize,
    again: Mono,
}

#[derive(Debug)]
pub struct Link {
    secret: Secret,
    seed: Seed,
    session: u64,
    counter: u64,
    /// What the other has to repeat.
    challenge: u64,
    /// The other's session and its last counter.
    other: Option<(u64, u64)>,
    /// What the other wants repeated.
    echo: u64,
    heard: Option<Mono>,
    beat: Mono,
    answered: Option<Mono>,
    own: Vec<Entry>,
    view: BTreeMap<Key, (Entry, Mono)>,
    asked: BTreeMap<u64, Asked>,
    /// Reasons that have been told.
    said: Vec<Discriminant<Refusal>>,
    statistics: Statistics,
    out: VecDeque<Output>,
}

impl Link {
    /// `chance` must differ between starts, and between hosts.
    pub fn new(secret: Secret, chance: u64, now: Mono) -> Link {
        let mut seed = Seed::new(chance);
        Link {
            secret,
            session: seed.next_u64(),
            challenge: seed.next_u64(),
            seed,
            counter: 0,
            other: None,
            echo: 0,
            heard: None,
            beat: now,
            answered: None,
            own: Vec::new(),
            view: BTreeMap::new(),
            asked: BTreeMap::new(),
            said: Vec::new(),
            statistics: Statistics::default(),
            out: VecDeque::new(),
        }
    }

    pub fn handle(&mut self, input: Input<'_>, now: Mono) {
        match input {
            Input::Datagram(bytes) => self.datagram(bytes, now),
            Input::View(entries) => {
                self.own = entries;
                self.say_view();
            }
            Input::Wish { key, wish, successor } => match self.obstacle(&key, wish, successor) {
                Some(outcome) => self.out.push_back(Output::Became { key, wish, outcome }),
                None => self.ask(key, wish, now),
            },
            Input::Answer { ticket, willing } => self.say(&Message::Answer { ticket, willing }),
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    pub fn poll_deadline(&self) -> Option<Mono> {
        let dead = self.heard.map(|at| at + DEAD);
        let asked = self.asked.values().map(|asked| asked.again);
        asked.chain(dead).chain([self.beat]).min()
    }

    pub fn on_deadline(&mut self, now: Mono) {
        if self.heard.is_some_and(|at| at + DEAD <= now) {
            self.heard = None;
            self.view.clear();
            // What somebody held back meanwhile must not come true later.
            self.challenge = self.seed.next_u64();
            self.out.push_back(Output::Down);
        }
        self.ask_again(now);
        if self.beat <= now {
            self.beat = now + BEAT;
            self.view.retain(|_, (_, at)| now.since(*at) < STALE);
            self.say(&Message::Hello);
        }
    }

    pub fn is_up(&self) -> bool {
        self.heard.is_some()
    }

    pub fn view(&self) -> impl Iterator<Item = &Entry> {
        self.view.values().map(|(entry, _)| entry)
    }

    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    fn datagram(&mut self, bytes: &[u8], now: Mono) {
        match self.judge(bytes, now) {
            Ok(message) => {
                self.statistics.believed += 1;
                self.take(message, now);
            }
            Err(refusal) => {
                self.statistics.refused += 1;
                // What is only stale is how every acquaintance begins.
                let reason = discriminant(&refusal);
                if refusal != Refusal::Stale && !self.said.contains(&reason) {
                    self.said.push(reason);
                    self.out.push_back(Output::Refused(refusal));
                }
            }
        }
    }

    fn judge(&mut self, bytes: &[u8], now: Mono) -> Result<Message, Refusal> {
        let (header, message) = frame::open(bytes, &self.secret)?;
        if header.session == self.session {
            return Err(Refusal::Own);
        }
        let seen = matches!(self.other, Some((session, last)) if session == header.session && header.counter <= last);
        if header.echo != self.challenge {
            self.introduce(&header, now);
            return Err(Refusal::Stale);
        }
        if seen {
            return Err(Refusal::Stale);
        }
        self.believe(&header, now);
        Ok(message)
    }

    /// Authentic, but perhaps old: tell whoever it is our challenge, and show that we know its own.
    fn introduce(&mut self, header: &Header, now: Mono) {
        if self.answered.is_some_and(|at| now.since(at) < ANSWERS) {
            return;
        }
        self.answered = Some(now);
        self.say_to(header.challenge, &Message::Hello);
    }

    fn believe(&mut self, header: &Header, now: Mono) {
        let before = self.other.replace((header.session, header.counter));
        self.echo = header.challenge;
        let changed = before.is_some_and(|(session, _)| session != header.session);
        if changed {
            self.challenge = self.seed.next_u64();
            self.view.clear();
        }
        let awake = self.heard.replace(now).is_some();
        if !awake {
            self.said.clear();
            self.out.push_back(Output::Up);
        }
        if changed || !awake {
            self.say(&Message::Hello);
            self.say_view();
        }
    }

    fn take(&mut self, message: Message, now: Mono) {
        match message {
            Message::Hello | Message::Unknown => {}
            Message::View(entries) => {
                let mut seen = entries;
                seen.retain(|entry| {
                    let has_place = self.view.len() < ENTRIES || self.view.contains_key(&entry.key);
                    if has_place {
                        self.view.insert(entry.key, (*entry, now));
                    }
                    has_place
                });
                self.out.push_back(Output::Seen(seen));
            }
            Message::Wish { wish, key, ticket } => self.out.push_back(Output::Wish { key, wish, ticket }),
            Message::Answer { ticket, willing } => {
                if let Some(asked) = self.asked.remove(&ticket) {
                    let outcome = if willing { Outcome::Willing } else { Outcome::Unwilling };
                    self.out.push_back(Output::Became {
                        key: asked.key,
                        wish: asked.wish,
                        outcome,
                    });
                }
            }
        }
    }

    fn obstacle(&self, key: &Key, wish: Wish, successor: Option<IpAddr>) -> Option<Outcome> {
        if !self.is_up() {
            return Some(Outcome::Away);
        }
        let needed = match wish {
            Wish::TakeOver | Wish::Keep(_) => &[Position::Ready, Position::Yielded][..],
            Wish::Return => &[Position::Master],
            Wish::Over => return None,
        };
        let entry = self.view.get(key).map(|(entry, _)| entry);
        let able = entry.filter(|entry| needed.contains(&entry.position));
        let chosen = able.filter(|entry| successor.is_none() || entry.source == successor);
        chosen.is_none().then_some(Outcome::NotReady)
    }

    fn ask(&mut self, key: Key, wish: Wish, now: Mono) {
        let ticket = self.seed.next_u64();
        self.say(&Message::Wish { wish, key, ticket });
        let again = now + pauses(wish)[0];
        let times = 0;
        self.asked.insert(
            ticket,
            Asked {
                key,
                wish,
                times,
                again,
            },
        );
    }

    fn ask_again(&mut self, now: Mono) {
        let due: Vec<u64> = self
            .asked
            .iter()
            .filter(|(_, asked)| asked.again <= now)
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in due {
            let Some(asked) = self.asked.get_mut(&ticket) else {
                continue;
            };
            let (key, wish) = (asked.key, asked.wish);
            asked.times += 1;
            if let Some(pause) = pauses(wish).get(asked.times) {
                asked.again = now + *pause;
                self.say(&Message::Wish { wish, key, ticket });
            } else {
                self.asked.remove(&ticket);
                let outcome = Outcome::Silent;
                self.out.push_back(Output::Became { key, wish, outcome });
            }
        }
    }

    fn say_view(&mut self) {
        let own = std::mem::take(&mut self.own);
        for part in own.chunks(Message::ENTRIES) {
            self.say(&Message::View(part.to_vec()));
        }
        self.own = own;
    }

    fn say(&mut self, message: &Message) {
        self.say_to(self.echo, message);
    }

    fn say_to(&mut self, echo: u64, message: &Message) {
        self.counter += 1;
        self.statistics.sent += 1;
        let header = Header {
            session: self.session,
            counter: self.counter,
            challenge: self.challenge,
            echo,
        };
        let frame = frame::seal(&header, message, &self.secret);
        self.out.push_back(Output::Send(frame));
    }
}

const fn pauses(wish: Wish) -> &'static [Duration; 4] {
    match wish {
        Wish::TakeOver | Wish::Return => &AGAIN,
        Wish::Keep(_) | Wish::Over => &SLOWLY,
    }
}

#[cfg(test)]
mod tests;
