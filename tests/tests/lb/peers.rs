//! Stick tables that are shared: with the installed HAProxy, and between two of ours. The tables are compared as `show
//! table` shows them, addresses in memory apart and times to a few seconds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tandem_tests::{Haproxy, Lb, PATIENCE, Relay, Server, ended, free_ports, order, until};

/// Everything that both store below HTTP.
const SINGLE: &str = "server_id,gpt0,gpc0,gpc0_rate(1h),conn_cnt,conn_rate(1h),conn_cur,sess_cnt,sess_rate(1h),bytes_in_cnt,\
                      bytes_in_rate(1h),bytes_out_cnt,bytes_out_rate(1h),gpc1,gpc1_rate(1h),server_key";
const ARRAYS: &str = "gpt(3),gpc(2),gpc_rate(2,1h)";

const TABLES: [&str; 6] = ["t_ip", "t_v6", "t_int", "t_str", "t_bin", "p/own"];

/// As many as a section of the rehearsal has to carry.
const MANY: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ours,
    Haproxy,
}

enum Running {
    Ours(Lb),
    Haproxy(#[expect(dead_code, reason = "it lives as long as this")] Haproxy),
}

/// One of the two that share their tables.
struct Node {
    name: &'static str,
    kind: Kind,
    /// Where it listens for clients, and for peers.
    at: SocketAddr,
    peers: SocketAddr,
    socket: PathBuf,
    config: String,
    running: Option<Running>,
}

/// Two nodes, and the links from each to the other.
struct Pair {
    nodes: [Node; 2],
    links: [Relay; 2],
    _server: Server,
}

impl Node {
    fn new(name: &'static str, kind: Kind) -> Node {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let port = free_ports(2);
        let at = |more| SocketAddr::from(([127, 0, 0, 1], port + more));
        let file = format!("tandem-peers-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        Node {
            name,
            kind,
            at: at(0),
            peers: at(1),
            socket: std::env::temp_dir().join(file),
            config: String::new(),
            running: None,
        }
    }

    /// `None`, and a word about it, where HAProxy is not installed.
    fn start(&mut self) -> Option<()> {
        self.running = Some(match self.kind {
            Kind::Ours => Running::Ours(Lb::start(&self.config)),
            Kind::Haproxy => Running::Haproxy(Haproxy::start(&self.config, &self.socket)?),
        });
        Some(())
    }

    #[track_caller]
    fn order(&self, words: &str) -> String {
        order(&self.socket, words)
    }

    fn set(&self, orders: impl Iterator<Item = String>) {
        set(&self.socket, orders);
    }

    fn used(&self, table: &str) -> usize {
        let all = self.order("show table");
        let line = all.lines().find(|line| line.starts_with(&format!("# table: {table},")));
        let used = line.and_then(|line| line.rsplit_once("used:")?.1.parse().ok());
        used.unwrap_or_else(|| panic!("{table} in {all}"))
    }

    /// What a table holds: by key, how many milliseconds are left, and the values.
    fn entries(&self, table: &str) -> BTreeMap<String, (i64, String)> {
        let text = self.order(&format!("show table {table}"));
        let mut entries = BTreeMap::new();
        for line in text.lines().filter(|line| line.starts_with("0x")) {
            let (_, line) = line.split_once(": key=").expect("a key");
            let (key, line) = line.split_once(" use=").expect("a use");
            let (_, line) = line.split_once(" exp=").expect("a time");
            let (left, values) = line.split_once(' ').unwrap_or((line, ""));
            // Who is connected here now is nobody else's business.
            let values = values.split(' ').filter(|value| !value.starts_with("conn_cur="));
            let values: Vec<&str> = values.collect();
            let left = left.parse().expect("a number");
            entries.insert(key.to_owned(), (left, values.join(" ")));
        }
        entries
    }

    /// A client that sends so many bytes, all of which come back.
    fn visit(&self, from: [u8; 4], text: &[u8]) {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::from((from, 0)).into())
            .expect("loopback is wide");
        socket.connect(&self.at.into()).expect("it listens");
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        stream.write_all(text).expect("it reads");
        stream.shutdown(Shutdown::Write).expect("it is open");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        assert_eq!(answer, text);
    }

