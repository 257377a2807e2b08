//! What surrounds one of the two programs in a scenario: servers, clients, what was noted.
//!
//! In a configuration `{0}` to `{9}` are listeners; `{a}` to `{f}` servers that say their name and then echo, `{echo}` one
//! that only echoes, `{ear}` one that keeps what it hears and answers `.` at the end, `{mute}` one that never answers,
//! `{bye}` one that says `bye` and ends, `{dead}` an address where nobody listens, `{dns}` a name server,
//! `{pem}` a certificate with its key. `{0.port}` and the like are only the
//! ports. `{path}` is the beginning of a file name of its own.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};

use crate::both::Room;
use crate::mask::{self, Mask};
use crate::visitor::Visitor;
use crate::{Nameserver, PATIENCE, Server, free_port, until};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
/// After this long nobody is about to write a line any more.
const QUIET: Duration = Duration::from_millis(60);

pub struct Stage {
    room: Room,
    servers: BTreeMap<&'static str, Mutex<Server>>,
    heard: Arc<Mutex<Vec<u8>>>,
    names: Nameserver,
    noted: Mutex<Vec<String>>,
    pub(crate) held: Arc<AtomicUsize>,
    mask: Mask,
    /// The program that is looked at, once it was started.
    program: Option<Pid>,
}

