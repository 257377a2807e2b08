//! Stick tables beside the installed HAProxy's: the same configuration, the same clients, the same commands, and then the
//! same words on the socket, times and addresses in memory apart.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, Socket, Type};
use tandem_tests::{Config, Haproxy, Lb, PATIENCE, Server, free_port, order, until};

/// `{at}`, `{server}` and `{socket}` are filled in.
const CONFIG: &str = "
global
  stats socket {socket} level admin
defaults
  mode tcp
  timeout client 30s
  timeout server 30s
  timeout connect 2s
frontend f
  bind {at}
  stick-table type ip size 1k expire 1h store gpt0,gpc0,gpc0_rate(1h),conn_cnt,conn_rate(1h),conn_cur,sess_cnt,sess_rate(1h),bytes_in_cnt,bytes_in_rate(1h),bytes_out_cnt,bytes_out_rate(1h),gpc1,gpc1_rate(1h)
  tcp-request connection track-sc0 src
  tcp-request connection reject if { sc0_conn_cnt gt 8 }
  tcp-request session sc-inc-gpc1(0)
  tcp-request content track-sc1 src table t2
  tcp-request content track-sc2 int(5) table ti
  tcp-request content sc-set-gpt0(0) int(17)
  tcp-request content sc-inc-gpc0(2)
  tcp-request content sc-inc-gpc(1,1)
  tcp-request content set-var(sess.n) sc0_inc_gpc0
  tcp-request content set-var(sess.m) src_inc_gpc0(t3)
  tcp-request content set-var(sess.o) src_updt_conn_cnt(t3)
  use_backend answers if { src,table_conn_cnt(t3) gt 4 }
  default_backend b
backend b
  stick-table type string len 12 size 1k expire 1h store gpc(2),gpt(3),gpc_rate(2,1h)
  stick on src
  stick store-request int(7) table tk
  server s1 {server}
backend answers
  tcp-response inspect-delay 2s
  tcp-response content accept if { res.len gt 3 }
  stick store-response payload(0,6) table tb
  stick match src table b
  server s1 {server}
backend t2
  stick-table type ip size 1k expire 1h store conn_cnt,conn_cur,sess_cnt,conn_rate(1h),bytes_in_cnt,gpc(3)
backend t3
  stick-table type ip size 1k expire 1h store gpc0,gpc0_rate(1h),conn_cnt
backend ti
  stick-table type integer size 1k store gpc0
backend tk
  stick-table type integer size 1k
backend tb
  stick-table type binary len 8 size 1k store gpc0 nopurge
";

const SHOWN: [&str; 8] = ["", "f", "b", "t2", "t3", "ti", "tk", "tb"];

const COMMANDS: &[&str] = &[
    "set table ti key 300",
    "set table ti key 2",
    "set table ti key 256",
    "set table ti key 70000 data.gpc0 7",
    "set table ti key -1",
    "set table ti key abc",
    "show table ti",
    "set table tb key 4142",
    "show table tb key 4142",
    "clear table tb key 4142",
    "set table b key aaaaaaaaaabbbbbbbbbbcccc data.gpc 4",
    "set table b key x data.gpc(1) 5",
    "set table b key x data.server_key s1",
    "set table b key x data.server_id 2",
    "show table b",
    "show table b data.server_id eq 2",
    "set table f key 1.1.1.1 data.conn_rate 7 data.bytes_in_cnt 99999999999 data.conn_cur 3",
    "set table f key 1.1.1.1 data.conn_cnt -1",
    "set table f key 1.1.1.1 data.conn_cnt x",
    "show table f key 1.1.1.1",
    "show table f data.conn_rate gt 1",
    "show table b data.server_key eq s1",
    "show table b data.gpc eq 1",
    "show table f key 9.9.9.9",
    "show table nix",
    "show table f foo",
    "show table f data.http_req_cnt gt 1",
    "clear table f data.gpc0 eq 1",
    "show table f",
    "clear table f",
    "show table f",
    "set table f",
    "set table f key",
    "set table f foo",
    "set table f key 1.2.3.4 foo",
    "set table f key 1.2.3.4 data.foo 1",
    "set table f key 1.2.3.4 data.http_req_cnt 1",
    "set table f key 1.2.3.4 data.gpc0",
    "set table b data.server_id 2",
    "set table b key y data.gpc_rate 5",
    "show table b key y",
    "set table nix key 1",
    "clear table",
    "clear table ti key 2",
    "show table ti",
    "clear table ti foo",
    "clear table f key",
    "clear table nix key 1",
    "show table f key",
    "show table ti key abc",
    "clear table ti key abc",
    "show table ti data.gpc0 foo 1",
    "show table ti data.gpc0 gt x",
    "show table f data.gpc0 gt 1 data.gpc0 gt 1 data.gpc0 gt 1 data.gpc0 gt 1 data.gpc0 gt 1",
];

/// One of the two programs at work.
struct Side {
    socket: PathBuf,
    at: SocketAddr,
    said: Vec<String>,
}

impl Side {
    fn new(name: &str) -> Side {
        let port = free_port();
        Side {
            socket: std::env::temp_dir().join(format!("tandem-tables-{name}-{}", std::process::id())),
            at: SocketAddr::from(([127, 0, 0, 1], port)),
            said: Vec::new(),
        }
    }

