//! Asking name servers again and again, and for how long an old answer is good enough.
//!
//! Every question goes to all name servers at once, and the first good answer counts. Where all say no, or nobody says
//! anything, the other kind of address is asked for, and then the question has failed. A failure is told only when the
//! last good answer is older than the time that its reason allows (`hold`); whoever asks only once is told at once.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tandem_time::{Mono, Seed};

use super::message::{self, Fault, Found, Kind, Name};

/// How a name server is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    #[default]
    Datagram,
    /// TCP: where it is wanted so, and where an answer does not fit into a datagram (RFC 7766 section 5).
    Stream,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How each of them is asked first.
    pub nameservers: Vec<Way>,
    /// The longest answer over UDP that we take.
    pub payload: u16,
    /// How often a question is asked before it has failed.
    pub tries: u32,
    /// Between a failure and the next question.
    pub resolve: Duration,
    /// For an answer.
    pub retry: Duration,
    pub hold: Hold,
}

/// How long an address is kept after the last good answer, by what the answers say since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Also the time between two questions.
    pub valid: Duration,
    /// A service's place that is not in the answers any more.
    pub obsolete: Duration,
    pub no_name: Duration,
    pub refused: Duration,
    pub timeout: Duration,
    pub other: Duration,
}

impl Default for Hold {
    fn default() -> Hold {
        const LONG: Duration = Duration::from_secs(30);
        Hold {
            valid: Duration::from_secs(10),
            obsolete: Duration::ZERO,
            no_name: LONG,
            refused: LONG,
            timeout: LONG,
            other: LONG,
        }
    }
}

/// Which question, by the order in which they were put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuestionId(pub usize);

#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// To be asked from now on. A service's name is asked for as such; otherwise the kind says what is preferred.
    Ask { name: Name, first: Kind },
    /// For somebody who waits: the first answer counts, be it good or bad. A good one is kept for as long as it holds, see
    /// [`Resolver::once`].
    AskOnce { name: Name, first: Kind },
    /// Nobody is interested any more.
    Forget(QuestionId),
    /// A message came from a name server.
    Heard {
        nameserver: usize,
        way: Way,
        bytes: &'a [u8],
    },
    /// Something could not be sent there.
    Unsent { nameserver: usize },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Send {
        nameserver: usize,
        way: Way,
        bytes: Vec<u8>,
    },
    Answer {
        question: QuestionId,
        status: Status,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything that there is now, and the name server that said so.
    Valid { found: Found, nameserver: usize },
    /// What was known is too old. Said once.
    Gone(Reason),
}

/// Why there is no answer; in HAProxy's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    NoName,
    Refused,
    Timeout,
    Other,
}

impl Reason {
    pub fn words(self) -> &'static str {
        match self {
            Reason::NoName => "DNS NX status",
            Reason::Refused => "DNS refused status",
            Reason::Timeout => "DNS timeout status",
            Reason::Other => "unspecified DNS error",
        }
    }
}

/// What was seen of one name server, in the order of `show resolvers`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub sent: u64,
    pub unsent: u64,
    pub valid: u64,
    /// Answers that are other than the one before.
    pub updates: u64,
    pub no_name: u64,
    pub timeout: u64,
    pub refused: u64,
    pub other: u64,
    pub invalid: u64,
    pub too_big: u64,
    pub truncated: u64,
    /// Answers to questions that are over.
    pub outdated: u64,
}

