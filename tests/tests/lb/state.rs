//! State that survives: across a stop, across `kill -9` at any moment, and out of HAProxy's files.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::room::{Room, say};
use nix::sys::signal::Signal;
use tandem_lb_core::snapshot::Snapshot;
use tandem_tests::{Config, Haproxy, Lb, Server, ask, connect, free_port, until};
use tandem_time::Seed;

fn state(room: &Room) -> PathBuf {
    room.0.join("state")
}

fn keeping(room: &Room, every: &str) -> Config {
    let file = state(room);
    Config::default()
        .global(room.line())
        .global(format!("tandem-state-file {} every {every}", file.display()))
}

/// The cells of a server's or proxy's row in these columns.
fn cells(room: &Room, row: &str, columns: &[&str]) -> Vec<String> {
    let csv = room.ask("show stat");
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let row = lines
        .find(|cells| cells.len() > 1 && format!("{}/{}", cells[0], cells[1]) == row)
        .expect("a row of that name");
    let place = |column: &&str| header.iter().position(|name| name == column).expect("a column");
    columns.iter().map(|column| row[place(column)].to_owned()).collect()
}

/// `show servers state` without the time since the last change.
fn servers(room: &Room) -> Vec<String> {
    let lines = room.ask("show servers state");
    let lines = lines
        .lines()
        .filter(|line| line.split(' ').count() == 25 && !line.starts_with('#'));
    let masked = lines.map(|line| {
        let mut cells: Vec<&str> = line.split(' ').collect();
        cells[9] = "SINCE";
        cells.join(" ")
    });
    masked.collect()
}

fn stop(mut lb: Lb) {
    lb.signal(Signal::SIGTERM);
    assert!(lb.ended().success());
}

#[test]
fn all_of_it_survives_a_stop() {
    let room = Room::new();
    let echo = Server::echo();
    let config = keeping(&room, "1h")
        .backend("balance roundrobin")
        .backend("stick-table type ip size 100 expire 1h")
        .backend("stick on src")
        .server("a", &echo, "check inter 100 weight 10")
        .server("b", &echo, "weight 20")
        .server("c", &echo, "disabled")
        .server("d", &echo, "disabled")
        .server_at("e", ([127, 0, 0, 1], free_port()).into(), "check inter 100 fall 1")
        .server("f", &echo, "")
        .to_string();
    let counted = [
        "stot", "smax", "bin", "bout", "lbtot", "connect", "rate_max", "chkfail", "chkdown",
    ];
    let lb = Lb::start(&config);
    let orders = "set server be/b state drain;set weight be/b 5;set server be/c state ready;\
                  set server be/f addr 127.0.0.9 port 99;set server be/f state maint;disable health be/a";
    room.ask(orders);
    until("the server that is not there to be down", || {
        Some(cells(&room, "be/e", &["status"])).filter(|status| status[0] == "DOWN")
    });
    for _ in 0..3 {
        let mut client = connect(format_at(&config));
        assert_eq!(ask(&mut client, b"hello"), b"hello");
    }
    until("the sessions to end", || {
        Some(cells(&room, "fe/FRONTEND", &["scur"])).filter(|cells| cells[0] == "0")
    });
    let read = || {
        let rows = ["fe/FRONTEND", "be/a", "be/c", "be/e", "be/BACKEND"];
        let counters = rows.map(|row| cells(&room, row, &counted));
        let table = room.ask("show table be");
        let entry = table.lines().nth(1).expect("an entry").to_owned();
        let known = entry
            .split(' ')
            .filter(|word| !word.starts_with("exp="))
            .collect::<Vec<_>>()
            .join(" ");
        (servers(&room), counters, known)
    };
    let before = read();
    stop(lb);
    let lb = Lb::start(&config);
    assert_eq!(read(), before);
    assert_eq!(
        cells(&room, "fe/FRONTEND", &["rate"]),
        ["0"],
        "old sessions are no new ones"
    );
    let age: u64 = cells(&room, "be/e", &["lastchg"])[0].parse().expect("seconds");
    assert!(age < 3_600, "{age}");
    // Once more, from what was restored.
    stop(lb);
    let _lb = Lb::start(&config);
    assert_eq!(read(), before);
}

/// Where the frontend of a configuration listens.
fn format_at(config: &str) -> std::net::SocketAddr {
    let bind = config.lines().find_map(|line| line.trim().strip_prefix("bind "));
    bind.expect("it has one").parse().expect("an address")
}

