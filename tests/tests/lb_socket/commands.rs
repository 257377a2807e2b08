//! What commands do to traffic.

use std::io::Read;
use std::time::{Duration, Instant};

use tandem_tests::{Config, Lb, Server, ask, connect, ended, until};

use super::protocol::refuses;
use super::room::Room;

struct Pair {
    room: Room,
    config: Config,
    servers: [Server; 2],
    _lb: Lb,
}

/// Two servers that say their names, and a balancer with a socket.
fn pair(options: [&str; 2]) -> Pair {
    let room = Room::new();
    let servers = [Server::named("one"), Server::named("two")];
    let config = Config::default()
        .global(room.line())
        .backend("stick-table type ip size 1k expire 1h")
        .backend("stick match src")
        .server("one", &servers[0], options[0])
        .server("two", &servers[1], options[1]);
    let lb = Lb::start(&config.to_string());
    Pair {
        room,
        config,
        servers,
        _lb: lb,
    }
}

impl Pair {
    /// A new connection and the name of the server behind it.
    fn visit(&self) -> (std::net::TcpStream, String) {
        let mut stream = connect(self.config.at());
        let mut name = [0; 3];
        stream.read_exact(&mut name).expect("the server says its name");
        (stream, String::from_utf8_lossy(&name).into_owned())
    }

    fn names(&self) -> [String; 4] {
        std::array::from_fn(|_| self.visit().1)
    }

    #[track_caller]
    fn done(&self, command: &str) {
        assert_eq!(self.room.ask(command), "\n", "{command}");
    }

    fn cell(&self, server: &str, column: &str) -> String {
        let csv = self.room.ask("show stat");
        let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let header = lines.next().expect("a header");
        let place = header
            .iter()
            .position(|name| *name == column)
            .expect("a column of that name");
        let row = lines
            .find(|row| row.get(1) == Some(&server))
            .expect("a row of that name");
        row[place].to_owned()
    }
}

#[test]
fn a_server_rests_and_returns() {
    let pair = pair(["", ""]);
    let mut kept = until("a connection to one", || {
        Some(pair.visit())
            .filter(|(_, name)| name == "one")
            .map(|(stream, _)| stream)
    });
    for (rest, status) in [
        ("set server be/one state drain", "DRAIN"),
        ("disable server be/one", "MAINT"),
    ] {
        pair.done(rest);
        assert_eq!(pair.cell("one", "status"), status);
        assert!(pair.names().iter().all(|name| name == "two"));
        pair.done("set server be/one state ready");
        assert!(pair.names().iter().any(|name| name == "one"));
    }
    assert_eq!(ask(&mut kept, b"still here"), b"still here");
    pair.done("enable server #3/#1");
}

#[test]
fn weights() {
    let pair = pair(["weight 10", ""]);
    assert_eq!(pair.room.ask("get weight be/one"), "10 (initial 10)\n\n");
    pair.done("set weight be/one 0");
    assert!(pair.names().iter().all(|name| name == "two"));
    pair.done("set server be/one weight 50%");
    assert_eq!(pair.room.ask("get weight be/one"), "5 (initial 10)\n\n");
    assert_eq!(pair.cell("one", "weight"), "5");
}

