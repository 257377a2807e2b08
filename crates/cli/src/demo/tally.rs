//! What the clients saw, counted while it happens, and the rule for what counts as lost.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::stage::{Part, ServerName};

#[derive(Default)]
pub struct Tally {
    /// Long connections open now, by server.
    long: [AtomicI64; 2],
    /// Connections that were ever served, by server.
    served: [AtomicU64; 2],
    exchanges: AtomicU64,
    bytes: AtomicU64,
    died_with_server: AtomicU64,
    died_with_host: AtomicU64,
    lost: AtomicU64,
    /// The slowest exchange since the last line, in microseconds.
    slowest: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    deaths: Vec<Death>,
    /// The first few losses in words, for the summary.
    losses: Vec<String>,
    last_bytes: u64,
    last_exchanges: u64,
}

#[derive(Clone, Copy)]
struct Death {
    part: Part,
    /// When it was certainly dead; no time yet while it is being killed.
    certain: Option<Instant>,
    returned: bool,
}

/// A connection failed: what its client knew.
pub struct Failure {
    pub server: Option<ServerName>,
    pub begun: Instant,
    pub what: String,
}

impl Tally {
    pub const HEADER: &'static str =
        "   time  master  A      long A/B   served A/B        exch/s   MiB/s  slowest  died  lost\n";

    pub fn new() -> Tally {
        Tally::default()
    }

    pub fn long_opened(&self, server: ServerName) {
        self.long[server as usize].fetch_add(1, Relaxed);
    }

    pub fn long_closed(&self, server: ServerName) {
        self.long[server as usize].fetch_sub(1, Relaxed);
    }

    pub fn served(&self, server: ServerName) {
        self.served[server as usize].fetch_add(1, Relaxed);
    }