#[test]
fn what_the_file_says_now_is_the_newer_word() {
    let room = Room::new();
    let echo = Server::echo();
    let config = keeping(&room, "1h")
        .server("a", &echo, "weight 10")
        .server("b", &echo, "")
        .to_string();
    let lb = Lb::start(&config);
    room.ask("set weight be/a 0;set weight be/b 0;set server be/b addr 127.0.0.9;set server be/a state maint");
    stop(lb);
    let edited = config.replace("weight 10", "weight 11");
    let lb = Lb::start(&edited);
    assert_eq!(
        room.ask("get weight be/a;get weight be/b"),
        "11 (initial 11)\n\n0 (initial 1)\n\n"
    );
    assert_eq!(cells(&room, "be/a", &["status"]), ["MAINT"], "that was not edited");
    stop(lb);
    // A server that is gone is forgotten, one that came is new.
    let _lb = Lb::start(&edited.replace("server b ", "server new "));
    assert_eq!(cells(&room, "be/new", &["status", "weight"]), ["no check", "1"]);
}

#[test]
fn a_broken_file_is_set_aside() {
    let room = Room::new();
    let echo = Server::echo();
    let config = keeping(&room, "1h").server("a", &echo, "weight 10").to_string();
    let lb = Lb::start(&config);
    room.ask("set weight be/a 3");
    // What is written at the end makes this the one before.
    until("the order to be written", || {
        newest(&room).filter(|weight| *weight == 3)
    });
    stop(lb);
    let whole = fs::read(state(&room)).expect("it was written");
    let (torn, foreign) = ("it is torn or damaged", "this is no state of tandem-lb");
    let broken: [(&[u8], &str); 4] = [
        (&whole[..whole.len() / 2], torn),
        (b"", torn),
        (b"not ours\n", foreign),
        (&[0; 4096], foreign),
    ];
    for (bytes, why) in broken {
        fs::write(state(&room), bytes).expect("ours");
        fs::remove_file(room.0.join("state.bad")).ok();
        let log = room.0.join("log");
        let errors = fs::File::create(&log).expect("ours");
        let lb = Lb::start_as(&config, |mut command| {
            command.stderr(errors);
            command
        });
        // A thread of its own writes it.
        until("the log to say why", || {
            let said = fs::read_to_string(&log).expect("ours");
            (said.contains(why) && said.contains("state")).then_some(())
        });
        assert_eq!(
            room.ask("get weight be/a"),
            "3 (initial 10)\n\n",
            "the one before is there"
        );
        assert_eq!(fs::read(room.0.join("state.bad")).expect("it was set aside"), bytes);
        stop(lb);
    }
    for name in ["state", "state.old"] {
        fs::write(room.0.join(name), "x").expect("ours");
    }
    let _lb = Lb::start(&config);
    assert_eq!(room.ask("get weight be/a"), "10 (initial 10)\n\n");
}

#[test]
fn an_order_is_written_soon() {
    let room = Room::new();
    let echo = Server::echo();
    let config = keeping(&room, "1h").server("a", &echo, "weight 10").to_string();
    let _lb = Lb::start(&config);
    until("the first file", || state(&room).exists().then_some(()));
    room.ask("set weight be/a 3");
    until("the order to be written", || {
        newest(&room).filter(|weight| *weight == 3)
    });
}

/// The weight of the first server in the newest whole file.
fn newest(room: &Room) -> Option<u16> {
    let read = |name: &str| Snapshot::from_bytes(&fs::read(room.0.join(name)).ok()?).ok();
    let snapshot = read("state").or_else(|| read("state.old"))?;
    let saved = snapshot.backends[0].servers[0].health.clone()?;
    Some(saved.weight.now)
}

/// `TANDEM_SEEDS=FIRST..END`; 20 without.
fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("TANDEM_SEEDS") else {
        return 0..20;
    };
    let (first, end) = text.split_once("..").expect("TANDEM_SEEDS=FIRST..END");
    first.parse().expect("a number")..end.parse().expect("a number")
}