#[test]
fn sessions_are_shown_and_ended() {
    let pair = pair(["", "disabled"]);
    let (mut first, _) = pair.visit();
    let (mut second, _) = pair.visit();
    let list = pair.room.ask("show sess");
    let all: Vec<&str> = list.lines().filter(|l| !l.is_empty()).collect();
    // Whoever asks is one of them, and the last.
    let (asker, lines) = all.split_last().expect("three lines");
    assert_eq!(lines.len(), 2, "{list}");
    assert!(
        asker.contains(" proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> "),
        "{list}"
    );
    let own = asker.split(':').next().expect("an id");
    assert_eq!(
        pair.room.ask(&format!("shutdown session {own}")),
        "No such session (use 'show sess').\n\n"
    );
    let source = format!("src={}", first.local_addr().expect("it is bound"));
    let line = lines.iter().find(|l| l.contains(&source)).expect("its own line");
    assert!(
        line.contains(" proto=tcpv4 ") && line.contains(" fe=fe be=be srv=one ts="),
        "{line}"
    );
    // How long both sides may be silent, from the configuration's limits.
    let left = line.split(" exp=").nth(1).and_then(|rest| rest.split(' ').next());
    assert!(
        left.is_some_and(|left| left.ends_with('s')) && line.contains(",rx="),
        "{line}"
    );
    let id = line.split(':').next().expect("an id");
    assert!(pair.room.ask(&format!("show sess {id}")).contains("server=one (id=1)"));
    let lines_of = |words: &str| pair.room.ask(&format!("show sess {words}")).matches(": proto=").count();
    for (words, count) in [
        ("frontend fe", 2),
        ("backend be server be/one", 2),
        ("server be/two", 0),
        ("older 1h", 0),
        ("frontend gone", 0),
    ] {
        assert_eq!(lines_of(words), count, "{words}");
    }
    pair.done(&format!("shutdown session {id}"));
    assert!(ended(&mut first));
    assert_eq!(ask(&mut second, b"alive"), b"alive");
    pair.done("shutdown sessions server be/one");
    assert!(ended(&mut second));
    until("an empty list", || {
        Some(pair.room.ask("show sess")).filter(|list| !list.contains("fe=fe"))
    });
}

#[test]
fn frontends_close_and_open() {
    let pair = pair(["", ""]);
    pair.done("disable frontend fe");
    assert_eq!(
        pair.room.ask("disable frontend fe"),
        "All sockets are already disabled.\n\n"
    );
    assert_eq!(pair.cell("FRONTEND", "status"), "PAUSED");
    // It waits in the backlog, and is served when the frontend opens.
    let mut waiting = connect(pair.config.at());
    pair.done("enable frontend fe");
    let mut name = [0; 3];
    waiting.read_exact(&mut name).expect("it is served now");
    pair.done("shutdown frontend fe");
    refuses(pair.config.at());
    assert_eq!(ask(&mut waiting, b"go on"), b"go on");
    assert_eq!(
        pair.room.ask("enable frontend fe"),
        "Frontend was previously shut down, cannot enable.\n\n"
    );
}

#[test]
fn limits_move() {
    let pair = pair(["", ""]);
    let first = pair.visit();
    pair.done("set maxconn frontend fe 1");
    let mut waiting = connect(pair.config.at());
    until("the limit in the statistics", || {
        Some(pair.cell("FRONTEND", "slim")).filter(|slim| slim == "1")
    });
    drop(first);
    let mut name = [0; 3];
    waiting.read_exact(&mut name).expect("there is a place now");
    pair.done("set maxconn frontend fe 10");
    pair.visit();
    pair.done("set maxconn global 100");
}

#[test]
fn tables_are_shown_and_changed() {
    let pair = pair(["", ""]);
    let title = |used| format!("# table: be, type: ip, size:1024, used:{used}\n");
    assert_eq!(pair.room.ask("show table"), title(0) + "\n");
    pair.done("set table be key 192.0.2.7 data.server_id 2");
    let entry = pair.room.ask("show table be");
    assert!(entry.starts_with(&title(1)), "{entry}");
    assert!(entry.contains(": key=192.0.2.7 use=0 exp=3"), "{entry}");
    assert!(entry.ends_with(" server_id=2 server_key=-\n\n"), "{entry}");
    assert_eq!(pair.room.ask("show table be data.server_id ne 2"), title(1) + "\n");
    pair.done("clear table be data.server_id eq 1");
    assert_eq!(pair.room.ask("show table"), title(1) + "\n");
    pair.done("clear table be key 192.0.2.7");
    pair.done("set table be key 192.0.2.8 data.server_id 1");
    pair.done("set table be key 192.0.2.9 data.server_id 1");
    let both = pair.room.ask("show table be");
    let line = both.lines().find(|line| line.contains("key=192.0.2.9")).expect(&both);
    let (pointer, _) = line.split_once(": ").expect(&both);
    let one = pair.room.ask(&format!("show table be ptr {pointer}"));
    assert!(one.contains("key=192.0.2.9 ") && !one.contains("192.0.2.8"), "{one}");
    pair.done(&format!("clear table be ptr {pointer}"));
    let left = pair.room.ask("show table be");
    assert!(left.contains("key=192.0.2.8 ") && !left.contains("192.0.2.9"), "{left}");
    for verb in ["show", "clear"] {
        let gone = pair.room.ask(&format!("{verb} table be ptr {pointer}"));
        assert_eq!(gone, "No entry of this table has that pointer\n\n");
    }
    pair.done("clear table be");
    pair.done("set table be key 127.0.0.1 data.server_id 2");
    assert!(pair.names().iter().all(|name| name == "two"));
    pair.done("clear table be");
    assert_eq!(pair.room.ask("show table"), title(0) + "\n");
}

