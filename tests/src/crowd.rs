//! A crowd of clients around a balancer: connections that talk all the time, and newcomers that say one thing each.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{PATIENCE, until};

/// An echo for thousands: a small thread for each connection, and nothing is kept of those that ended.
pub fn echo_for_many() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port for a server");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            small_thread(move || {
                let (mut stream, mut buffer) = (stream, [0; 4096]);
                while let Ok(n @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..n]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn small_thread<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let builder = std::thread::Builder::new().stack_size(64 * 1024);
    builder.spawn(run).expect("a thread")
}

/// Connections that talk all the time, and newcomers that say one thing each.
pub struct Crowd {
    is_over: Arc<AtomicBool>,
    /// How often each thread has heard all of its connections.
    rounds: Vec<Arc<AtomicU64>>,
    talkers: Vec<JoinHandle<(u64, Duration)>>,
    newcomers: Newcomers,
    since: Instant,
}

/// What became of a crowd.
pub struct Crowded {
    pub exchanges: u64,
    pub newcomers: u64,
    /// The longest that one had to wait for an answer.
    pub longest: Duration,
    pub newcomers_a_second: f64,
}

impl Crowded {
    /// So many came as were sent, except for what any machine may be late.
    #[track_caller]
    pub fn came_in_time(&self, a_second: u32) {
        let came = self.newcomers_a_second;
        assert!(
            came > 0.9 * f64::from(a_second),
            "{came:.0} newcomers a second are not {a_second}"
        );
    }
}

/// Clients that come, say one thing and go.
pub struct Newcomers {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<u64>>,
}

impl Newcomers {
    /// A thread waits for each answer, so there are several.
    const THREADS: u32 = 4;

    pub fn come(to: SocketAddr, a_second: u32) -> Newcomers {
        let is_over = Arc::new(AtomicBool::new(false));
        let pause = Duration::from_secs(1) * Newcomers::THREADS / a_second;
        let thread = |_| {
            let over = is_over.clone();
            std::thread::spawn(move || come_and_go(to, pause, &over))
        };
        Newcomers {
            threads: (0..Newcomers::THREADS).map(thread).collect(),
            is_over,
        }
    }

    /// How many there were.
    pub fn go(self) -> u64 {
        self.is_over.store(true, SeqCst);
        let ended = self.threads.into_iter().map(|t| t.join().expect("nobody was refused"));
        ended.sum()
    }
}

impl Crowd {
    const TALKERS: usize = 4;

    /// So many connections, and so many newcomers a second.
    pub fn gather(to: SocketAddr, connections: usize, new_a_second: u32) -> Crowd {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut rounds = Vec::new();
        let talkers = (0..Crowd::TALKERS).map(|_| {
            let streams: Vec<TcpStream> = (0..connections / Crowd::TALKERS).map(|_| reach(to)).collect();
            let (round, over) = (Arc::new(AtomicU64::new(0)), is_over.clone());
            rounds.push(round.clone());
            std::thread::spawn(move || talk(streams, &over, &round))
        });
        let talkers = talkers.collect();
        let newcomers = Newcomers::come(to, new_a_second);
        Crowd {
            is_over,
            rounds,
            talkers,
            newcomers,
            since: Instant::now(),
        }
    }

    /// Waits until each connection has asked and been answered since now.
    #[track_caller]
    pub fn everybody_speaks(&self) {
        let before: Vec<u64> = self.rounds.iter().map(|r| r.load(SeqCst)).collect();
        until("everybody to have spoken", || {
            assert!(
                !self.talkers.iter().any(JoinHandle::is_finished),
                "a connection was lost"
            );
            let spoke = |(round, before): (&Arc<AtomicU64>, &u64)| round.load(SeqCst) >= before + 2;
            self.rounds.iter().zip(&before).all(spoke).then_some(())
        });
    }

    pub fn disperse(self) -> Crowded {
        self.is_over.store(true, SeqCst);
        let ended = self.talkers.into_iter().map(|t| t.join().expect("nobody was lost"));
        let (exchanges, longest) = ended.fold((0, Duration::ZERO), |(sum, most), (n, longest)| {
            (sum + n, most.max(longest))
        });
        let newcomers = self.newcomers.go();
        Crowded {
            exchanges,
            newcomers,
            longest,
            newcomers_a_second: newcomers as f64 / self.since.elapsed().as_secs_f64(),
        }
    }
}

fn reach(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("nobody is refused");
    stream.set_read_timeout(Some(PATIENCE)).expect("above zero");
    stream.set_nodelay(true).expect("a TCP socket");
    stream
}

fn talk(mut streams: Vec<TcpStream>, is_over: &AtomicBool, round: &AtomicU64) -> (u64, Duration) {
    let (mut exchanges, mut longest) = (0u64, Duration::ZERO);
    while !is_over.load(SeqCst) {
        for stream in &mut streams {
            let asked = Instant::now();
            let question = exchanges.to_be_bytes();
            stream.write_all(&question).expect("the connection lives");
            let mut answer = [0; 8];
            stream.read_exact(&mut answer).expect("the connection lives");
            assert_eq!(answer, question);
            longest = longest.max(asked.elapsed());
            exchanges += 1;
        }
        round.fetch_add(1, SeqCst);
    }
    (exchanges, longest)
}

fn come_and_go(to: SocketAddr, pause: Duration, is_over: &AtomicBool) -> u64 {
    let (mut count, mut next) = (0, Instant::now());
    while !is_over.load(SeqCst) {
        let mut stream = reach(to);
        stream.write_all(b"hello").expect("the connection lives");
        stream.read_exact(&mut [0; 5]).expect("the connection lives");
        count += 1;
        next += pause;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    count
}