#[test]
fn killed_at_any_moment_it_starts_with_the_last_state_or_the_one_before() {
    let room = Room::new();
    let echo = Server::echo();
    let clients: String = (0..2_000u32)
        .map(|n| {
            format!(
                "set table be key {} data.server_id 1;",
                std::net::Ipv4Addr::from(0x0a00_0000 + n)
            )
        })
        .collect();
    let config = keeping(&room, "1ms")
        .backend("balance roundrobin")
        .backend("stick-table type ip size 10k expire 1h")
        .backend("stick on src")
        .server("a", &echo, "weight 1")
        .to_string();
    let mut lb = Lb::start(&config);
    for line in clients.as_bytes().chunks(12_000) {
        // Cut lines are commands that nobody knows; most of the entries arrive.
        room.ask(&String::from_utf8_lossy(line));
    }
    let (mut weight, mut amid) = (1u16, 0);
    for seed in seeds() {
        let mut lots = Seed::new(seed);
        let orders = 1 + lots.below(12);
        let mut written = None;
        for _ in 0..orders {
            weight = weight % 256 + 1;
            room.ask(&format!("set weight be/a {weight}"));
            written = newest(&room).or(written);
            std::thread::sleep(Duration::from_micros(lots.below(4_000)));
        }
        lb.signal(Signal::SIGKILL);
        lb.ended();
        amid += usize::from(room.0.join("state.new").exists());
        let last = newest(&room).expect("one of both files is whole");
        let ago = |w: u16| (weight + 256 - w) % 256;
        let least = written.expect("it was written before");
        assert!(ago(last) <= ago(least), "seed {seed}: {last} is older than {least}");
        lb = Lb::start(&config);
        let now = room.ask("get weight be/a");
        assert_eq!(now, format!("{last} (initial 1)\n\n"), "seed {seed}");
        let table = room.ask("show table");
        assert!(!table.contains("used:0"), "seed {seed}: {table}");
        weight = last;
    }
    let count = seeds().count();
    say(&format!("{amid} of {count} were killed while they wrote"));
    // About one in five; of a hundred none would be no accident.
    assert!(count < 100 || amid > 0, "nobody was killed while it wrote");
}

/// What a file of states begins with.
const COLUMNS: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight \
     srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state \
     bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr \
     srv_agent_addr srv_agent_port";

/// The same file of states to HAProxy and to us, under a configuration that has changed in part.
#[test]
fn haproxys_states_of_servers() {
    let (theirs, ours) = (Room::new(), Room::new());
    let file = theirs.0.join("servers");
    let port = free_port();
    let at = |n: u16| format!("127.0.0.1:{}", port.wrapping_add(n) % 30_000 + 1_024);
    let lines = [
        COLUMNS.to_owned(),
        "3 be 1 s1 127.0.0.1 0 1 3 3 9 8 2 0 14 0 0 0 - 101 - 0 0 - - 0".to_owned(),
        "3 be 2 s2 127.0.0.1 2 8 5 10 9 1 0 2 0 0 0 0 - 102 - 0 0 - - 0".to_owned(),
        "3 be 3 s3 127.0.0.1 2 4 1 1 9 1 0 0 8 0 0 0 - 103 - 0 0 - - 0".to_owned(),
        "3 be 4 s4 127.0.0.1 0 5 1 1 9 1 0 0 8 0 0 0 - 104 - 0 0 - - 0".to_owned(),
        "3 be 5 s5 127.0.0.9 2 0 1 1 9 6 3 4 6 0 0 0 - 99 - 0 0 - - 0".to_owned(),
        "3 be 6 s6 127.0.0.1 0 0 1 1 9 8 2 0 6 0 0 0 - 106 - 0 0 - - 0".to_owned(),
        "3 be 7 gone 127.0.0.1 0 0 1 1 9 8 2 0 6 0 0 0 - 107 - 0 0 - - 0".to_owned(),
        "3 be 8 asked 127.0.0.1 2 0 1 1 9 6 3 4 14 22 0 0 - 111 - 0 17772 127.0.0.3 127.0.0.7 17779".to_owned(),
        "3 be 9 as 127.0.0.1 2 0 1 1 9 6 3 4 14 22 0 0 - 112 - 0 0 - - 0".to_owned(),
        "3 be 10 port 127.0.0.1 2 0 1 1 9 6 3 4 14 22 0 0 - 113 - 0 17773 - 127.0.0.7 0".to_owned(),
        "4 other 1 s1 127.0.0.1 0 1 3 3 9 8 2 0 14 0 0 0 - 108 - 0 0 - - 0".to_owned(),
    ];
    fs::write(&file, lines.join("\n") + "\n").expect("the folder is writable");
    let config = |room: &Room| {
        format!(
            "global\n {}\n server-state-file {}\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n \
             timeout server 30s\n load-server-state-from-file global\n\
             frontend fe\n bind 127.0.0.1:{}\n default_backend be\n\
             backend be\n balance roundrobin\n server s1 {} check inter 1h weight 4 disabled\n \
             server s2 {} weight 11\n server s3 {} disabled\n server s4 {} disabled\n \
             server s5 {} check inter 1h\n server s6 {} check inter 1h\n server new {}\n \
             default-server disabled check inter 1h agent-check agent-port 5 agent-addr 127.0.0.4 agent-inter 1h\n \
             server asked 127.0.0.1:111\n server as 127.0.0.1:112 addr 127.0.0.2 port 77\n server port 127.0.0.1:113\n\
             backend other\n load-server-state-from-file none\n server s1 {}\n",
            room.line(),
            file.display(),
            free_port(),
            at(1),
            at(2),
            at(3),
            at(4),
            at(5),
            at(6),
            at(7),
            at(8),
        )
    };
    let Ok(haproxy) = Haproxy::begin(&config(&theirs), &[]) else {
        return say("SKIP states of servers beside HAProxy: haproxy is not installed");
    };
    let _haproxy = haproxy.answering(&theirs.socket());
    let _lb = Lb::start(&config(&ours));
    // The first check of s5 and s6 has ended or not; what it found is not what is compared.
    let without_checks = |room: &Room| {
        let lines = servers(room).into_iter().map(|line| {
            let cells: Vec<&str> = line.split(' ').collect();
            [&cells[..9], &cells[13..]].concat().join(" ")
        });
        lines.collect::<Vec<_>>()
    };
    assert_eq!(without_checks(&ours), without_checks(&theirs));
    let columns = ["status", "weight"];
    for server in ["s1", "s2", "s3", "s4", "new"] {
        let row = format!("be/{server}");
        assert_eq!(cells(&ours, &row, &columns), cells(&theirs, &row, &columns), "{row}");
    }
}

