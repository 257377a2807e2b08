//! Who serves: balancing with all that changes its mind.

use tandem_tests::{Scenario, Stage};

fn from_each(s: &Stage, last: u8) {
    (1..=last).for_each(|from| s.pick(0, from));
}

fn ready(s: &Stage, servers: &[&str]) {
    servers
        .iter()
        .for_each(|server| s.until("l", server, "check_status", "L4OK"));
}

fn dies(s: &Stage, server: &str) {
    s.kill(server);
    s.until("l", server, "status", "DOWN");
}

fn rises(s: &Stage, server: &str) {
    s.revive(server);
    s.until("l", server, "status", "UP");
    s.logged(&format!("Server l/{server} is UP"), 1);
}

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "source hash, checks, stickiness, backup, maxconn, shutdown-sessions",
        story: "a server dies with clients on it and comes back, then all die but the backup",
        config: " option redispatch\nlisten l\n bind {0}\n balance source\n stick-table type ip size 10k expire 1h store conn_cnt,conn_cur\n \
                 stick on src\n tcp-request connection track-sc0 src\n \
                 default-server check inter 40ms rise 2 fall 2 maxconn 20 on-marked-down shutdown-sessions\n \
                 server a {a}\n server b {b} weight 50\n server c {c} weight 2\n server d {d} backup\n",
        play: |s| {
            ready(s, &["a", "b", "c", "d"]);
            from_each(s, 12);
            let stay: Vec<_> = (1..=4).map(|from| s.stay(0, from)).collect();
            let first = s.room().cell("l", "a", "scur");
            s.note(format!("at a: {first}"));
            dies(s, "a");
            s.settle();
            from_each(s, 12);
            rises(s, "a");
            from_each(s, 12);
            s.leave(stay);
            for server in ["b", "c", "a"] {
                dies(s, server);
            }
            from_each(s, 4);
            rises(s, "c");
            from_each(s, 4);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "weights changed while hashing",
        story: "map-based source hash with weights set, halved, zeroed and restored between clients",
        config: "listen l\n bind {0}\n balance source\n server a {a} weight 10\n server b {b} weight 10\n server c {c} weight 20\n",
        play: |s| {
            from_each(s, 10);
            for order in [
                "set weight l/a 50%",
                "set server l/b weight 0",
                "set weight l/c 1",
                "set weight l/b 100%",
                "get weight l/c",
            ] {
                s.order(order);
                from_each(s, 10);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "weights changed while hashing consistently",
        story: "the same on the ring, with ids and avalanche",
        config: "listen l\n bind {0}\n balance source\n hash-type consistent djb2 avalanche\n \
                 server a {a} weight 10 id 7\n server b {b} weight 10\n server c {c} weight 20 id 3\n",
        play: |s| {
            from_each(s, 12);
            for order in [
                "set weight l/a 50%",
                "set server l/b weight 0",
                "set weight l/c 200%",
                "set server l/a state drain",
                "set server l/a state ready",
            ] {
                s.order(order);
                from_each(s, 12);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "leastconn with clients that stay",
        story: "eight clients stay; then a weight changes, and two more come; all leave one by one",
        config: "listen l\n bind {0}\n balance leastconn\n server a {a} weight 1\n server b {b} weight 2\n server c {c} weight 1\n",
        play: |s| {
            let mut stay = s.fill(0, 8);
            s.order("set server l/c weight 2");
            stay.extend(s.fill(0, 2));
            s.leave(stay);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "leastconn with slowstart",
        story: "a server comes back slowly: its weight, its throttle and how many clients it gets",
        config: "listen l\n bind {0}\n balance leastconn\n default-server slowstart 100s weight 20\n server a {a}\n server b {b}\n",
        play: |s| {
            s.order("set server l/a state maint");
            s.order("set server l/a state ready");
            let stay = s.fill(0, 8);
            s.leave(stay);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "static-rr",
        story: "turns by weight, with a server in maintenance for a while",
        config: "listen l\n bind {0}\n balance static-rr\n server a {a} weight 3\n server b {b} weight 1\n server c {c} weight 2\n",
        play: |s| {
            from_each(s, 12);
            s.order("disable server l/a");
            s.shares(0, 6);
            s.order("enable server l/a");
            s.shares(0, 12);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "roundrobin with weights that change",
        story: "smooth turns; a weight becomes zero and comes back",
        config: "listen l\n bind {0}\n balance roundrobin\n server a {a} weight 3\n server b {b} weight 1\n server c {c} weight 2\n",
        play: |s| {
            s.shares(0, 12);
            s.order("set weight l/a 0");
            s.shares(0, 6);
            s.order("set weight l/a 5");
            s.shares(0, 16);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "first, with maxconn",
        story: "clients fill the first server, then the next; whoever leaves makes place",
        config: "listen l\n bind {0}\n balance first\n server a {a} maxconn 2\n server b {b} maxconn 1\n server c {c}\n",
        play: |s| {
            let mut stay: Vec<_> = (1..=5).map(|from| s.stay(0, from)).collect();
            drop(stay.remove(0));
            s.settle();
            stay.push(s.stay(0, 6));
            stay.push(s.stay(0, 7));
            s.leave(stay);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "backups, one or all",
        story: "the first backup alone, and with allbackups all of them",
        config: "listen l\n bind {0}\n balance roundrobin\n server a {a}\n server b {b} backup\n server c {c} backup\n\
                 listen m\n bind {1}\n balance roundrobin\n option allbackups\n server a {a}\n server b {b} backup\n server c {c} backup\n",
        play: |s| {
            for proxy in ["l", "m"] {
                let listener = u16::from(proxy == "m");
                s.pick(listener, 1);
                s.order(&format!("disable server {proxy}/a"));
                s.shares(listener, 4);
                s.order(&format!("disable server {proxy}/b"));
                s.shares(listener, 2);
                s.order(&format!("disable server {proxy}/c"));
                s.pick(listener, 1);
                s.order(&format!("enable server {proxy}/a"));
                s.pick(listener, 1);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "use-server",
        story: "rules send clients to servers; one of these is down, another full of weight zero",
        config: "listen l\n bind {0}\n balance roundrobin\n use-server b if { src 127.0.0.2 }\n use-server c if { src 127.0.0.3 }\n \
                 use-server b unless { src 127.0.0.1 127.0.0.4 127.0.0.3 }\n server a {a}\n server b {b}\n server c {c} weight 0\n",
        play: |s| {
            from_each(s, 6);
            s.order("set server l/b state maint");
            from_each(s, 6);
            s.order("set server l/b state drain");
            from_each(s, 6);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "another backend when too few serve",
        story: "use_backend by nbsrv and srv_is_up, as checks take servers out",
        config: "frontend f\n bind {0}\n acl few nbsrv(l) lt 2\n use_backend spare if few\n default_backend l\n\
                 backend l\n balance roundrobin\n default-server check inter 40ms rise 1 fall 1\n server a {a}\n server b {b}\n\
                 backend spare\n server c {c}\n",
        play: |s| {
            ready(s, &["a", "b"]);
            s.shares(0, 2);
            dies(s, "b");
            s.shares(0, 2);
            rises(s, "b");
            s.shares(0, 2);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "backend named by the client's address",
        story: "use_backend with an expression, a map file, and a default for who is not in it",
        config: "frontend f\n bind {0}\n use_backend %[src,map_ip({path}.file,two)]\n\
                 backend one\n server a {a}\nbackend two\n server b {b}\nbackend three\n server c {c}\n",
        file: "127.0.0.1 one\n127.0.0.4/30 three\n127.0.0.9 nowhere\n",
        play: |s| {
            [1, 2, 4, 7, 8].into_iter().for_each(|from| s.pick(0, from));
            s.pick(0, 9);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "a server that nobody is sent to",
        story: "disabled from the start, enabled by order; a backend without servers; a frontend without backend",
        config: "listen l\n bind {0}\n server a {a} disabled\n server b {b}\nlisten m\n bind {1}\nfrontend n\n bind {2}\n\
                 listen o\n bind {3}\n server a {a} disabled\n",
        play: |s| {
            from_each(s, 2);
            s.order("enable server l/a");
            s.shares(0, 4);
            (1..=3).for_each(|listener| s.pick(listener, 1));
        },
        ..Scenario::EMPTY
    },
];