#[test]
fn so_many_clients_a_second_and_no_more() {
    let pair = pair(["", ""]);
    for kind in ["connections", "sessions"] {
        pair.done(&format!("set rate-limit {kind} global 20"));
        let info = pair.room.ask("show info");
        let name = if kind == "sessions" {
            "SessRateLimit: 20"
        } else {
            "ConnRateLimit: 20"
        };
        assert!(info.lines().any(|line| line == name), "{info}");
        let began = Instant::now();
        for _ in 0..45 {
            pair.visit();
        }
        // The first 20 need not wait; a slot opens for another every 50 ms.
        assert!(
            began.elapsed() > Duration::from_secs(1),
            "{kind}: {:?}",
            began.elapsed()
        );
        pair.done(&format!("set rate-limit {kind} global 0"));
    }
}

#[test]
fn a_script_may_wait_until_a_server_can_go() {
    let pair = pair(["", "disabled"]);
    let (visitor, _) = pair.visit();
    let waited = |delay: &str, server: &str| pair.room.ask(&format!("wait {delay} srv-removable {server}"));
    let at_work = "Failed. Only servers in maintenance mode can be deleted.\n\n";
    assert_eq!(waited("1m", "be/one"), at_work);
    assert_eq!(waited("1m", "be/gone"), "No such server.\n\n");
    assert_eq!(waited("1m", "be/two"), "Done.\n\n");
    pair.done("disable server be/one");
    let in_use = "Wait delay expired. Server still has connections attached to it, cannot remove it.\n\n";
    assert_eq!(waited("10", "be/one"), in_use);
    drop(visitor);
    assert_eq!(waited("1m", "be/one"), "Done.\n\n");
}

#[test]
fn what_is_no_expression_is_no_value() {
    let pair = pair(["", ""]);
    for (command, words) in [
        ("set var proc.x gone(1)", "gone"),
        ("set var proc.x src", "no connection"),
        ("set var txn.x int(1)", "only scope 'proc'"),
        ("set var proc.x fmt %[int(1)]", "must be 'expr'"),
        ("set var proc.x int(1)#", "quotes"),
        ("set rate-limit sessions global x", "integer"),
    ] {
        let answer = pair.room.ask(command);
        assert!(answer.contains(words), "{command}: {answer}");
    }
    assert_eq!(pair.room.ask("get var proc.x"), "Variable not found.\n\n");
}

#[test]
fn a_server_is_limited_while_it_runs() {
    let pair = pair(["", "disabled"]);
    let (first, _) = pair.visit();
    pair.done("set maxconn server be/one 1");
    assert_eq!(pair.cell("one", "slim"), "1");
    let second = connect(pair.config.at());
    until("the second to wait", || {
        Some(pair.cell("BACKEND", "qcur")).filter(|n| n == "1")
    });
    pair.done("set maxconn server be/one 2");
    until("the second to be served", || {
        Some(pair.cell("one", "scur")).filter(|n| n == "2")
    });
    drop((first, second));
}

#[test]
fn a_server_is_checked_elsewhere_while_it_runs() {
    let pair = pair(["check inter 20ms fall 1", ""]);
    until("one to be up", || {
        Some(pair.cell("one", "status")).filter(|s| s == "UP")
    });
    let nobody = tandem_tests::free_port();
    pair.done(&format!("set server be/one check-port {nobody}"));
    until("one to be down", || {
        Some(pair.cell("one", "status")).filter(|s| s == "DOWN")
    });
    let other = Server::echo();
    pair.done(&format!(
        "set server be/one check-addr 127.0.0.1 port {}",
        other.address().port()
    ));
    until("one to be up again", || {
        Some(pair.cell("one", "status")).filter(|s| s == "UP")
    });
    // Failed checks and downs are counted anew; the time spent down is not.
    pair.done("clear counters all");
    assert_eq!([pair.cell("one", "chkfail"), pair.cell("one", "chkdown")], ["0", "0"]);
}

