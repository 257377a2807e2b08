//! What became of every message, by its number; times are counted from the beginning of the load.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Client and its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    pub client: u8,
    pub number: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// When it was first tried.
    pub sent: Duration,
    /// When the client was told that it is safe.
    pub acked: Option<Duration>,
    /// How often it was sent.
    pub tries: u32,
    /// When it came out, first and again, and of which broker.
    pub taken: Vec<(Duration, usize)>,
}

/// A new connection that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knock {
    /// Whose row it belongs to: each has an address of its own.
    pub place: u8,
    pub begun: Duration,
    /// When a broker had answered.
    pub answered: Option<Duration>,
}

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// Everything, for a report.
    Whole,
    /// What is still open, as a load without an end must: what was acknowledged and came out is counted and forgotten.
    Open,
}

/// What all threads of the load write into.
pub struct Ledger {
    /// What an earlier load left in the brokers is none of this one.
    series: u32,
    account: Account,
    begun: Instant,
    stop_sending: AtomicBool,
    stop_all: AtomicBool,
    acked: AtomicU64,
    broken: AtomicU64,
    /// Of the messages since somebody asked, in microseconds.
    slowest: AtomicU64,
    book: Mutex<Book>,
}

#[derive(Clone, Debug, Default)]
pub struct Book {
    pub fates: BTreeMap<Id, Fate>,
    pub knocks: Vec<Knock>,
    /// When a connection that was established broke, and whose it was.
    pub breaks: Vec<(Duration, u8)>,
    /// Who held the address, from when on; a change a line.
    pub holders: Vec<(Duration, Vec<usize>)>,
}

impl Ledger {
    pub fn new(account: Account) -> Ledger {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Ledger {
            series: NEXT.fetch_add(1, Relaxed),
            account,
            begun: Instant::now(),
            stop_sending: AtomicBool::new(false),
            stop_all: AtomicBool::new(false),
            acked: AtomicU64::new(0),
            broken: AtomicU64::new(0),
            slowest: AtomicU64::new(0),
            book: Mutex::default(),
        }
    }

    pub fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    pub fn sends(&self) -> bool {
        !self.stop_sending.load(Relaxed)
    }

    pub fn lives(&self) -> bool {
        !self.stop_all.load(Relaxed)
    }

    pub fn stop_sending(&self) {
        self.stop_sending.store(true, Relaxed);
    }

    pub fn stop_all(&self) {
        self.stop_all.store(true, Relaxed);
    }

    pub fn acked(&self) -> u64 {
        self.acked.load(Relaxed)
    }

    pub fn broken(&self) -> u64 {
        self.broken.load(Relaxed)
    }

    /// The longest time from the first try to the answer since the last call.
    pub fn take_slowest(&self) -> Duration {
        Duration::from_micros(self.slowest.swap(0, Relaxed))
    }

    /// What a message says.
    pub fn body(&self, id: Id) -> String {
        format!("{} {} {}", self.series, id.client, id.number)
    }

    /// Which of this load's messages it is.
    pub fn read(&self, body: &str) -> Option<Id> {
        let mut numbers = body.split(' ');
        let is_ours = numbers.next()?.parse() == Ok(self.series);
        let id = Id {
            client: numbers.next()?.parse().ok()?,
            number: numbers.next()?.parse().ok()?,
        };
        (is_ours && numbers.next().is_none()).then_some(id)
    }

    pub fn tried(&self, id: Id) {
        let now = self.now();
        let mut book = self.book();
        let fate = book.fates.entry(id).or_insert_with(|| Fate {
            sent: now,
            ..Fate::default()
        });
        fate.tries += 1;
    }

    pub fn safe(&self, id: Id) {
        let now = self.now();
        self.acked.fetch_add(1, Relaxed);
        self.settle(id, |fate| {
            fate.acked = Some(now);
            let took = now.saturating_sub(fate.sent).as_micros();
            self.slowest.fetch_max(took.try_into().unwrap_or(u64::MAX), Relaxed);
        });
    }

    pub fn taken(&self, id: Id, broker: usize) {
        let now = self.now();
        self.settle(id, |fate| fate.taken.push((now, broker)));
    }

    /// Whatever comes was tried before, so that what is not in an open account has been closed.
    fn settle(&self, id: Id, what: impl FnOnce(&mut Fate)) {
        let mut book = self.book();
        if self.account == Account::Whole {
            return what(book.fates.entry(id).or_default());
        }
        let Some(fate) = book.fates.get_mut(&id) else { return };
        what(fate);
        if fate.acked.is_some() && !fate.taken.is_empty() {
            book.fates.remove(&id);
        }
    }

