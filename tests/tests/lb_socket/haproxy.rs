//! The same commands to HAProxy and to us, on the same configuration, must give the same answers.

use std::net::TcpListener;
use std::path::Path;

use tandem_tests::{Haproxy, Lb, Server, free_port, piped, until};

use super::room::{Room, say};

/// In this order, since some change what others show.
const COMMANDS: [&str; 104] = [
    "show backend",
    "show servers state",
    "show servers state be",
    "show servers state #3",
    "show servers state gone",
    "show servers conn rr",
    "show servers conn gone",
    "show table",
    "show table be",
    "show table gone",
    "show table be key",
    "show table be key 192.0.2.9",
    "show table be data.gpc0 gt 2",
    "show table be data.gone gt 2",
    "show table be data.server_id xx 2",
    "show table be data.server_id gt",
    "show table be gone",
    "set table be key 192.0.2.1 data.server_id x",
    "set table be key 192.0.2.1 data.gpc0 1",
    "set table",
    "clear table",
    "clear table gone",
    "get weight be/s1",
    "get weight #3/#1",
    "get weight be",
    "get weight gone/s1;get weight be/",
    "show errors -1;show errors fe request",
    "get weight be/gone",
    "set weight be/s1 5",
    "set weight be/s1 300",
    "set weight be/s1 -5%",
    "set weight be/s1",
    "set weight rr/r1 50%",
    "get weight rr/r1",
    "set weight rr/r1 7",
    "show servers state rr",
    "set server",
    "set server be/s1",
    "set server be/s1 gone",
    "set server be/s1 state gone",
    "set server be/s1 health gone",
    "set server be/s1 agent up",
    "set server be/s1 fqdn gone",
    "set server be/s1 addr",
    "set server be/s1 addr x",
    "set server be/s1 check-port",
    "set server rr/r1 addr 127.0.0.1;set server rr/r1 addr 127.0.0.7;set server rr/r1 addr 127.0.0.7 port 99",
    "set server rr/r1 addr 127.0.0.8 port 98;set server rr/r1 addr 127.0.0.8 port x;show servers state rr",
    "set server be/s2 state maint;set server be/s3 state ready;show servers state be",
    "set server be/s2 state drain;show servers state be",
    "enable server be/s2;set server be/s2 state ready;show servers state be",
    "enable health be/s2;enable agent be/s2;disable agent be/s2;disable health be/s2",
    "set maxconn frontend fe;set maxconn frontend gone 3;set maxconn frontend",
    "set maxconn server be/s1;set maxconn server be/gone 3",
    "set server be/s1 check-port 99;show servers state be",
    "set server be/s1 check-port 0;show servers state be",
    "set server be/s1 check-addr 127.0.0.3;show servers state be",
    "set server be/s1 check-addr 127.0.0.4 port 97;show servers state be",
    "show servers state numbered",
    "set server numbered/a agent-addr 127.0.0.3 port 17;set server numbered/c agent-addr 127.0.0.5;show servers state numbered",
    "set server numbered/d agent-port 18;set server numbered/d agent-addr localhost;show servers state numbered",
    "set server numbered/d check-addr 127.0.0.1;set server numbered/e check-port 0;show servers state numbered",
    "set server numbered/e addr 127.0.0.9;set server numbered/d addr 127.0.0.9 port 9;show servers state numbered",
    "set server rr/r1 addr 127.0.0.8 port +5;set server numbered/b addr 127.0.0.1 port +5;show servers state numbered",
    "set maxconn global;set maxconn global 999999999",
    "set rate-limit;set rate-limit gone;set rate-limit sessions global;set rate-limit sessions global 0",
    "set rate-limit connections global 5;set rate-limit connections;set rate-limit connections frontend 3",
    "set rate-limit ssl-sessions global 4;set rate-limit connections global 0;user;set rate-limit sessions global 4",
    "disable frontend fe;disable frontend fe;enable frontend fe;enable frontend fe;disable frontend gone",
    "disable frontend;shutdown frontend;shutdown frontend gone",
    "shutdown session;shutdown session x;shutdown session 0x1;show sess 0x1",
    "shutdown sessions server;shutdown sessions server be/gone;shutdown sessions server be/s1",
    "clear counters;show errors;show errors gone;show startup-logs;show cli level",
    "expert-mode;expert-mode on;expert-mode;expert-mode x;expert-mode;experimental-mode",
    "operator;expert-mode;experimental-mode on;experimental-mode",
    "get var;get var proc.gone;get var sess.x;get var gone;show resolvers gone",
    "show env PATH;show env GONE_VARIABLE;show stat gone 1 -1;show stat domain gone",
    "user;show cli level;show sess;show errors;set weight be/s1 3;clear counters;operator;show backend",
    "operator;show cli level;disable server be/s1;set maxconn global 3",
    "set severity-output number;set weight be/s1;enable frontend fe;show cli level;get weight be/s1;shutdown session x",
    "set severity-output string;set weight be/s1;show table gone;set severity-output gone",
    "show acl;show map",
    "show acl #0;show acl #1;show acl #2;show acl #3;show acl #4;show acl #5;show acl #6;show acl gone;show acl #99",
    "show map #0;show map gone;show map #5;show map FOLDER/nets.map;show acl FOLDER/nets.lst;show acl @0 #0",
    "get acl;get acl #0;get acl #0 10.1.2.3;get acl #0 x;get acl gone x;get acl #3 10;get acl #3 x;get acl #3 7",
    "get acl #1 10.1.2.3;get acl #8 x.example.com;get acl #8 x.EXAMPLE.com;get acl #8 x.org;get acl 0 10.1.1.1",
    "get map;get map #5;get map gone x;get map #5 10.1.1.1;get map #5 1.2.3.4;get map #5 ::1;get map #5 9.9.9.9",
    "add acl;add acl #0;add acl gone 1.1.1.1;add acl #0 zz;add acl #0 1.2.3.4/33;add acl #0 1.1.1.1;show acl #0",
    "add acl #3 gt 5;add acl #3 x;add acl #3 9:1;add acl #3 90:;show acl #3;get acl #3 95;add acl #8 a\\ b;show acl #8",
    "del acl;del acl #0;del acl gone x;del acl #0 9.9.9.9;del acl #0 1.1.1.1;del acl #0 #0x123;del acl #0 #zz;show acl #0",
    "add map;add map #5;add map #5 1.1.1.1;add map #5 1.1.1.1 x;add map #5 1.1.1.1 9 8;add map #5 zz 9;add map #99 zz 9",
    "set map;set map #5;set map #5 1.1.1.1;set map #5 1.1.1.1 3;set map #5 2.2.2.2 3;set map #5 #0x55 3;show map #5",
    "get map #5 1.1.1.1;del map;del map #5;del map gone x;del map #5 1.1.1.1;del map #5 1.1.1.1;get map #5 1.1.1.1",
    "set map gone k v;clear acl;clear acl gone;clear map;clear map gone;prepare acl;prepare acl gone;prepare map",
    "prepare acl #2;prepare acl #2;show acl @1 #2;add acl @1 #2 5.5.5.5;add acl @9 #2 5.5.5.5;add acl @0 #2 5.5.5.6",
    "show acl @1 #2;show acl #2;show acl @7 #2;show acl @x #2;get acl #2 5.5.5.5;show acl",
    "commit acl;commit acl #2;commit acl @9 #2;commit acl @x #2;commit acl @1 gone;commit acl @1 #2;show acl #2;show acl",
    "commit acl @1 #2;commit acl @0 #2;commit acl @2 #2;show acl #2;clear acl @2 #2;clear acl @9 #2;get acl #2 5.5.5.5",
    "prepare map #5;clear map @1 #5;add map @1 #5 8.8.8.8 1;show map @1 #5;set map @1 #5 8.8.8.8 2;del map @1 #5 8.8.8.8",
    "commit map @1 #5;show map #5;get map #5 8.8.8.8;get map #5 10.1.1.1;add map @7 #5 1.1.1.1 3;clear map #5;show map #5",
    "show acl @1;add acl @1;commit map;clear acl @1;prepare acl @1 #2;get acl @1 #2 1.1.1.1;add acl #5 1.1.1.1",
    "set profiling;set profiling memory on;set profiling gone;show cache;show peers;show peers gone",
    "user;show acl #3;get acl #3 7;show map #5;operator;show acl #3",
    "set timeout;set timeout cli;set timeout cli x;set timeout cli 0;set timeout cli 10s;quit;show backend",
];