#[test]
fn a_server_moves() {
    let pair = pair(["", "disabled"]);
    let (mut kept, _) = pair.visit();
    let other = Server::named("new");
    let to = other.address();
    let answer = pair
        .room
        .ask(&format!("set server be/one addr {} port {}", to.ip(), to.port()));
    let changed = format!("to '{}' by 'stats socket command'\n\n", to.port());
    assert!(answer.ends_with(&changed), "{answer}");
    assert_eq!(pair.visit().1, "new");
    assert_eq!(pair.cell("one", "addr"), to.to_string());
    assert_eq!(ask(&mut kept, b"where it was"), b"where it was");
}

#[test]
fn checks_move_with_their_server() {
    let mut pair = pair(["check inter 20ms", ""]);
    until("one to be up", || {
        Some(pair.cell("one", "check_status")).filter(|s| s == "L4OK")
    });
    pair.servers[0].kill();
    until("one to be down", || {
        Some(pair.cell("one", "status")).filter(|s| s == "DOWN")
    });
    let to = Server::named("new");
    let port = to.address().port();
    pair.room.ask(&format!("set server be/one addr 127.0.0.1 port {port}"));
    until("one to be up again", || {
        Some(pair.cell("one", "status")).filter(|s| s == "UP")
    });
}

#[test]
fn counters_begin_anew() {
    let pair = pair(["", "disabled"]);
    let visits: Vec<_> = (0..3).map(|_| pair.visit()).collect();
    drop(visits);
    until("the end of all", || {
        Some(pair.cell("BACKEND", "scur")).filter(|n| n == "0")
    });
    assert_eq!(pair.cell("BACKEND", "smax"), "3");
    pair.done("clear counters");
    assert_eq!(pair.cell("BACKEND", "smax"), "0");
    assert_eq!(pair.cell("BACKEND", "stot"), "3");
    pair.done("clear counters all");
    assert_eq!([pair.cell("BACKEND", "stot"), pair.cell("one", "lbtot")], ["0", "0"]);
    pair.visit();
    assert_eq!(pair.cell("BACKEND", "stot"), "1");
    assert_eq!(pair.room.ask("operator;clear counters all"), "\nPermission denied\n\n");
}

#[test]
fn counters_of_one_server_begin_anew() {
    let pair = pair(["", ""]);
    drop((0..4).map(|_| pair.visit()).collect::<Vec<_>>());
    until("the end of all", || {
        Some(pair.cell("BACKEND", "scur")).filter(|n| n == "0")
    });
    let cells = |server| ["stot", "smax", "lbtot"].map(|field| pair.cell(server, field));
    assert_eq!([cells("one"), cells("two")], [["2"; 3], ["2"; 3]]);
    let clear = |words: &str| pair.room.ask(&format!("clear counters {words}"));
    assert_eq!(clear("server be/three"), "No such server.\n\n");
    assert_eq!(clear("server nobody/one"), "No such backend.\n\n");
    assert_eq!(clear("server"), "Require 'backend/server'.\n\n");
    assert!(clear("maxima").contains("'clear counters' knows 'all'"));
    let denied = pair.room.ask("operator;clear counters server be/one");
    assert_eq!(denied, "\nPermission denied\n\n");
    assert_eq!([cells("one"), cells("two")], [["2"; 3], ["2"; 3]]);
    pair.done("clear counters server be/one");
    assert_eq!([cells("one"), cells("two")], [["0"; 3], ["2"; 3]]);
    assert_eq!([pair.cell("BACKEND", "stot"), pair.cell("BACKEND", "smax")], ["4", "4"]);
}