/// In the folder that is said, under the name that is said, or that of the backend.
#[test]
fn haproxys_states_are_found_where_they_are_said_to_be() {
    let (theirs, ours) = (Room::new(), Room::new());
    let base = theirs.0.join("states");
    fs::create_dir(&base).expect("the folder is writable");
    let far = theirs.0.join("far");
    // The backend's number, its name, what it says of files, the file, and the weight that stands there.
    let local = "load-server-state-from-file local";
    let table = [
        (
            3,
            "whole",
            "load-server-state-from-file global".to_owned(),
            base.join("all"),
            3,
        ),
        (
            4,
            "named",
            format!("{local}\n server-state-file-name use-backend-name"),
            base.join("named"),
            4,
        ),
        (5, "silent", local.to_owned(), base.join("silent"), 5),
        (
            6,
            "other",
            format!("{local}\n server-state-file-name own"),
            base.join("own"),
            6,
        ),
        (
            7,
            "far",
            format!("{local}\n server-state-file-name {}", far.display()),
            far.clone(),
            7,
        ),
        // Nobody reads it.
        (
            8,
            "deaf",
            "server-state-file-name deaf".to_owned(),
            base.join("deaf"),
            10,
        ),
    ];
    let mut backends = String::new();
    for (id, backend, says, file, weight) in &table {
        let weight = if *weight == 10 { 8 } else { *weight };
        let line = format!("{id} {backend} 1 s 127.0.0.1 2 0 {weight} 10 9 1 0 2 0 0 0 0 - 1 - 0 0 - - 0");
        fs::write(file, format!("{COLUMNS}\n{line}\n")).expect("the folder is writable");
        backends += &format!("backend {backend}\n {says}\n server s 127.0.0.1:1 weight 10\n");
    }
    let config = |room: &Room| {
        format!(
            "global\n {}\n server-state-base {}\n server-state-file all\ndefaults\n mode tcp\n timeout connect 5s\n \
             timeout client 30s\n timeout server 30s\nfrontend fe\n bind 127.0.0.1:{}\n default_backend whole\n{backends}",
            room.line(),
            base.display(),
            free_port()
        )
    };
    let judge = |room: &Room, who: &str| {
        for (_, backend, _, _, weight) in &table {
            let said = room.ask(&format!("get weight {backend}/s"));
            assert_eq!(said, format!("{weight} (initial 10)\n\n"), "{who}: {backend}");
        }
    };
    match Haproxy::begin(&config(&theirs), &[]) {
        Ok(haproxy) => {
            let _haproxy = haproxy.answering(&theirs.socket());
            judge(&theirs, "HAProxy");
        }
        Err(_) => say("SKIP files of states beside HAProxy: haproxy is not installed"),
    }
    let _lb = Lb::start(&config(&ours));
    judge(&ours, "tandem-lb");
}