    fn connected(&self) -> bool {
        self.order("show info").contains("ConnectedPeers: 1\n")
    }
}

/// Sets entries, many with one command line.
fn set(socket: &Path, orders: impl Iterator<Item = String>) {
    let orders: Vec<String> = orders.collect();
    for some in orders.chunks(100) {
        assert_eq!(order(socket, &some.join(";")).trim(), "", "{}", socket.display());
    }
}

impl Pair {
    fn new(kinds: [Kind; 2]) -> Option<Pair> {
        let mut nodes = [Node::new("a", kinds[0]), Node::new("b", kinds[1])];
        let links = [Relay::to(nodes[1].peers), Relay::to(nodes[0].peers)];
        let server = Server::echo();
        for this in 0..2 {
            let config = config(&nodes[this], &nodes[1 - this], links[this].address(), server.address());
            nodes[this].config = config;
            nodes[this].start()?;
        }
        Some(Pair {
            nodes,
            links,
            _server: server,
        })
    }

    #[track_caller]
    fn connected(&self) {
        until("both are connected", || {
            self.nodes.iter().all(Node::connected).then_some(())
        });
    }

    /// Waits until both have the same.
    #[track_caller]
    fn same(&self, tables: &[&str]) {
        for table in tables {
            let deadline = std::time::Instant::now() + PATIENCE;
            loop {
                let (one, other) = (self.nodes[0].entries(table), self.nodes[1].entries(table));
                let Some(difference) = difference(&one, &other) else {
                    break;
                };
                assert!(
                    std::time::Instant::now() < deadline,
                    "{table}: {difference}\n{}",
                    self.about()
                );
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        }
    }

    fn about(&self) -> String {
        let all = self
            .nodes
            .iter()
            .map(|node| format!("{}:\n{}", node.name, node.order("show peers")));
        all.collect()
    }
}

fn difference(one: &BTreeMap<String, (i64, String)>, other: &BTreeMap<String, (i64, String)>) -> Option<String> {
    if one.len() != other.len() {
        return Some(format!("{} and {} entries", one.len(), other.len()));
    }
    one.iter().find_map(|(key, (left, values))| {
        let Some((other_left, other_values)) = other.get(key) else {
            return Some(format!("{key} is missing"));
        };
        let is_same = values == other_values && left.abs_diff(*other_left) < 5_000;
        (!is_same).then(|| format!("{key}: {left} {values} and {other_left} {other_values}"))
    })
}

fn config(this: &Node, other: &Node, link: SocketAddr, server: SocketAddr) -> String {
    let Node {
        name,
        at,
        peers,
        socket,
        ..
    } = this;
    let other = other.name;
    let socket = socket.display();
    format!(
        "global\n stats socket {socket} level admin expose-fd listeners\n localpeer {name}\ndefaults\n mode tcp\n timeout connect 2s\n \
         timeout client 5s\n timeout server 5s\npeers p\n peer {name} {peers}\n peer {other} {link}\n \
         table own type ip size 30k expire 1h store {ARRAYS}\nfrontend f\n bind {at}\n tcp-request inspect-delay 2s\n \
         tcp-request connection track-sc0 src table t_ip\n tcp-request content track-sc1 payload(0,8) table t_bin if {{ req.len ge 8 }}\n \
         tcp-request content sc-inc-gpc0(0)\n tcp-request content accept if {{ req.len ge 8 }}\n default_backend b\n\
         backend b\n stick on src table t_ip\n server one {server}\n server two {server}\n\
         backend t_ip\n stick-table type ip size 30k expire 1h store {SINGLE} peers p\n\
         backend t_v6\n stick-table type ipv6 size 30k expire 1h store {ARRAYS} peers p\n\
         backend t_int\n stick-table type integer size 30k store {SINGLE} peers p\n\
         backend t_str\n stick-table type string len 20 size 30k expire 1h store {SINGLE} peers p\n\
         backend t_bin\n stick-table type binary len 8 size 30k expire 1h store conn_cnt,bytes_in_cnt,bytes_in_rate(1h) peers p\n"
    )
}

/// The values of an entry, different for each.
fn single(n: usize) -> String {
    let mut text = String::new();
    for (place, name) in [
        "server_id",
        "gpt0",
        "gpc0",
        "conn_cnt",
        "sess_cnt",
        "bytes_in_cnt",
        "bytes_out_cnt",
        "gpc1",
    ]
    .iter()
    .enumerate()
    {
        write!(text, " data.{name} {}", n * (place + 1) % 70_000).expect("a string takes it");
    }
    for name in ["gpc0_rate", "conn_rate", "bytes_out_rate"] {
        write!(text, " data.{name} {}", n % 300).expect("a string takes it");
    }
    text
}

/// Some entries of each kind, told apart by what they are for.
fn some(part: u8, count: usize) -> impl Iterator<Item = String> {
    (0..count).flat_map(move |n| {
        let values = single(n);
        [
            format!("set table t_v6 key 2001:db8:{part:x}::{n:x}"),
            format!("set table t_int key {}{values}", usize::from(part) * 100_000 + n),
            format!("set table t_str key {part}-{n}{values}"),
            format!("set table p/own key 10.{part}.1.{}", n % 250),
        ]
    })
}

fn many(part: u8, value: usize, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |n| {
        format!(
            "set table t_ip key 10.{part}.{}.{}{}",
            n / 250,
            n % 250,
            single(n + value)
        )
    })
}