#[derive(Debug)]
pub struct Resolver {
    settings: Settings,
    questions: BTreeMap<QuestionId, Question>,
    next: QuestionId,
    counters: Vec<Counters>,
    seed: Seed,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
struct Question {
    name: Name,
    first: Kind,
    is_once: bool,
    state: State,
    /// When the last good answer came; at first, when it was put.
    good: Mono,
    /// What it said.
    last: Option<Found>,
    /// That it is too old has been said.
    is_gone: bool,
}

#[derive(Debug)]
enum State {
    Resting { until: Mono },
    Asking(Asking),
}

#[derive(Clone, Debug)]
struct Asking {
    id: u16,
    kind: Kind,
    /// The first kind had no good answer.
    is_second: bool,
    tries_left: u32,
    until: Mono,
    /// What each name server has said, and the last reason of a no.
    said: Vec<Said>,
    reason: Reason,
}

/// What came of asking one name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    /// That it has more to say than fits; it was asked again by a stream.
    TooMuch,
    No,
}

/// An answer holds for this long at least, whatever its time to live.
const SHORTEST: Duration = Duration::from_secs(1);

/// So many may be asked once at a time, or be kept of those.
const MOST_ONCE: usize = 1_024;

impl Resolver {
    pub fn new(settings: Settings, seed: Seed) -> Resolver {
        Resolver {
            counters: vec![Counters::default(); settings.nameservers.len()],
            settings,
            questions: BTreeMap::new(),
            next: QuestionId(0),
            seed,
            outputs: VecDeque::new(),
        }
    }

    pub fn counters(&self) -> &[Counters] {
        &self.counters
    }

    /// The number that the next question gets.
    pub fn next_question(&self) -> QuestionId {
        self.next
    }

    /// What was asked once for this, and the answer when there is one that holds.
    pub fn once(&self, name: &Name, first: Kind) -> Option<(QuestionId, Option<&Found>)> {
        let is_it = |question: &Question| question.is_once && question.name == *name && question.first == first;
        let (id, question) = self.questions.iter().find(|(_, question)| is_it(question))?;
        let answer = question.last.as_ref();
        Some((*id, answer.filter(|_| matches!(question.state, State::Resting { .. }))))
    }