/// Files of HAProxy's kind are the operator's: what cannot be read is said, and they stay where they are.
#[test]
fn what_is_wrong_with_files_of_haproxys_kind_is_said() {
    let room = Room::new();
    let echo = Server::echo();
    let (states, counters, log) = (room.0.join("servers"), room.0.join("stats"), room.0.join("log"));
    let config = Config::default()
        .global(room.line())
        .global(format!("server-state-file {}", states.display()))
        .global(format!("stats-file {}", counters.display()))
        .backend("load-server-state-from-file global")
        .backend("guid g-be")
        .server("a", &echo, "weight 10")
        .to_string();
    let line = "3 be 1 a 127.0.0.1 2 0 4 10 9 1 0 0 8 0 0 0 - 1 - 0 0 - - 0";
    for (states_are, counters_are, why) in [
        ("7\n", "", "its first line is not the version '1'"),
        (
            &format!("{COLUMNS}\n{line}\nnonsense\n"),
            "",
            "servers:4: this line is no server's state",
        ),
        (
            line,
            "#be guid,stot,\ng-be,5,\n",
            "its first line is not the version '1'",
        ),
        ("1\n", "", "it has no line of column names"),
        (&format!("{COLUMNS}\n"), "not ours\n", "this is no stats-file"),
    ] {
        fs::write(&states, states_are).expect("ours");
        fs::write(&counters, counters_are).expect("ours");
        let errors = fs::File::create(&log).expect("ours");
        let lb = Lb::start_as(&config, |mut command| {
            command.stderr(errors);
            command
        });
        // What is logged is written by a thread of its own.
        until(why, || {
            let said = fs::read_to_string(&log).expect("ours");
            said.contains(why).then_some(())
        });
        let weight = if why.starts_with("servers:4") { "4" } else { "10" };
        assert_eq!(
            room.ask("get weight be/a"),
            format!("{weight} (initial 10)\n\n"),
            "{why}"
        );
        assert_eq!(fs::read(&states).expect("it stays"), states_are.as_bytes());
        assert_eq!(fs::read(&counters).expect("it stays"), counters_are.as_bytes());
        stop(lb);
    }
}

#[test]
fn counters_to_begin_with() {
    let room = Room::new();
    let file = room.0.join("stats");
    let text =
        "#fe guid,stot,bin,\ng-fe,1024,5,\ng-li-0,6,7\n\n#be guid,unknown,stot,econ\ng-be,1,512,9,\ng-srv,1,511,8,\n";
    fs::write(&file, text).expect("the folder is writable");
    let echo = Server::echo();
    let config = Config::default()
        .global(room.line())
        .global(format!("stats-file {}", file.display()))
        .frontend("guid g-fe")
        .frontend("option socket-stats")
        .frontend(format!("bind 127.0.0.1:{} guid-prefix g-li", free_port()))
        .backend("guid g-be")
        .server("a", &echo, "guid g-srv");
    let _lb = Lb::start(&config.to_string());
    assert_eq!(
        cells(&room, "fe/FRONTEND", &["stot", "bin", "rate"]),
        ["1024", "5", "0"]
    );
    assert_eq!(cells(&room, "be/BACKEND", &["stot", "econ"]), ["512", "9"]);
    assert_eq!(cells(&room, "be/a", &["stot", "econ"]), ["511", "8"]);
    assert_eq!(cells(&room, "fe/sock-1", &["stot", "type"]), ["0", "3"]);
    assert_eq!(cells(&room, "fe/sock-2", &["stot", "bin"]), ["6", "7"]);
    // What comes out goes in again.
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"x"), b"x");
    until("the byte to be counted", || {
        Some(cells(&room, "fe/sock-1", &["stot", "bout"])).filter(|cells| cells == &["1", "1"])
    });
    fs::write(&file, room.ask("dump stats-file")).expect("the folder is writable");
    drop(_lb);
    let _lb = Lb::start(&config.to_string());
    assert_eq!(cells(&room, "fe/FRONTEND", &["stot", "bin"]), ["1025", "6"]);
    assert_eq!(cells(&room, "fe/sock-2", &["stot", "bin"]), ["6", "7"]);
    assert_eq!(cells(&room, "be/a", &["stot", "connect"]), ["512", "1"]);
}