/// Everything that is to be shown of two that share their tables.
fn shared(kinds: [Kind; 2]) {
    let Some(mut pair) = Pair::new(kinds) else { return };
    pair.connected();
    for (part, node) in (1..).zip(&pair.nodes) {
        node.set(many(part, 0, MANY));
        node.set(some(part, 100));
        node.visit([127, 0, 1, part], b"eightletters");
        node.visit([127, 0, 1, part], &[part, 0, 1, 2, 250, 251, 3, 4, 5]);
    }
    pair.same(&TABLES);
    assert!(pair.nodes[0].used("t_ip") > 2 * MANY, "{}", pair.about());
    let stuck = pair.nodes[0].entries("t_ip");
    let (_, values) = stuck.get("127.0.1.2").expect("the other's client");
    assert!(
        values.contains("server_key=") && !values.contains("server_key=-"),
        "{values}"
    );

    // The link is cut, and both go on.
    pair.links.iter().for_each(Relay::cut);
    until("they know it", || {
        pair.nodes.iter().all(|node| !node.connected()).then_some(())
    });
    for (part, node) in (1..).zip(&pair.nodes) {
        node.set(many(part, 7, 500));
        node.set(some(part + 10, 50));
    }
    assert_ne!(pair.nodes[0].used("t_str"), 300);
    pair.links.iter().for_each(Relay::mend);
    pair.same(&TABLES);
    assert_eq!(pair.nodes[0].used("t_str"), 300);

    // One begins again with nothing, and is told everything, also what it has said itself.
    pair.nodes[1].running = None;
    pair.nodes[1].start().expect("it was there before");
    pair.same(&TABLES);
    assert!(pair.nodes[1].used("t_ip") > 2 * MANY, "{}", pair.about());
}

#[test]
fn with_haproxy() {
    shared([Kind::Haproxy, Kind::Ours]);
}

#[test]
fn between_two_of_ours() {
    shared([Kind::Ours, Kind::Ours]);
}

/// What is answered to somebody who says this, and whether the connection ends then.
fn answer(to: SocketAddr, said: &[u8], is_ended: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    stream.write_all(said).expect("it reads");
    let mut answer = vec![0; 6];
    if is_ended {
        answer.clear();
        stream.read_to_end(&mut answer).expect("an end");
    } else {
        stream.read_exact(&mut answer).expect("an answer");
        stream.shutdown(Shutdown::Write).expect("it is open");
        assert!(ended(&mut stream));
    }
    answer
}

