//! What one process learns of another's tables beside the usual: `recv-only` and `write-to`, as HAProxy 3.0 and 2.8 have
//! them, which is not there to be compared with.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;

use socket2::{Domain, Socket, Type};
use tandem_tests::{Lb, PATIENCE, Server, free_ports, order, until};

struct Node {
    name: &'static str,
    at: SocketAddr,
    peers: SocketAddr,
    socket: PathBuf,
}

impl Node {
    fn new(name: &'static str) -> Node {
        let port = free_ports(2);
        let at = |more| SocketAddr::from(([127, 0, 0, 1], port + more));
        Node {
            name,
            at: at(0),
            peers: at(1),
            socket: std::env::temp_dir().join(format!("tandem-learned-{name}-{}", std::process::id())),
        }
    }

    /// With two tables that are shared, `watched` of which ends in these words, and one of its own.
    fn config(&self, other: &Node, words: &str, servers: [SocketAddr; 2]) -> String {
        const STORED: &str = "store server_id,gpt0,gpc0,conn_cur";
        let Node {
            name,
            at,
            peers,
            socket,
        } = self;
        let [one, two] = servers;
        format!(
            "global\n stats socket {} level admin\n localpeer {name}\ndefaults\n timeout connect 2s\n timeout client 9s\n \
             timeout server 9s\npeers p\n peer {name} {peers}\n peer {} {}\nfrontend f\n bind {at}\n \
             tcp-request connection track-sc0 src table watched\n tcp-request connection track-sc1 src table plain\n \
             default_backend b\nbackend b\n stick match src table own\n server one {one}\n server two {two}\n\
             backend watched\n stick-table type ip size 1k expire 1h {STORED} peers p {words}\n\
             backend plain\n stick-table type ip size 1k expire 1h {STORED} peers p\n\
             backend own\n stick-table type ip size 1k expire 1h {STORED}\n",
            socket.display(),
            other.name,
            other.peers,
        )
    }

    #[track_caller]
    fn order(&self, words: &str) -> String {
        order(&self.socket, words)
    }

    /// What a table's entry of this key says, behind its times. One that servers are remembered in says more at its end.
    fn entry(&self, table: &str, key: &str) -> Option<String> {
        let all = self.order(&format!("show table {table}"));
        let line = all.lines().find(|line| line.contains(&format!(": key={key} ")))?;
        Some(line.split_once(" exp=")?.1.split_once(' ')?.1.to_owned())
    }

    #[track_caller]
    fn comes_to_say(&self, table: &str, key: &str, expected: &str) {
        until(&format!("{}: {table} to say {expected} of {key}", self.name), || {
            self.entry(table, key)?.starts_with(expected).then_some(())
        });
    }

    fn visited(&self, from: [u8; 4]) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::from((from, 0)).into())
            .expect("loopback is wide");
        socket.connect(&self.at.into()).expect("it listens");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        stream
    }
}

#[test]
fn what_is_only_received_and_what_is_written_elsewhere() {
    let (one, two) = (Server::named("one"), Server::named("two"));
    let servers = [one.address(), two.address()];
    let (teller, learner) = (Node::new("teller"), Node::new("learner"));
    let _teller = Lb::start(&teller.config(&learner, "", servers));
    let _learner = Lb::start(&learner.config(&teller, "recv-only write-to own", servers));

    // Who is connected over there is learned where nobody counts here.
    let client = teller.visited([127, 0, 3, 1]);
    teller.comes_to_say("plain", "127.0.3.1", "server_id=0 gpt0=0 gpc0=0 conn_cur=1");
    learner.comes_to_say("plain", "127.0.3.1", "server_id=0 gpt0=0 gpc0=0 conn_cur=0");
    learner.comes_to_say("watched", "127.0.3.1", "server_id=0 gpt0=0 gpc0=0 conn_cur=1");
    drop(client);
    learner.comes_to_say("watched", "127.0.3.1", "server_id=0 gpt0=0 gpc0=0 conn_cur=0");

    // What is said goes on into the other table; what is counted does not, since here others count.
    for key in ["127.0.3.7", "127.0.3.8"] {
        teller.order(&format!(
            "set table watched key {key} data.server_id 2 data.gpt0 7 data.gpc0 5"
        ));
    }
    let told = "server_id=2 gpt0=7 gpc0=5 conn_cur=0";
    learner.comes_to_say("watched", "127.0.3.7", told);
    learner.comes_to_say("own", "127.0.3.7", "server_id=2 gpt0=7 gpc0=0 conn_cur=0");
    learner.comes_to_say("own", "127.0.3.8", "server_id=2 gpt0=7 gpc0=0 conn_cur=0");
    assert_eq!(teller.entry("own", "127.0.3.7"), None, "the teller writes nowhere else");

    // So a client that only the other has seen goes where the other has sent it.
    for from in [[127, 0, 3, 7], [127, 0, 3, 8]] {
        let mut answer = [0; 3];
        let mut client = learner.visited(from);
        client.read_exact(&mut answer).expect("a server that names itself");
        assert_eq!(&answer, b"two", "{from:?}");
    }
}
