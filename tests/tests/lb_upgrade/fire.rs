//! Replacement after replacement while connections talk and new ones come: nobody is lost, nobody is refused, and no
//! counter goes back.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tandem_tests::{Config, Lb, PATIENCE, until};

use crate::socket::{Socket, figure};

/// How much of it.
struct Scale {
    connections: usize,
    replacements: usize,
    new_a_second: u32,
}

/// With `TANDEM_LONG` set, all of what is promised.
fn scale() -> Scale {
    if std::env::var_os("TANDEM_LONG").is_some() {
        return Scale {
            connections: 2000,
            replacements: 10,
            new_a_second: 500,
        };
    }
    Scale {
        connections: 200,
        replacements: 3,
        new_a_second: 100,
    }
}

#[test]
fn nobody_is_lost_and_nothing_goes_back() {
    let scale = scale();
    tandem_sys::limits::raise_open_files(None);
    let (socket, server) = (Socket::new(), echo());
    let config = Config::default()
        .global("maxconn 8000")
        .global(socket.line())
        .server_at("s", server, "check inter 500ms");
    let mut running = Lb::start(&config.to_string());
    let crowd = Crowd::gather(config.at(), &scale);
    let watch = Watch::begin(&socket);
    let (mut ends, mut readies) = (Vec::new(), Vec::new());
    for _ in 0..scale.replacements {
        let began = Instant::now();
        let new = running.succeed(socket.path(), &config.to_string());
        readies.push(began.elapsed());
        assert!(running.ended().success());
        ends.push(began.elapsed());
        // Every one of them speaks in the new process, which has them all.
        crowd.everybody_speaks();
        assert!(socket.figure("fe", "FRONTEND", "scur") >= scale.connections as u64);
        running = new;
    }
    let (exchanges, newcomers, longest) = crowd.disperse();
    let polls = watch.end();
    let total = socket.figure("fe", "FRONTEND", "stot");
    writeln!(
        io::stdout().lock(),
        "{} replacements under {} connections: {exchanges} exchanges, {newcomers} newcomers, {polls} looks at the \
         counters; the successor was ready after at most {} ms, the old process had ended after at most {} ms, the \
         longest exchange took {} ms",
        scale.replacements,
        scale.connections,
        most(&readies),
        most(&ends),
        longest.as_millis(),
    )
    .expect("a place to write");
    assert_eq!(total, scale.connections as u64 + newcomers);
}

fn most(times: &[Duration]) -> u128 {
    times.iter().max().map_or(0, Duration::as_millis)
}

/// An echo for thousands: a small thread for each connection, and nothing is kept of those that ended.
fn echo() -> SocketAddr {
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
struct Crowd {
    is_over: Arc<AtomicBool>,
    /// How often each thread has heard all of its connections.
    rounds: Vec<Arc<AtomicU64>>,
    talkers: Vec<JoinHandle<(u64, Duration)>>,
    newcomers: Newcomers,
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

    fn gather(to: SocketAddr, scale: &Scale) -> Crowd {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut rounds = Vec::new();
        let talkers = (0..Crowd::TALKERS).map(|_| {
            let streams: Vec<TcpStream> = (0..scale.connections / Crowd::TALKERS).map(|_| reach(to)).collect();
            let (round, over) = (Arc::new(AtomicU64::new(0)), is_over.clone());
            rounds.push(round.clone());
            std::thread::spawn(move || talk(streams, &over, &round))
        });
        let talkers = talkers.collect();
        let newcomers = Newcomers::come(to, scale.new_a_second);
        Crowd {
            is_over,
            rounds,
            talkers,
            newcomers,
        }
    }

    /// Waits until each connection has asked and been answered since now.
    fn everybody_speaks(&self) {
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

    /// All exchanges, all newcomers, and the longest that one had to wait.
    fn disperse(self) -> (u64, u64, Duration) {
        self.is_over.store(true, SeqCst);
        let ended = self.talkers.into_iter().map(|t| t.join().expect("nobody was lost"));
        let (exchanges, longest) = ended.fold((0, Duration::ZERO), |(sum, most), (n, longest)| {
            (sum + n, most.max(longest))
        });
        (exchanges, self.newcomers.go(), longest)
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

/// Looks at the counters all the time and remembers the highest.
struct Watch {
    is_over: Arc<AtomicBool>,
    looking: JoinHandle<u64>,
}

impl Watch {
    fn begin(socket: &Socket) -> Watch {
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, socket) = (is_over.clone(), socket.reader());
        let looking = std::thread::spawn(move || {
            let (mut seen, mut looks) = (BTreeMap::new(), 0);
            while !over.load(SeqCst) {
                if let Some(csv) = socket.try_ask("show stat") {
                    looks += 1;
                    look(&csv, &mut seen);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            looks
        });
        Watch { is_over, looking }
    }

    fn end(self) -> u64 {
        self.is_over.store(true, SeqCst);
        self.looking.join().expect("no counter went back")
    }
}

fn look(csv: &str, seen: &mut BTreeMap<(&'static str, &'static str, &'static str), u64>) {
    for (proxy, row) in [("fe", "FRONTEND"), ("be", "s"), ("be", "BACKEND")] {
        for field in ["stot", "bin", "bout", "lbtot", "chkfail"] {
            let Some(now) = figure(csv, proxy, row, field) else {
                continue;
            };
            let before = seen.insert((proxy, row, field), now).unwrap_or(0);
            assert!(
                now >= before,
                "{field} of {proxy}/{row} went from {before} back to {now}"
            );
        }
    }
}