/// HAProxy forgets the end of the line in some of these answers, and the empty line is missing after them. Ours is there.
const LOOSE: [&str; 24] = [
    "set server numbered/a agent-port;set server numbered/a agent-port x;set server numbered/a agent-addr",
    "set server numbered/a agent-addr gone.invalid;set server numbered/a agent-addr 127.0.0.3 port",
    "set server numbered/a agent-addr 127.0.0.3 port x;set server numbered/b agent-addr 127.0.0.3",
    "set server numbered/b check-addr localhost;set server numbered/b check-port;set server numbered/b check-port -5",
    "set server numbered/b check-addr;set server numbered/b check-addr 127.0.0.1 port +5",
    "show trace gone;show cache;trace 0",
    "show events gone;show events stderr;show events buf0 -n;show events buf0 -n -x;show events buf0 x",
    "set server be/s2 agent-addr 127.0.0.9;set server be/s2 agent-port 9;set server be/s2 agent-send x",
    "del server li/l1;set server li/l1 state maint;del server be/s2",
    "set maxconn server be/s1 x;set maxconn server be/s1 5x;set maxconn server be/s1 7;set maxconn server be/s1 0",
    "set server be/s2 check-port 98;set server be/s2 check-addr 127.0.0.3;set server be/s1 check-port x",
    "set server be/s1 check-port 70000;set server be/s1 check-addr x;set server be/s1 check-addr",
    "set server be/s1 check-addr 127.0.0.1 port 0;disable health be/s1;set server be/s1 check-port 1;enable health be/s1",
    "add server rr/n 127.0.0.1:80;add server rr/n 127.0.0.1:80;show servers state rr",
    "add server be/n 127.0.0.1:80;add server gone/n 127.0.0.1:80;add server rr;add server rr/o",
    "add server rr/m 127.0.0.2:81 check weight 5 maxconn 3 backup id 77;show servers state rr",
    "add server rr/o 127.0.0.3 disabled;show servers state rr;enable health rr/m;enable health rr/n",
    "enable server rr/n;del server rr/n;disable server rr/n;del server rr/n;show servers state rr",
    "del server;del server rr/gone;del server gone/x;disable health rr/m;del server rr/m;del server rr/o;show servers state rr",
    "experimental-mode on;set var proc.n int(5),add(3);get var proc.n;set var proc.n str(ab),length;get var proc.n",
    "experimental-mode on;set var proc.s str(ab),upper;get var proc.s;set var proc.b bool(true);get var proc.b x",
    "experimental-mode on;set var proc.v4 ipv4(192.0.2.1);get var proc.v4;set var proc.v6 ipv6(::1);get var proc.v6",
    "experimental-mode on;set var proc.copy var(proc.n),add(1);get var proc.copy",
    "experimental-mode on;set var;set var proc.x;operator;get var proc.n",
];