    pub fn handle(&mut self, input: Input<'_>, now: Mono) {
        match input {
            Input::Ask { name, first } => {
                let first = if name.is_service() { Kind::Service } else { first };
                self.put(name, first, false, now);
            }
            Input::AskOnce { name, first } if self.has_room() => self.put(name, first, true, now),
            Input::AskOnce { .. } => {
                let question = self.number();
                let status = Status::Gone(Reason::Other);
                self.outputs.push_back(Output::Answer { question, status });
            }
            Input::Forget(question) => drop(self.questions.remove(&question)),
            Input::Heard { nameserver, way, bytes } => self.heard(nameserver, way, bytes, now),
            Input::Unsent { nameserver } => {
                if let Some(counters) = self.counters.get_mut(nameserver) {
                    counters.unsent += 1;
                }
            }
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn poll_deadline(&self) -> Option<Mono> {
        let due = |question: &Question| match &question.state {
            State::Resting { until } => *until,
            State::Asking(asking) => asking.until,
        };
        self.questions.values().map(due).min()
    }

    pub fn on_deadline(&mut self, now: Mono) {
        let all: Vec<QuestionId> = self.questions.keys().copied().collect();
        for place in all {
            let Some(question) = self.questions.get(&place) else {
                continue;
            };
            match &question.state {
                State::Resting { until } if *until > now => {}
                State::Resting { .. } if question.is_once => drop(self.questions.remove(&place)),
                State::Resting { .. } => self.begin(place, now),
                State::Asking(asking) if asking.until <= now => self.silent(place, now),
                State::Asking(_) => {}
            }
        }
    }

    fn number(&mut self) -> QuestionId {
        let number = self.next;
        self.next.0 += 1;
        number
    }

    fn put(&mut self, name: Name, first: Kind, is_once: bool, now: Mono) {
        let question = Question {
            name,
            first,
            is_once,
            state: State::Resting { until: now },
            good: now,
            last: None,
            is_gone: false,
        };
        let number = self.number();
        self.questions.insert(number, question);
        self.begin(number, now);
    }

    /// For one more that is asked once, in the place of the oldest answer if need be.
    fn has_room(&mut self) -> bool {
        let once = || self.questions.iter().filter(|(_, question)| question.is_once);
        if once().count() < MOST_ONCE {
            return true;
        }
        let answered = once().find(|(_, question)| matches!(question.state, State::Resting { .. }));
        let oldest = answered.map(|(number, _)| *number);
        oldest.is_some_and(|number| self.questions.remove(&number).is_some())
    }

    fn begin(&mut self, place: QuestionId, now: Mono) {
        let Some(question) = self.questions.get(&place) else {
            return;
        };
        let first = question.first;
        self.ask(place, first, false, self.settings.tries.max(1), now);
    }

    fn ask(&mut self, place: QuestionId, kind: Kind, is_second: bool, tries_left: u32, now: Mono) {
        let id = self.seed.next_u64() as u16;
        let asking = Asking {
            id,
            kind,
            is_second,
            tries_left,
            until: now + self.settings.retry,
            said: vec![Said::Nothing; self.settings.nameservers.len()],
            reason: Reason::Timeout,
        };
        let Some(question) = self.questions.get_mut(&place) else {
            return;
        };
        let bytes = message::question(id, &question.name, kind, self.settings.payload);
        question.state = State::Asking(asking);
        let ways = self.settings.nameservers.iter().zip(&mut self.counters);
        for (nameserver, (way, counters)) in ways.enumerate() {
            counters.sent += 1;
            self.outputs.push_back(Output::Send {
                nameserver,
                way: *way,
                bytes: bytes.clone(),
            });
        }
    }

    /// What this name server has to say did not fit; it is asked so once a turn.
    fn ask_by_stream(&mut self, place: QuestionId, nameserver: usize) {
        let Some(question) = self.questions.get_mut(&place) else {
            return;
        };
        let State::Asking(asking) = &mut question.state else {
            return;
        };
        if asking.said[nameserver] != Said::Nothing {
            return;
        }
        asking.said[nameserver] = Said::TooMuch;
        self.counters[nameserver].sent += 1;
        self.outputs.push_back(Output::Send {
            nameserver,
            way: Way::Stream,
            bytes: message::question(asking.id, &question.name, asking.kind, self.settings.payload),
        });
    }

    /// Nobody has answered in time, or not everybody.
    fn silent(&mut self, place: QuestionId, now: Mono) {
        let Some(Question {
            state: State::Asking(asking),
            ..
        }) = self.questions.get(&place)
        else {
            return;
        };
        let asking = asking.clone();
        let silent = asking.said.iter().zip(&mut self.counters);
        for (_, counters) in silent.filter(|(said, _)| **said != Said::No) {
            counters.timeout += 1;
        }
        if asking.tries_left > 1 {
            self.ask(place, asking.kind, asking.is_second, asking.tries_left - 1, now);
        } else {
            self.go_on(place, &asking, now);
        }
    }

    fn heard(&mut self, nameserver: usize, way: Way, bytes: &[u8], now: Mono) {
        let Some(counters) = self.counters.get_mut(nameserver) else {
            return;
        };
        if way == Way::Datagram && bytes.len() > usize::from(self.settings.payload) {
            counters.too_big += 1;
            return;
        }
        let Some(id) = message::id(bytes) else {
            counters.invalid += 1;
            return;
        };
        let known = self
            .questions
            .iter()
            .find_map(|(place, question)| match &question.state {
                State::Asking(asking) if asking.id == id => {
                    let answer = message::answer(bytes, &question.name, asking.kind);
                    Some((*place, asking.clone(), answer?))
                }
                _ => None,
            });
        let Some((place, asking, answer)) = known else {
            counters.outdated += 1;
            return;
        };
        match answer.result {
            Ok((found, ttl)) => {
                counters.valid += 1;
                self.good(place, found, ttl, nameserver, now);
            }
            Err(Fault::Truncated) if way == Way::Datagram => {
                counters.truncated += 1;
                self.ask_by_stream(place, nameserver);
            }
            Err(fault) => {
                let reason = counters.note(fault);
                self.refused(place, asking, nameserver, reason, now);
            }
        }
    }

    fn good(&mut self, place: QuestionId, found: Found, ttl: Duration, nameserver: usize, now: Mono) {
        let Some(question) = self.questions.get_mut(&place) else {
            return;
        };
        let rest = self.settings.hold.valid.min(ttl.max(SHORTEST));
        question.state = State::Resting { until: now + rest };
        question.good = now;
        question.is_gone = false;
        if question.last.as_ref().is_some_and(|last| *last != found) {
            self.counters[nameserver].updates += 1;
        }
        question.last = Some(found.clone());
        self.outputs.push_back(Output::Answer {
            question: place,
            status: Status::Valid { found, nameserver },
        });
    }

    /// One name server has no answer; when all of them have said so, there is nothing to wait for.
    fn refused(&mut self, place: QuestionId, mut asking: Asking, nameserver: usize, reason: Reason, now: Mono) {
        asking.said[nameserver] = Said::No;
        asking.reason = reason;
        if asking.said.iter().all(|said| *said == Said::No) {
            return self.go_on(place, &asking, now);
        }
        if let Some(question) = self.questions.get_mut(&place) {
            question.state = State::Asking(asking);
        }
    }

    /// The other kind of address may be there, or else the question has failed.
    fn go_on(&mut self, place: QuestionId, asking: &Asking, now: Mono) {
        let other = match asking.kind {
            Kind::V4 => Some(Kind::V6),
            Kind::V6 => Some(Kind::V4),
            Kind::Service => None,
        };
        if let Some(other) = other.filter(|_| !asking.is_second) {
            return self.ask(place, other, true, self.settings.tries.max(1), now);
        }
        let Some(question) = self.questions.get_mut(&place) else {
            return;
        };
        question.state = State::Resting {
            until: now + self.settings.resolve,
        };
        let hold = &self.settings.hold;
        let allowed = match asking.reason {
            Reason::NoName => hold.no_name,
            Reason::Refused => hold.refused,
            Reason::Timeout => hold.timeout,
            Reason::Other => hold.other,
        };
        let is_old = !question.is_gone && now.since(question.good) >= allowed;
        if !(is_old || question.is_once) {
            return;
        }
        question.is_gone = true;
        self.outputs.push_back(Output::Answer {
            question: place,
            status: Status::Gone(asking.reason),
        });
        if question.is_once {
            self.questions.remove(&place);
        }
    }
}

impl Counters {
    /// Questions that came to nothing.
    pub const fn failed(&self) -> u64 {
        self.no_name + self.timeout + self.refused + self.other + self.invalid
    }

    /// Each with its word in `show resolvers`. What HAProxy counts beside these never happens here.
    pub fn words(&self) -> [(&'static str, u64); 15] {
        [
            ("sent", self.sent),
            ("snd_error", self.unsent),
            ("valid", self.valid),
            ("update", self.updates),
            ("cname", 0),
            ("cname_error", 0),
            ("any_err", 0),
            ("nx", self.no_name),
            ("timeout", self.timeout),
            ("refused", self.refused),
            ("other", self.other),
            ("invalid", self.invalid),
            ("too_big", self.too_big),
            ("truncated", self.truncated),
            ("outdated", self.outdated),
        ]
    }

    fn note(&mut self, fault: Fault) -> Reason {
        let (counter, reason) = match fault {
            Fault::NoName => (&mut self.no_name, Reason::NoName),
            Fault::Refused => (&mut self.refused, Reason::Refused),
            Fault::Truncated => (&mut self.truncated, Reason::Other),
            Fault::Invalid => (&mut self.invalid, Reason::Other),
            Fault::Failed | Fault::Empty => (&mut self.other, Reason::Other),
        };
        *counter += 1;
        reason
    }
}

#[cfg(test)]
mod tests;
