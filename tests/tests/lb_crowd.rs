//! Hundreds of clients of the page that never finish, and hundreds of the stats socket that say nothing: whoever asks
//! properly is answered as fast as before, and what is balanced beside it does not notice.
//!
//! Quiet and crowded spells take turns and medians are compared, because the machine has other things to do as well.

use std::fmt::{self, Display, Formatter};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tandem_tests::{Config, Lb, Server, ask, connect, fetch, free_port, order, until};

/// Of each kind.
const CROWD: usize = 300;
/// A spell is as long as so many questions to the page take.
const QUESTIONS: usize = 60;
const SPELLS: usize = 2;
/// Something else may take the machine's time in one round or two; the middle one counts, and is known when most are good.
const ROUNDS: usize = 5;

/// Threads that do one thing again and again until dropped.
struct Busy {
    ended: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    fn new() -> Busy {
        Busy {
            ended: Arc::default(),
            done: Arc::default(),
            threads: Vec::new(),
        }
    }

    fn with(mut self, mut act: impl FnMut() + Send + 'static) -> Busy {
        let (ended, done) = (self.ended.clone(), self.done.clone());
        self.threads.push(std::thread::spawn(move || {
            while !ended.load(Relaxed) {
                act();
                done.fetch_add(1, Relaxed);
            }
        }));
        self
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            // What went wrong there was said there.
            thread.join().ok();
        }
    }
}

/// Clients that send a byte now and then, and come back when they are shown out.
fn slow_clients(at: SocketAddr) -> Busy {
    const REQUEST: &[u8] = b"GET /stats HTTP/1.1\r\nHost: somewhere\r\nX-Long: ";
    (0..4).fold(Busy::new(), |crowd, _| {
        let mut clients: Vec<(TcpStream, usize)> = (0..CROWD / 4).map(|_| (connect(at), 0)).collect();
        crowd.with(move || {
            for (client, sent) in &mut clients {
                let byte = REQUEST.get(*sent).copied().unwrap_or(b'x');
                *sent += 1;
                if client.write_all(&[byte]).is_err() {
                    (*client, *sent) = (connect(at), 0);
                }
            }
            std::thread::sleep(Duration::from_millis(500));
        })
    })
}

fn idle_clients(socket: &Path) -> Vec<UnixStream> {
    let connect = |_| UnixStream::connect(socket).expect("the socket has room in its backlog");
    (0..CROWD).map(connect).collect()
}

/// Exchanges over connections that stay.
fn traffic(to: SocketAddr) -> Busy {
    (0..2).fold(Busy::new(), |busy, _| {
        let mut client = connect(to);
        busy.with(move || assert_eq!(ask(&mut client, &[7; 1000]).len(), 1000))
    })
}

/// What one spell was like.
#[derive(Clone, Copy, Debug)]
struct Spell {
    /// The median time of an answer.
    page: Duration,
    /// Exchanges a second.
    rate: f64,
}

fn spell(at: SocketAddr, traffic: &Busy) -> Spell {
    let (began, before) = (Instant::now(), traffic.done.load(Relaxed));
    let mut times: Vec<Duration> = (0..QUESTIONS)
        .map(|_| {
            let asked = Instant::now();
            assert_eq!(fetch(at, "/stats").status, 200);
            let took = asked.elapsed();
            // So that a spell is long enough for a rate.
            std::thread::sleep(Duration::from_millis(10));
            took
        })
        .collect();
    times.sort();
    let exchanges = traffic.done.load(Relaxed) - before;
    Spell {
        page: times[QUESTIONS / 2],
        rate: exchanges as f64 / began.elapsed().as_secs_f64(),
    }
}

/// What a round has found.
struct Round {
    before: Duration,
    after: Duration,
    slower: f64,
    rate: f64,
}

/// Two quiet spells of a busy machine differ by a tenth as well.
fn is_good(slower: f64, rate: f64) -> bool {
    slower < 2.0 && rate > 0.8
}

impl Round {
    fn is_good(&self) -> bool {
        is_good(self.slower, self.rate)
    }
}

impl Display for Round {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Round {
            before,
            after,
            slower,
            rate,
        } = self;
        write!(
            f,
            "the page beside {CROWD} slow and {CROWD} idle clients: {after:?} instead of {before:?} ({slower:.2} times); \
             traffic beside it {rate:.2} times"
        )
    }
}

/// Whoever has something to say to the socket is heard when those before have been silent for too long.
fn hears(socket: &Path) {
    let answer = order(socket, "show version");
    assert!(answer.starts_with("2."), "{answer}");
}

fn middle<S, T: PartialOrd + Copy>(those: &[S], of: impl Fn(&S) -> T) -> T {
    let mut all: Vec<T> = those.iter().map(of).collect();
    all.sort_by(|a, b| a.partial_cmp(b).expect("figures"));
    all[all.len() / 2]
}

#[test]
fn a_crowd_of_idlers_changes_nothing_for_the_others() {
    let server = Server::echo();
    let port = free_port();
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    let socket: PathBuf = std::env::temp_dir().join(format!("tandem-crowd-{}.sock", std::process::id()));
    let config = Config::default()
        .global(format!("stats socket {} level admin", socket.display()))
        .server("a", &server, "check inter 100");
    let page = format!("listen stats\n  mode http\n  bind 127.0.0.1:{port}\n  stats enable\n  stats uri /stats\n");
    let _lb = Lb::start(&format!("{config}{page}"));
    let traffic = traffic(config.at());
    until("traffic", || (traffic.done.load(Relaxed) > 100).then_some(()));
    let mut rounds: Vec<Round> = Vec::new();
    while rounds.len() < ROUNDS && rounds.iter().filter(|round| round.is_good()).count() <= ROUNDS / 2 {
        let found = round(at, &socket, &traffic);
        // A test whose reader is gone has nobody to tell.
        let _ = writeln!(std::io::stderr(), "{found}");
        rounds.push(found);
    }
    std::fs::remove_file(&socket).ok();
    let slower = middle(&rounds, |round| round.slower);
    let rate = middle(&rounds, |round| round.rate);
    assert!(is_good(slower, rate), "{slower:.2} {rate:.2}");
}

/// Quiet and crowded spells in turn.
fn round(at: SocketAddr, socket: &Path, traffic: &Busy) -> Round {
    let (mut quiet, mut crowded) = (Vec::new(), Vec::new());
    for _ in 0..SPELLS {
        quiet.push(spell(at, traffic));
        let crowd = (slow_clients(at), idle_clients(socket));
        crowded.push(spell(at, traffic));
        if crowded.len() == SPELLS {
            hears(socket);
        }
        drop(crowd);
    }
    let [before, after] = [&quiet, &crowded].map(|spells| middle(spells, |s| s.page));
    Round {
        before,
        after,
        slower: after.as_secs_f64() / before.as_secs_f64(),
        rate: middle(&crowded, |s| s.rate) / middle(&quiet, |s| s.rate),
    }
}