pub fn config(room: &Room, servers: [u16; 2]) -> String {
    let [one, two] = servers;
    let folder = room.0.display();
    let file = |name: &str, text: &str| std::fs::write(room.0.join(name), text).expect("the folder is writable");
    file("nets.lst", "10.0.0.0/8\n# a comment\n\n10.1.0.0/16\n192.168.0.1\n");
    file("nets.map", "10.0.0.0/8 5\n1.2.3.4  7\n::1 8\n");
    format!(
        "global\n {}\n nbthread 2\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
         frontend fe\n bind 127.0.0.1:{}\n acl net src 10.0.0.0/8 192.168.1.1\n acl net src -f {folder}/nets.lst 172.16.0.0/12\n \
         acl port dst_port gt 5 eq 1:9 7\n acl again src -u 4 -f {folder}/nets.lst\n \
         tcp-request inspect-delay 1s\n tcp-request content reject if {{ src,map_ip_int({folder}/nets.map,5) gt 5 }} TRUE net\n \
         tcp-request content reject if {{ req.ssl_sni -i -m end .example.com }}\n default_backend be\n\
         backend be\n balance source\n stick-table type ip size 1k expire 30m\n stick on src\n \
         server s1 127.0.0.1:{one} check inter 1h weight 3\n server s2 127.0.0.1:{two}\n \
         server s3 127.0.0.1:{one} backup disabled maxconn 20\n\
         backend rr\n balance roundrobin\n server r1 127.0.0.1:{one} weight 100\n\
         listen li\n bind 127.0.0.1:{}\n server l1 localhost:{one}\n\
         backend numbered\n id 60\n default-server inter 1h agent-inter 1h disabled\n \
         server a 127.0.0.1:{one} id 33 agent-check agent-port 7 agent-addr 127.0.0.4\n \
         server b 127.0.0.1:{one} check addr 127.0.0.2 port 77\n \
         server c 127.0.0.1:{one} check addr 127.0.0.2 port 77 agent-check agent-port 7\n \
         server d 127.0.0.1:{one} check agent-check agent-port 7\n server e 127.0.0.1:{one} check port 77\n",
        room.line(),
        free_port(),
        free_port(),
    )
}