impl Stage {
    pub(crate) fn set(name: &'static str, config: &str, file: &str) -> Stage {
        let names = |name: &str| config.contains(&format!("{{{name}")) || file.contains(&format!("{{{name}"));
        let listeners = (0..10)
            .filter(|n: &u16| names(&n.to_string()))
            .max()
            .map_or(1, |last| last + 1);
        let room = Room::new(name, listeners);
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let mut servers = BTreeMap::new();
        for name in NAMES.into_iter().chain(["echo", "ear", "mute", "bye"]) {
            if names(&format!("{name}}}")) || names(&format!("{name}.port}}")) {
                servers.insert(name, Mutex::new(server(name, &heard)));
            }
        }
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let address = |(name, server): (&&'static str, &Mutex<Server>)| ((*name).to_owned(), lock(server).address());
        let nameserver = Nameserver::default();
        let fixed = [("dead".to_owned(), nobody), ("dns".to_owned(), nameserver.address())];
        let known = servers.iter().map(address).chain(fixed);
        let listeners = (0..listeners).map(|n| (n.to_string(), room.at(n)));
        let mask = Mask::new(known.chain(listeners).collect(), room.socket());
        let (noted, held) = (Mutex::default(), Arc::default());
        let stage = Stage {
            room,
            servers,
            heard,
            names: nameserver,
            noted,
            held,
            mask,
            program: None,
        };
        if !file.is_empty() {
            let text = stage.mask.filled_in(file);
            std::fs::write(stage.path() + ".file", text).expect("the temporary folder is writable");
        }
        stage
    }

    pub(crate) fn with(mut self, program: Pid) -> Stage {
        self.program = Some(program);
        self
    }

    pub(crate) fn config(&self, config: &str) -> String {
        // Without a limit of its own each computes one from the files that it may open. With one thread there is one order.
        let head = self
            .room
            .head()
            .replacen("global\n", "global\n maxconn 2000\n nbthread 1\n", 1);
        head + &self.mask.filled_in(config)
    }

    pub fn room(&self) -> &Room {
        &self.room
    }

    /// The beginning of a file name that only this side has.
    pub fn path(&self) -> String {
        self.room.socket().display().to_string()
    }

    /// The name server at `{dns}`.
    pub fn names(&self) -> &Nameserver {
        &self.names
    }

    pub fn note(&self, text: impl AsRef<str>) {
        lock(&self.noted).push(self.mask.text(text.as_ref()));
    }

    /// An order on the stats socket, and its answer.
    pub fn order(&self, words: &str) {
        let answer = self.room.order(&self.mask.filled_in(words));
        self.note(format!("> {words}"));
        answer
            .lines()
            .filter(|line| !line.is_empty())
            .for_each(|line| self.note(format!("< {line}")));
    }

    /// Someone at 127.0.0.`from` who is there until it is dropped.
    #[track_caller]
    pub fn enter(&self, listener: u16, from: u8) -> Visitor {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let own = SocketAddr::from((Ipv4Addr::new(127, 0, 0, from), 0));
        socket.bind(&own.into()).expect("all of 127/8 is ours");
        socket.connect(&self.room.at(listener).into()).expect("it listens");
        let stream: TcpStream = socket.into();
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        Visitor::new(stream, self.held.clone())
    }

    /// Someone who hears who serves, is noted, and stays.
    #[track_caller]
    pub fn stay(&self, listener: u16, from: u8) -> Visitor {
        let mut visitor = self.enter(listener, from);
        let who = visitor.hear(1);
        self.note(format!("{listener} from .{from}: {who}"));
        visitor
    }

    /// Someone who hears who serves, is noted, and goes; the next comes when this one is forgotten.
    #[track_caller]
    pub fn pick(&self, listener: u16, from: u8) {
        drop(self.stay(listener, from));
        self.settle();
    }

    /// So many come and go; how many each server got is noted, and not whose turn it was: after a change of servers or
    /// weights that is not said.
    #[track_caller]
    pub fn shares(&self, listener: u16, count: u8) {
        let mut shares = BTreeMap::<String, u32>::new();
        for number in 0..count {
            let mut visitor = self.enter(listener, mask::ANONYMOUS + number);
            *shares.entry(visitor.hear(1)).or_default() += 1;
            self.leave([visitor]);
        }
        self.note(format!("{listener} {count} times: {shares:?}"));
    }

    /// So many come and stay; as [`shares`](Stage::shares).
    #[track_caller]
    pub fn fill(&self, listener: u16, count: u8) -> Vec<Visitor> {
        let mut shares = BTreeMap::<String, u32>::new();
        let stay = |number| {
            let mut visitor = self.enter(listener, mask::ANONYMOUS + number);
            *shares.entry(visitor.hear(1)).or_default() += 1;
            visitor
        };
        let visitors = (0..count).map(stay).collect();
        self.note(format!("{listener} {count} stay: {shares:?}"));
        visitors
    }

    /// Someone who says nothing, and all there is until the end is noted.
    #[track_caller]
    pub fn hears_all(&self, listener: u16, from: u8) {
        let mut visitor = self.enter(listener, from);
        let said = visitor.rest();
        self.note(format!("{listener} from .{from} hears {said}"));
        self.leave([visitor]);
    }

    /// Someone who says this and no more, and all there is until the end is noted.
    #[track_caller]
    pub fn talk(&self, listener: u16, from: u8, bytes: &[u8]) {
        let before = self.at_frontends("conn_tot");
        let says = || {
            let mut visitor = self.enter(listener, from);
            if bytes.is_empty() {
                self.lets_in(before);
            }
            visitor.say(bytes);
            visitor.shut();
            visitor
        };
        let mut visitor = if bytes.is_empty() {
            says()
        } else {
            self.at_a_standstill(says)
        };
        let said = visitor.rest();
        self.note(format!("{listener} from .{from} says {}: {said}", bytes.escape_ascii()));
        drop(visitor);
        self.settle();
    }

    /// They go one after the other.
    #[track_caller]
    pub fn leave(&self, visitors: impl IntoIterator<Item = Visitor>) {
        for visitor in visitors {
            drop(visitor);
            self.settle();
        }
    }

    /// Waits until only those are there who stay.
    #[track_caller]
    pub fn settle(&self) {
        until(&format!("{}: the others have left", self.room.name), || {
            (self.at_frontends("scur") <= self.held.load(SeqCst)).then_some(())
        });
    }

    /// Waits until one more was let in and sent on to a server. Who ends before that without a word is another case, and
    /// chance would choose between the two.
    #[track_caller]
    fn lets_in(&self, before: usize) {
        until(&format!("{}: the client is let in", self.room.name), || {
            (self.at_frontends("conn_tot") > before).then_some(())
        });
        // What follows from it is done when a later question is answered.
        self.at_frontends("conn_tot");
    }

    /// Does this while the program is stopped: it meets all of it at once, and how fast it is says nothing.
    #[track_caller]
    fn at_a_standstill<T>(&self, act: impl FnOnce() -> T) -> T {
        let program = self.program.expect("it was started");
        signal::kill(program, Signal::SIGSTOP).expect("it runs");
        until(&format!("{}: a standstill", self.room.name), || {
            is_stopped(program).then_some(())
        });
        let done = act();
        signal::kill(program, Signal::SIGCONT).expect("it is only stopped");
        done
    }

    /// The sum of a column over all frontends.
    fn at_frontends(&self, column: &str) -> usize {
        let csv = self.room.order("show stat -1 1 -1");
        let mut lines = csv.lines().map(|line| line.split(','));
        let place = lines.next().and_then(|mut names| names.position(|name| name == column));
        let place = place.expect("a column of that name");
        lines
            .filter_map(|mut cells| cells.nth(place)?.parse::<usize>().ok())
            .sum()
    }

    /// Waits until a cell of `show stat` says this.
    #[track_caller]
    pub fn until(&self, proxy: &str, server: &str, column: &str, value: &str) {
        until(
            &format!("{}: {proxy}/{server} {column} to be {value}", self.room.name),
            || (self.room.cell(proxy, server, column) == value).then_some(()),
        );
    }

    /// Waits until so many log lines have this in them.
    #[track_caller]
    pub fn logged(&self, part: &str, times: usize) {
        until(&format!("{}: {times} lines with {part:?}", self.room.name), || {
            (self.room.lines().iter().filter(|line| line.contains(part)).count() >= times).then_some(())
        });
    }

    pub fn kill(&self, name: &str) {
        lock(&self.servers[name]).kill();
    }

    pub fn revive(&self, name: &str) {
        lock(&self.servers[name]).revive();
    }

    /// Notes what the ear heard since the last time; ports of clients are masked by the one who looks.
    pub fn ear(&self, shown: impl Fn(&[u8]) -> String) {
        let heard = std::mem::take(&mut *lock(&self.heard));
        self.note(format!("heard {}", shown(&heard)));
    }

    /// Everything that is to be compared.
    pub(crate) fn close(self) -> Vec<String> {
        self.settle();
        let mut before = None;
        let lines = until(&format!("{}: a moment without a new line", self.room.name), || {
            std::thread::sleep(QUIET);
            let now = self.room.lines();
            let is_quiet = before.replace(now.len()) == Some(now.len());
            is_quiet.then_some(now)
        });
        lines
            .iter()
            .for_each(|line| self.note(format!("log {}", self.mask.log_line(line))));
        self.mask
            .csv(&self.room.order("show stat"))
            .iter()
            .for_each(|cell| self.note(cell));
        let tables = self.room.order("show table");
        let names = tables
            .lines()
            .filter_map(|line| line.strip_prefix("# table: ")?.split(',').next());
        names.for_each(|name| self.order(&format!("show table {name}")));
        std::mem::take(&mut *lock(&self.noted))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        std::fs::remove_file(self.path() + ".file").ok();
    }
}

/// Every thread of it; the signal reaches one after the other.
fn is_stopped(program: Pid) -> bool {
    let is_still = |stat: String| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'));
    let threads = std::fs::read_dir(format!("/proc/{program}/task")).expect("it runs");
    threads
        .flatten()
        .all(|thread| std::fs::read_to_string(thread.path().join("stat")).is_ok_and(is_still))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn server(name: &'static str, heard: &Arc<Mutex<Vec<u8>>>) -> Server {
    let heard = heard.clone();
    match name {
        "echo" => Server::echo(),
        "bye" => Server::start(|mut stream| {
            stream.write_all(b"bye").ok();
        }),
        "mute" => Server::start(|mut stream| {
            std::io::copy(&mut stream, &mut std::io::sink()).ok();
        }),
        "ear" => Server::start(move |mut stream| {
            let mut bytes = Vec::new();
            if stream.read_to_end(&mut bytes).is_ok() {
                lock(&heard).extend(bytes);
                stream.write_all(b".").ok();
            }
        }),
        name => Server::named(name),
    }
}