#[test]
fn who_speaks_otherwise_loses_his_connection() {
    let mut node = Node::new("a", Kind::Ours);
    let other = Node::new("b", Kind::Ours);
    let server = Server::echo();
    node.config = config(&node, &other, other.peers, server.address());
    node.start().expect("ours is there");
    node.visit([127, 0, 2, 1], b"eightletters");
    let hello = b"HAProxyS 2.1\na\nb 1 1\n";
    for (said, expected) in [
        (&b"HAProxyS 2.1\nx\nb 1 1\n"[..], &b"503\n"[..]),
        (b"HAProxyS 2.1\na\nx 1 1\n", b"504\n"),
        (b"HAProxyS 2.9\na\nb 1 1\n", b"502\n"),
        (b"HAProxyS 3.0\na\nb 1 1\n", b"501\n"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"501\n"),
        (&[0xff; 2_000], b"501\n"),
    ] {
        assert_eq!(answer(node.peers, said, true), expected, "{said:?}");
    }
    let garbage = [&hello[..], &[77; 100]].concat();
    assert!(answer(node.peers, &garbage, true).starts_with(b"200\n"));
    // Half a definition, and then nothing.
    let half = [&hello[..], &[10, 0x82, 60, 1, 4, b't']].concat();
    assert_eq!(answer(node.peers, &half, false), b"200\n\0\0");
    let text = node.order("show peers");
    assert!(
        text.contains(" strangers=6\n") && text.contains(" proto_err=1 "),
        "{text}"
    );
    assert!(
        text.contains("id=b(remote,active)") && text.contains("id=a(local,inactive)"),
        "{text}"
    );
    assert!(node.order("show peers dict p").contains("RX dictionary cache:"));
    assert_eq!(node.order("show peers nobody"), "No such peers\n\n");
    // Nothing else has noticed.
    node.visit([127, 0, 2, 1], b"eightletters");
    assert_eq!(node.used("t_ip"), 1);
}

/// One is replaced while entries are taught, and while the other has not confirmed all of them.
#[test]
fn nothing_is_lost_when_one_is_replaced() {
    let Some(mut pair) = Pair::new([Kind::Ours, Kind::Ours]) else {
        return;
    };
    pair.connected();
    for (part, node) in (1..).zip(&pair.nodes) {
        node.set(many(part, 0, 500));
        node.set(some(part, 20));
    }
    pair.same(&TABLES);
    for (part, cut) in [(10, false), (20, true), (30, false)] {
        if cut {
            // What changes now nobody can confirm to the process that is replaced.
            pair.links.iter().for_each(Relay::cut);
            until("they know it", || {
                pair.nodes.iter().all(|node| !node.connected()).then_some(())
            });
        }
        pair.nodes[0].set(many(part, 3, 300));
        let [replaced, other] = &mut pair.nodes;
        let Some(Running::Ours(old)) = &mut replaced.running else {
            return;
        };
        let other = other.socket.clone();
        let new = std::thread::scope(|scope| {
            scope.spawn(move || {
                set(&other, many(part + 1, 5, 500));
                set(&other, some(part + 1, 20));
            });
            old.succeed(&replaced.socket, &replaced.config)
        });
        assert!(old.ended().success());
        replaced.running = Some(Running::Ours(new));
        pair.nodes[0].set(some(part + 2, 20));
        pair.links.iter().for_each(Relay::mend);
        pair.connected();
        pair.same(&TABLES);
        assert_eq!(
            pair.nodes[1].entries("t_ip").len(),
            1_000 + usize::from(part / 10) * 800
        );
    }
}

#[test]
fn peers_come_and_go_with_a_reload() {
    let Some(mut pair) = Pair::new([Kind::Ours, Kind::Ours]) else {
        return;
    };
    pair.connected();
    pair.nodes[0].set(some(1, 5));
    pair.same(&TABLES);
    let config = pair.nodes[1].config.clone();
    let without: String = config
        .lines()
        .filter(|line| !line.starts_with(" peer a "))
        .fold(String::new(), |text, line| text + line + "\n");
    let Some(Running::Ours(lb)) = &mut pair.nodes[1].running else {
        return;
    };
    lb.reload(nix::sys::signal::Signal::SIGHUP, &without);
    until("it has no peers", || {
        pair.nodes[1]
            .order("show info")
            .contains("ActivePeers: 0\n")
            .then_some(())
    });
    pair.nodes[0].set(some(2, 5));
    assert_eq!(pair.nodes[1].used("t_str"), 5, "what was there stays");
    let Some(Running::Ours(lb)) = &mut pair.nodes[1].running else {
        return;
    };
    lb.reload(nix::sys::signal::Signal::SIGHUP, &config);
    pair.same(&TABLES);
    assert_eq!(pair.nodes[1].used("t_str"), 10);
}