/// `None` where it is not installed.
pub fn haproxy(room: &Room, text: &str) -> Option<Haproxy> {
    let haproxy = Haproxy::begin(text, &[]).ok()?;
    Some(haproxy.answering(&room.socket()))
}

/// Without what is different from run to run: times, and addresses in memory.
fn masked(answer: &str, socket: &Path) -> String {
    let answer = answer.replace(&socket.display().to_string(), "SOCKET");
    let folder = socket
        .parent()
        .map(|folder| folder.display().to_string())
        .unwrap_or_default();
    let answer = answer.replace(&folder, "FOLDER");
    // Theirs has lists of its own for its client of HTTP.
    let lines = answer.split('\n').filter(|line| !line.contains("'httpclient'"));
    let lines = lines.map(|line| {
        if line.starts_with("0x") && !line.contains(": key=") {
            let behind = line.split_once(' ').map(|(_, entry)| entry);
            return format!("ENTRY {}", behind.unwrap_or_default());
        }
        if line.contains(" curr_ver=") {
            let pieces = line
                .split('\'')
                .map(|piece| if piece.ends_with(".cfg") { "CFG" } else { piece });
            let line = pieces.collect::<Vec<_>>().join("'");
            // Theirs counts an entry less for each that it has refused.
            let is_refusing = line.starts_with("0 (") || line.starts_with("3 (");
            let counted = line.rsplit_once(' ').filter(|_| is_refusing);
            return counted.map_or(line.clone(), |(uncounted, _)| uncounted.to_owned());
        }
        if line.starts_with("Total events captured on [") {
            return "Total events captured".to_owned();
        }
        let fields: Vec<&str> = line.split(' ').collect();
        if fields.len() == 25 && !line.starts_with('#') {
            // The tenth is how long the state lasts.
            let mut fields = fields;
            fields[9] = "SINCE";
            if ["n", "m", "o"].contains(&fields[3]) {
                // Of a server that was added: how its resting checks are called inside.
                for place in [12, 13] {
                    fields[place] = "-";
                }
            }
            return fields.join(" ");
        }
        line.to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn answers_are_the_same() {
    let listeners = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let servers = listeners
        .each_ref()
        .map(|l| l.local_addr().expect("it is bound").port());
    let (theirs, ours) = (Room::new(), Room::new());
    let Some(_haproxy) = haproxy(&theirs, &config(&theirs, servers)) else {
        return say("SKIP the socket beside HAProxy: haproxy is not installed");
    };
    let _lb = Lb::start(&config(&ours, servers));
    for room in [&theirs, &ours] {
        let checked = |state: String| {
            state
                .lines()
                .any(|l| l.starts_with("3 be 1 s1 ") && l.contains(" 6 3 4 6 "))
        };
        until("the first check", || {
            checked(room.ask("show servers state be")).then_some(())
        });
    }
    let mut different = Vec::new();
    let all = COMMANDS.map(|command| (command, "\n"));
    for (command, blank) in all.into_iter().chain(LOOSE.map(|command| (command, ""))) {
        let [theirs, ours] = [&theirs, &ours].map(|room| {
            let answer = masked(
                &room.ask(&command.replace("FOLDER", &room.0.display().to_string())),
                &room.socket(),
            );
            let lines = answer.split('\n').filter(|line| !line.is_empty() || !blank.is_empty());
            lines.collect::<Vec<_>>().join("\n")
        });
        if theirs != ours {
            different.push(format!("{command}\nHAProxy: {theirs:?}\nwe:      {ours:?}"));
        }
    }
    assert!(
        different.is_empty(),
        "{} of {}:\n{}",
        different.len(),
        COMMANDS.len() + LOOSE.len(),
        different.join("\n")
    );
}

/// Messages of each severity, and answers that are none.
const SEVERE: [&str; 12] = [
    "show cli level",
    "set weight be/s1",
    "get weight be/s1",
    "enable frontend fe",
    "show table gone",
    "set server be/s1 addr 127.0.0.7",
    "set server be/s1 weight x",
    "add server rr/n 127.0.0.1:80",
    "user;set weight be/s1 3",
    "show backend;shutdown session x",
    "set severity-output gone",
    "set severity-output none;show cli level;set severity-output string;show cli level",
];

/// Of a socket that says how serious it is from the start.
#[test]
fn a_socket_says_how_serious_a_message_is() {
    let (theirs, ours) = (Room::new(), Room::new());
    let text = |room: &Room| {
        let more = ["none", "number", "string"].map(|word| {
            let at = room.0.join(word);
            format!("stats socket {} level admin severity-output {word}\n ", at.display())
        });
        let line = room.line();
        config(room, [1, 1]).replacen(&line, &format!("{}{line}", more.concat()), 1)
    };
    let Some(_haproxy) = haproxy(&theirs, &text(&theirs)) else {
        return say("SKIP severities beside HAProxy: haproxy is not installed");
    };
    let _lb = Lb::start(&text(&ours));
    for (word, began) in [("none", "admin"), ("number", "[6]: admin"), ("string", "[info]: admin")] {
        for line in SEVERE {
            let [theirs, ours] = [&theirs, &ours].map(|room| piped(room.0.join(word), line).expect("an answer"));
            // Theirs leaves out the empty line behind some answers.
            let lines = |answer: &str| {
                answer
                    .lines()
                    .filter(|l| !l.is_empty())
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(lines(&ours), lines(&theirs), "{word}: {line}");
            assert!(line != SEVERE[0] || lines(&ours) == [began], "{word}: {ours}");
        }
    }
}

#[test]
fn every_command_has_an_answer() {
    let (theirs, ours) = (Room::new(), Room::new());
    let Some(_haproxy) = haproxy(&theirs, &config(&theirs, [free_port(), free_port()])) else {
        return say("SKIP the commands of HAProxy: haproxy is not installed");
    };
    let _lb = Lb::start(&config(&ours, [free_port(), free_port()]));
    let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let help = theirs.ask("help");
    let usages = help
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(": ").next());
    let mut asked = 0;
    for usage in usages {
        let name: Vec<&str> = usage
            .split(' ')
            .take_while(is_word)
            .filter(|word| !word.is_empty())
            .collect();
        // Their help misspells one.
        let name = name.join(" ").replace("crlfile", "crl-file");
        if name == "quit" {
            continue;
        }
        let answer = ours.ask(&name);
        assert!(!answer.starts_with("Unknown command"), "{name}: {answer}");
        asked += 1;
    }
    assert!(asked > 50, "{asked} of\n{help}");
}

/// What is in memory, a time or a number of a file is `N`.
fn without_numbers(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_hexdigit();
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if is_part(c) {
            word.push(c);
            continue;
        }
        let has_digit = word.contains(|c: char| c.is_ascii_digit());
        out.push_str(if has_digit { "N" } else { &word });
        word.clear();
        out.push(c);
    }
    out
}

#[test]
fn a_session_is_told_in_the_same_words() {
    let (theirs, ours) = (Room::new(), Room::new());
    let server = Server::echo();
    let servers = [server.address().port(); 2];
    let texts = [&theirs, &ours].map(|room| config(room, servers));
    let Some(_haproxy) = haproxy(&theirs, &texts[0]) else {
        return say("SKIP sessions beside HAProxy: haproxy is not installed");
    };
    let _lb = Lb::start(&texts[1]);
    let told = |room: &Room, text: &str| {
        let line = text
            .lines()
            .find(|line| line.contains("bind 127.0.0.1"))
            .expect("a listener");
        let port = line
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok())
            .expect("its port");
        let mut client = tandem_tests::connect(([127, 0, 0, 1], port).into());
        assert_eq!(tandem_tests::ask(&mut client, b"hello"), b"hello");
        // Theirs lists whoever asks, too.
        let is_asker = |text: &str| text.contains("unix_stream");
        let short = room.ask("show sess");
        let short = short
            .lines()
            .find(|line| !line.is_empty() && !is_asker(line))
            .expect("a session");
        let whole = room.ask("show sess");
        let asker = whole.lines().find(|line| is_asker(line)).expect("whoever asks");
        let id = short.split(':').next().expect("an id");
        let full = room.ask(&format!("show sess {id}"));
        let fd = room.ask("show fd");
        let kept = |line: &&str| {
            ["frontend=", "backend=", "server=", "task="]
                .iter()
                .any(|w| line.trim().starts_with(w))
        };
        // Theirs does not know the age of what is younger than its clock.
        let mut lines: Vec<String> = full.lines().filter(kept).map(without_numbers).collect();
        lines
            .iter_mut()
            .for_each(|line| *line = line.replace("age=?", "age=Ns"));
        lines.push(without_numbers(short));
        // Theirs may have heard the end of what it says already, or count its own turn.
        let asker = without_numbers(asker).replace("NxN", "N");
        lines.push(asker.replace("rx=Ns", "rx=").replace("exp=Ns", "exp="));
        // Both of its sockets, by the numbers that stand behind `fd=`.
        let sockets = short.split("fd=").skip(1).filter_map(|rest| rest.split(']').next());
        for number in sockets {
            assert!(full.contains(&format!(" fd={number}")), "{full}");
            let line = fd
                .lines()
                .find(|line| line.trim_start().starts_with(&format!("{number} : ")));
            let line = line.unwrap_or_else(|| panic!("no {number} in {fd}"));
            let words = line.split(' ').filter(|w| {
                ["back=", "fam=", "fe=", "sv=", "mux=", "xprt="]
                    .iter()
                    .any(|n| w.starts_with(n))
            });
            let mut words: Vec<&str> = words.collect();
            words.sort_unstable();
            lines.push(words.join(" "));
            assert!(line.contains(" lport=") && line.contains(" rport="), "{line}");
        }
        lines
    };
    let [theirs, ours] = [told(&theirs, &texts[0]), told(&ours, &texts[1])];
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 8, "{ours:#?}");
}