    fn config(&self, server: &Server) -> String {
        CONFIG
            .replace("{at}", &self.at.to_string())
            .replace("{server}", &server.address().to_string())
            .replace("{socket}", &self.socket.display().to_string())
    }

    fn ask(&mut self, command: &str) {
        let answer = order(&self.socket, command);
        self.said.push(format!("{command}: {}", masked(&answer)));
    }

    /// Says something from this address and reads the answer; none when it was refused.
    fn visit(&mut self, client: u8) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let from = SocketAddr::from((Ipv4Addr::new(127, 0, 9, client), 0));
        socket.bind(&from.into()).expect("all of 127/8 is ours");
        socket.connect(&self.at.into()).expect("it listens");
        let mut stream: TcpStream = socket.into();
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        let mut answer = [0; 6];
        let got = stream.write_all(b"hello").and_then(|()| stream.read_exact(&mut answer));
        self.said.push(format!("{client}: {:?}", got.ok().map(|()| answer)));
        stream
    }

    /// All that there is to compare.
    fn run(&mut self) {
        let held: Vec<TcpStream> = [1, 2, 1, 1].map(|client| self.visit(client)).into();
        // HAProxy counts the bytes when something else is to be done; that is not waited for here.
        self.ask("show table ti");
        self.ask("clear table f key 127.0.9.1");
        self.ask("clear table f");
        drop(held);
        (0..10).for_each(|_| drop(self.visit(3)));
        let socket = self.socket.clone();
        until("the last has left", || (!in_use(&socket)).then_some(()));
        SHOWN.iter().for_each(|name| self.ask(&format!("show table {name}")));
        COMMANDS.iter().for_each(|command| self.ask(command));
    }
}

fn in_use(socket: &Path) -> bool {
    !order(socket, "show table ti").contains(" use=0 ")
}

/// Without places in memory, and without the time that is left.
fn masked(answer: &str) -> String {
    let word = |word: &str| match word {
        _ if word.starts_with("0x") && word.ends_with(':') => "PTR:".to_owned(),
        _ if word.starts_with("exp=") && word != "exp=0" => "exp=N".to_owned(),
        other => other.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    answer.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Answers what it was told, and then waits for the end.
fn server() -> Server {
    Server::start(|mut stream| {
        let mut heard = [0; 5];
        if stream
            .read_exact(&mut heard)
            .and_then(|()| stream.write_all(b"answer"))
            .is_ok()
        {
            let _the_end = stream.read(&mut heard);
        }
    })
}

#[test]
fn the_same_tables_as_haproxys() {
    let server = server();
    let (mut theirs, mut ours) = (Side::new("haproxy"), Side::new("tandem"));
    let Ok(haproxy) = Haproxy::begin(&theirs.config(&server), &[]) else {
        // A test whose reader is gone has nobody to tell.
        let _ = writeln!(std::io::stdout().lock(), "SKIP tables: haproxy is not installed");
        return;
    };
    let haproxy = haproxy.answering(&theirs.socket);
    let _lb = Lb::start(&ours.config(&server));
    theirs.run();
    ours.run();
    drop(haproxy);
    for path in [&theirs.socket, &ours.socket] {
        std::fs::remove_file(path).ok();
    }
    for (theirs, ours) in theirs.said.iter().zip(&ours.said) {
        assert_eq!(ours, theirs);
    }
}

/// How much memory each table may take stands in the log when the process starts.
#[test]
fn what_tables_may_take_is_said_at_the_start() {
    let log = std::env::temp_dir().join(format!("tandem-tables-log-{}", std::process::id()));
    let errors = std::fs::File::create(&log).expect("the temporary folder is writable");
    let config = Config::default()
        .backend("stick-table type ip size 1k expire 1h")
        .to_string()
        + "backend more\n stick-table type string len 100 size 2k store gpc(9),conn_rate(1s)\n";
    let _lb = Lb::start_as(&config, |mut command| {
        command.stderr(errors);
        command
    });
    // What is logged is written by a thread of its own.
    let said = |table: &str, size: u64| -> u64 {
        let begin = format!("stick-table {table}: ");
        let line = until(&begin, || {
            let said = std::fs::read_to_string(&log).expect("ours");
            let line = said
                .lines()
                .find_map(|line| Some(line.split_once(&begin)?.1.to_owned()));
            line.filter(|line| line.contains("are there"))
        });
        let number = |text: &str| text.parse::<u64>().ok();
        let (each, rest) = line.split_once(" bytes an entry, ").expect("the size of an entry");
        let (most, rest) = rest.split_once(" KiB when all ").expect("that of all");
        let (each, most) = (number(each).expect("a number"), number(most).expect("a number"));
        assert_eq!(
            (number(rest.split(' ').next().unwrap_or_default()), most),
            (Some(size), each * size / 1024),
            "{line}"
        );
        each
    };
    // What an entry of each holds at least: a key, and what is stored.
    let (small, large) = (said("be", 1024), said("more", 2048));
    assert!(small >= 16 && large >= small + 100 + 9 * 4, "{small} {large}");
    std::fs::remove_file(&log).ok();
}