    pub fn broke(&self, client: u8) {
        let now = self.now();
        self.broken.fetch_add(1, Relaxed);
        if self.account == Account::Whole {
            self.book().breaks.push((now, client));
        }
    }

    pub fn knocked(&self, knock: Knock) {
        if self.account == Account::Whole {
            self.book().knocks.push(knock);
        }
    }

    /// One host has the address, or has it not.
    pub fn holds(&self, host: usize, held: bool) {
        let now = self.now();
        let mut book = self.book();
        let mut by = book.holders.last().map(|(_, by)| by.clone()).unwrap_or_default();
        if by.contains(&host) == held {
            return;
        }
        by.retain(|each| *each != host);
        if held {
            by.push(host);
        }
        by.sort_unstable();
        if self.account == Account::Open {
            book.holders.clear();
        }
        book.holders.push((now, by));
    }

    /// Acknowledged, and not seen since.
    pub fn missing(&self) -> usize {
        self.book().missing().count()
    }

    pub fn copy(&self) -> Book {
        self.book().clone()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    pub fn missing(&self) -> impl Iterator<Item = (Id, &Fate)> {
        let lost = |(_, fate): &(&Id, &Fate)| fate.acked.is_some() && fate.taken.is_empty();
        self.fates.iter().filter(lost).map(|(id, fate)| (*id, fate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_is_what_was_acknowledged_and_never_came() {
        let ledger = Ledger::new(Account::Whole);
        let id = |number| Id { client: 1, number };
        for number in 0..3 {
            ledger.tried(id(number));
        }
        ledger.safe(id(0));
        ledger.safe(id(1));
        ledger.taken(id(1), 0);
        let book = ledger.copy();
        assert_eq!(book.missing().map(|(id, _)| id.number).collect::<Vec<_>>(), [0]);
        assert_eq!((ledger.acked(), ledger.missing()), (2, 1));
    }

    #[test]
    fn a_message_belongs_to_the_load_that_sent_it() {
        let [earlier, ledger] = [Account::Whole, Account::Whole].map(Ledger::new);
        let id = Id { client: 1, number: 7 };
        assert_eq!(ledger.read(&ledger.body(id)), Some(id));
        assert_eq!(ledger.read(&earlier.body(id)), None);
        for other in ["other", "", "0 1", "0 1 2 3"] {
            assert_eq!(ledger.read(other), None, "{other}");
        }
    }

    #[test]
    fn the_slowest_is_told_once() {
        let ledger = Ledger::new(Account::Whole);
        let id = Id { client: 1, number: 0 };
        ledger.tried(id);
        while ledger.now() < Duration::from_millis(2) {
            std::thread::yield_now();
        }
        ledger.safe(id);
        assert!(ledger.take_slowest() > Duration::ZERO);
        assert_eq!(ledger.take_slowest(), Duration::ZERO);
    }

    #[test]
    fn an_open_account_keeps_what_is_open() {
        let ledger = Ledger::new(Account::Open);
        let id = |number| Id { client: 1, number };
        for number in 0..1000 {
            ledger.tried(id(number));
            if number % 2 == 0 {
                ledger.taken(id(number), 0);
            }
            ledger.safe(id(number));
            if number != 7 {
                ledger.taken(id(number), 0);
            }
            ledger.broke(1);
            ledger.holds(0, number % 2 == 0);
            ledger.knocked(Knock {
                place: 0,
                begun: Duration::ZERO,
                answered: None,
            });
        }
        let book = ledger.copy();
        assert_eq!((ledger.acked(), ledger.missing(), ledger.broken()), (1000, 1, 1000));
        assert_eq!((book.fates.len(), book.knocks.len(), book.breaks.len()), (1, 0, 0));
        assert_eq!(book.holders.len(), 1);
    }

    #[test]
    fn holders_are_kept_when_they_change() {
        let ledger = Ledger::new(Account::Whole);
        for (host, held) in [(1, false), (0, true), (0, true), (1, true), (0, false)] {
            ledger.holds(host, held);
        }
        let holders: Vec<Vec<usize>> = ledger.copy().holders.into_iter().map(|(_, by)| by).collect();
        assert_eq!(holders, [vec![0], vec![0, 1], vec![1]]);
    }
}