/// `show info typed` and `show stat typed` without their values: place, name, process, tags and kind of each field.
fn fields(room: &Room) -> Vec<String> {
    let text = room.ask("show info typed;show stat typed");
    let lines = text.lines().filter(|line| !line.is_empty());
    let without_value = |line: &str| line.splitn(4, ':').take(3).collect::<Vec<_>>().join(":");
    // 2.6 misspells one.
    lines
        .map(|line| without_value(line).replace("Splicded", "Spliced"))
        .collect()
}

#[test]
fn fields_have_the_same_names_places_and_tags() {
    let (theirs, ours) = (Room::new(), Room::new());
    let servers = [free_port(), free_port()];
    let Some(_haproxy) = haproxy(&theirs, &config(&theirs, servers)) else {
        return say("SKIP typed fields beside HAProxy: haproxy is not installed");
    };
    let _lb = Lb::start(&config(&ours, servers));
    let failed = |room: &Room| {
        room.ask("show stat")
            .lines()
            .any(|l| l.starts_with("be,s1,") && l.contains("L4CON"))
    };
    for room in [&theirs, &ours] {
        until("the first check", || failed(room).then_some(()));
    }
    let (theirs, ours) = (fields(&theirs), fields(&ours));
    // From there on 2.6 has what its modules count, which for TLS and HTTP/2 is elsewhere here.
    let is_common = |line: &&String| {
        let place = line.split('.').nth(3).and_then(|place| place.parse::<u32>().ok());
        line.split('.').count() < 5 || place.is_some_and(|place| place <= 102)
    };
    let missing: Vec<_> = theirs
        .iter()
        .filter(is_common)
        .filter(|line| !ours.contains(line))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let compared = theirs.iter().filter(is_common).count();
    assert!(compared > 500, "{compared}");
    say(&format!("{compared} typed fields are where HAProxy has them"));
}