    pub fn exchanged(&self, bytes: usize, took: Duration) {
        self.exchanges.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.slowest
            .fetch_max(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Runs the killing, so that what fails while it lasts is counted with it.
    pub fn while_it_dies<E>(&self, part: Part, kill: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        self.seen().deaths.push(Death {
            part,
            certain: None,
            returned: false,
        });
        let outcome = kill();
        if let Some(death) = self.seen().deaths.last_mut() {
            death.certain = Some(Instant::now());
        }
        outcome
    }

    pub fn returned(&self, part: Part) {
        for death in self.seen().deaths.iter_mut().filter(|d| d.part == part) {
            death.returned = true;
        }
    }

    /// A failure belongs to a death when the connection was open at that time and went there, as far as its client knows.
    pub fn failed(&self, failure: Failure) {
        let mut seen = self.seen();
        let cause = seen.deaths.iter().rev().find(|d| d.excuses(&failure)).map(|d| d.part);
        match cause {
            Some(Part::Server(_)) => self.died_with_server.fetch_add(1, Relaxed),
            Some(Part::Master) => self.died_with_host.fetch_add(1, Relaxed),
            None => self.lost.fetch_add(1, Relaxed),
        };
        if cause.is_none() && seen.losses.len() < 5 {
            let server = failure.server.map_or("no server yet".into(), |s| format!("server {s}"));
            seen.losses.push(format!("{} ({server})", failure.what));
        }
    }

    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    pub fn exchanges(&self) -> u64 {
        self.exchanges.load(Relaxed)
    }

    /// One line for the second that just passed.
    pub fn line(&self, second: u64, master: Option<&str>) -> String {
        let (bytes, exchanges) = (self.bytes.load(Relaxed), self.exchanges.load(Relaxed));
        let mut seen = self.seen();
        let (new_bytes, new_exchanges) = (bytes - seen.last_bytes, exchanges - seen.last_exchanges);
        (seen.last_bytes, seen.last_exchanges) = (bytes, exchanges);
        let dead = seen
            .deaths
            .iter()
            .any(|d| d.part == Part::Server(ServerName::A) && !d.returned);
        format!(
            "{second:6}s  {:<6}  {:<5} {:>4}/{:<4} {:>8}/{:<8} {:>6} {:>7.1} {:>6.1}ms {:>5} {:>5}\n",
            master.unwrap_or("-"),
            if dead { "dead" } else { "alive" },
            self.long[0].load(Relaxed),
            self.long[1].load(Relaxed),
            self.served[0].load(Relaxed),
            self.served[1].load(Relaxed),
            new_exchanges,
            new_bytes as f64 / f64::from(1 << 20),
            self.slowest.swap(0, Relaxed) as f64 / 1000.0,
            self.died_with_server.load(Relaxed) + self.died_with_host.load(Relaxed),
            self.lost.load(Relaxed),
        )
    }

    pub fn summary(&self, took: Duration) -> String {
        let seen = self.seen();
        let mut text = format!(
            "\n{:.1} s: {} exchanges, {:.1} MiB, each compared byte for byte\n\
             {} connections served by A, {} by B\n\
             {} died with their server, {} with their balancer host ({} deaths)\n\
             {} lost that could have lived\n",
            took.as_secs_f64(),
            self.exchanges(),
            self.bytes.load(Relaxed) as f64 / f64::from(1 << 20),
            self.served[0].load(Relaxed),
            self.served[1].load(Relaxed),
            self.died_with_server.load(Relaxed),
            self.died_with_host.load(Relaxed),
            seen.deaths.len(),
            self.lost(),
        );
        for loss in &seen.losses {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "  lost: {loss}");
        }
        text
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        // A client thread that panicked left the counters as they were; they still mean what they say.
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Death {
    fn excuses(&self, failure: &Failure) -> bool {
        let was_open = self.certain.is_none_or(|when| when >= failure.begun);
        was_open
            && match self.part {
                Part::Server(dead) => failure.server.is_none_or(|s| s == dead),
                // Everything goes through whoever holds the address.
                Part::Master => true,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(server: Option<ServerName>, begun: Instant) -> Failure {
        Failure {
            server,
            begun,
            what: "reset".into(),
        }
    }

    fn dies(tally: &Tally, part: Part) {
        let killed: Result<(), ()> = tally.while_it_dies(part, || Ok(()));
        assert!(killed.is_ok());
    }

    #[test]
    fn only_the_dead_servers_connections_are_excused() {
        let tally = Tally::new();
        let before = Instant::now();
        dies(&tally, Part::Server(ServerName::A));
        tally.failed(failure(Some(ServerName::A), before));
        tally.failed(failure(None, before));
        assert_eq!(tally.lost(), 0);
        tally.failed(failure(Some(ServerName::B), before));
        assert_eq!(tally.lost(), 1, "B was alive");
        std::thread::sleep(Duration::from_millis(2));
        tally.failed(failure(None, Instant::now()));
        assert_eq!(
            tally.lost(),
            2,
            "it began after the death, so another server should have served it"
        );
        assert!(
            tally
                .summary(Duration::from_secs(1))
                .contains("2 died with their server")
        );
    }

    #[test]
    fn a_dead_host_excuses_what_was_open_and_nothing_newer() {
        let tally = Tally::new();
        let before = Instant::now();
        dies(&tally, Part::Master);
        tally.failed(failure(Some(ServerName::B), before));
        assert_eq!(tally.lost(), 0);
        std::thread::sleep(Duration::from_millis(2));
        tally.failed(failure(Some(ServerName::B), Instant::now()));
        assert_eq!(tally.lost(), 1);
    }

    #[test]
    fn the_line_says_who_is_dead() {
        let tally = Tally::new();
        dies(&tally, Part::Server(ServerName::A));
        assert!(tally.line(1, Some("lb1")).contains("lb1     dead"));
        tally.returned(Part::Server(ServerName::A));
        assert!(tally.line(2, None).contains("-       alive"));
    }
}