#[test]
fn the_check_obeys() {
    let pair = pair(["check inter 1h", ""]);
    until("the first check", || {
        Some(pair.cell("one", "check_status")).filter(|s| s == "L4OK")
    });
    pair.done("set server be/one health down");
    assert_eq!(pair.cell("one", "status"), "DOWN");
    pair.done("set server be/one health up");
    assert_eq!(pair.cell("one", "status"), "UP");
    pair.done("disable health be/one");
    assert_eq!(pair.cell("one", "status"), "no check");
    pair.done("enable health be/one");
    assert_eq!(pair.cell("one", "status"), "UP");
    assert_eq!(
        pair.room.ask("enable health be/two"),
        "Health check was not configured on this server, cannot enable.\n\n"
    );
}

#[test]
fn a_server_comes_serves_and_goes() {
    let pair = pair(["", ""]);
    let new = Server::named("new");
    assert_eq!(
        pair.room.ask(&format!("add server be/late {}", new.address())),
        "New server registered.\n\n"
    );
    assert_eq!(pair.cell("late", "status"), "MAINT");
    pair.done("enable server be/late");
    let (mut kept, _) = until("a connection to the new one", || {
        Some(pair.visit()).filter(|(_, name)| name == "new")
    });
    pair.done("disable server be/late");
    let refused = pair.room.ask("del server be/late");
    assert!(refused.contains("still has connections"), "{refused}");
    assert_eq!(ask(&mut kept, b"as before"), b"as before");
    drop(kept);
    until("the connection to end", || {
        Some(pair.cell("late", "scur")).filter(|n| n == "0")
    });
    assert_eq!(pair.room.ask("del server be/late"), "Server deleted.\n\n");
    assert!(!pair.room.ask("show stat").contains("late"));
    let names = pair.names();
    assert!(names.iter().all(|name| name != "new"), "{names:?}");
}

#[test]
fn a_frontend_lets_in_so_many_a_second() {
    let room = Room::new();
    let server = Server::named("one");
    let config = Config::default()
        .global(room.line())
        .frontend("rate-limit sessions 20")
        .server("one", &server, "");
    let _lb = Lb::start(&config.to_string());
    let began = Instant::now();
    for _ in 0..45 {
        let mut name = [0; 3];
        connect(config.at())
            .read_exact(&mut name)
            .expect("the server says its name");
    }
    assert!(began.elapsed() > Duration::from_secs(1), "{:?}", began.elapsed());
    let csv = room.ask("show stat");
    let mut lines = csv.lines().map(|line| line.split(','));
    let place = lines
        .next()
        .and_then(|mut names| names.position(|name| name == "rate_lim"));
    let cell = lines.next().and_then(|mut cells| cells.nth(place?));
    assert_eq!(cell, Some("20"), "{csv}");
}

#[test]
fn a_server_is_called_otherwise() {
    let pair = pair(["track two", "check"]);
    pair.done("disable server be/two");
    let pointed = "This server cannot be renamed at runtime due to other configuration elements pointing to it.\n\n";
    assert_eq!(pair.room.ask("set server be/two name x"), pointed);
    assert_eq!(
        pair.room.ask("del server be/two"),
        "This server cannot be removed at runtime due to other configuration elements pointing to it.\n\n"
    );
    pair.done("enable server be/two");
    let (mut client, _) = pair.visit();
    for (order, answer) in [
        ("set server be/one name", "set server <b>/<s> name requires a name."),
        (
            "set server be/one name a/b",
            "character '/' is not permitted in server name 'a/b'.",
        ),
        (
            "set server be/one name new",
            "Only servers in maintenance mode can be renamed.",
        ),
        ("disable server be/one", ""),
        (
            "set server be/one name two",
            "Already exists a server with the same name in backend.",
        ),
        ("set server be/one name new", ""),
        ("set server be/one state maint", "No such server."),
        ("enable server be/new", ""),
    ] {
        assert_eq!(pair.room.ask(order).trim_end(), answer, "{order}");
    }
    assert_eq!(ask(&mut client, b"alive"), b"alive");
    assert_eq!(pair.cell("new", "status"), pair.cell("two", "status"));
    let all: u32 = ["new", "two"]
        .iter()
        .map(|name| pair.cell(name, "stot").parse::<u32>().expect("a number"))
        .sum();
    assert_eq!(all, 1, "it counts on");
    assert!(pair.room.ask("show servers state be").contains(" new 127.0.0.1 "));
    assert!(pair.names().iter().any(|name| name == "one"));
}
