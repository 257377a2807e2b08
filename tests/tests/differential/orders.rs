//! Orders on the stats socket while clients are served.

use tandem_tests::{OnPurpose, Scenario};

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "a server is taken out with clients on it",
        story: "drain keeps them, shutdown sessions ends them, ready takes new ones",
        config: "listen l\n bind {0}\n balance roundrobin\n server a {a}\n server b {b}\n",
        play: |s| {
            let mut at_a = s.stay(0, 1);
            let _at_b = s.stay(0, 2);
            s.order("set server l/a state drain");
            s.note(at_a.ask(b"still"));
            s.order("shutdown sessions server l/a");
            s.note(at_a.rest());
            drop(at_a);
            s.settle();
            s.pick(0, 1);
            s.order("set server l/a state ready");
            s.shares(0, 4);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "a server gets another address",
        story: "set server addr and port: new clients go there, the line and the answer say so",
        config: "listen l\n bind {0}\n server s {a}\nlisten other\n bind {1}\n server b {b}\n",
        play: |s| {
            let mut stays = s.stay(0, 1);
            s.order("set server l/s addr 127.0.0.1 port {b.port}");
            s.pick(0, 2);
            s.note(stays.ask(b"still"));
            s.order("set server l/s addr 127.0.0.1 port {b.port}");
            s.order("set server l/s addr nowhere");
            s.order("set server l/s addr 127.0.0.1 port 70000");
            s.order("set server l/s addr 127.0.0.1 port {a.port}");
            s.pick(0, 2);
        },
        known: &[OnPurpose {
            theirs: "< no need to change the addr, port changed from 'P' to 'P' by 'stats socket command'",
            ours: "< no need to change the addr, provided port is not valid by 'stats socket command'",
            why: "port 70000 is refused; HAProxy takes it for 4464",
        }],
        ..Scenario::EMPTY
    },
    Scenario {
        name: "a frontend is closed and opened",
        story: "disable and enable frontend with a client inside, and its maxconn",
        config: "frontend f\n bind {0}\n default_backend b\nfrontend g\n bind {1}\n default_backend b\nbackend b\n server a {a}\n",
        play: |s| {
            let mut stays = s.stay(0, 1);
            s.order("disable frontend f");
            s.note(stays.ask(b"still"));
            s.pick(1, 1);
            s.order("disable frontend f");
            s.order("enable frontend f");
            s.pick(0, 2);
            s.order("set maxconn frontend g 7");
            s.order("set maxconn frontend x 7");
            s.order("set maxconn frontend g many");
            s.order("shutdown frontend x");
            s.order("enable frontend g");
        },
        known: &[
            OnPurpose {
                theirs: "stat g/FRONTEND slim=0",
                ours: "stat g/FRONTEND slim=7",
                why: "a word is no number, and does not lift a limit",
            },
            OnPurpose {
                theirs: "",
                ours: "< Value out of range.",
                why: "the same",
            },
        ],
        ..Scenario::EMPTY
    },
    Scenario {
        name: "limits of a server change while somebody waits",
        story: "set maxconn server lets who waits in",
        config: " timeout queue 20s\nlisten l\n bind {0}\n server a {a} maxconn 1\n",
        play: |s| {
            let first = s.stay(0, 1);
            let mut second = s.enter(0, 2);
            s.until("l", "BACKEND", "qcur", "1");
            s.order("set maxconn server l/a 2");
            s.note(second.hear(1));
            s.leave([first, second]);
            s.order("set maxconn server l/a 1");
            s.order("set maxconn server l/a -1");
            s.order("set maxconn server l/x 1");
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "counters are cleared in the middle",
        story: "clear counters and clear counters all between clients",
        config: "listen l\n bind {0}\n balance roundrobin\n server a {a}\n server b {b}\n",
        play: |s| {
            (1..=4).for_each(|from| s.pick(0, from));
            s.order("clear counters");
            s.pick(0, 2);
            s.order("clear counters all");
            s.pick(0, 3);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "agents and checks are switched by hand",
        story: "check addresses and ports, enable and disable of agents and checks that are there and that are not",
        config: "listen l\n bind {0}\n server a {a} check inter 60s\n server b {b}\n",
        play: |s| {
            s.until("l", "a", "check_status", "L4OK");
            for order in [
                "disable health l/b",
                "enable health l/b",
                "enable agent l/a",
                "disable agent l/a",
                "set server l/a check-port 0",
                "set server l/a check-port {b.port}",
                "set server l/b check-port {b.port}",
                "set server l/a check-addr 127.0.0.1",
                "set server l/a agent up",
                "set server l/a fqdn a.example",
                "set server l/a weight 300",
                "set server l/a weight 50%",
                "set weight l/a -1",
                "get weight l/a",
                "get weight l/x",
                "set server l/a ssl on",
                "enable server x/a",
                "disable server l/x",
            ] {
                s.order(order);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "ACLs and maps change between clients",
        story: "add, del, clear, prepared versions: the next client already goes elsewhere",
        config: "frontend f\n bind {0}\n use_backend two if { src -f {path}.file }\n default_backend one\n\
                 backend one\n server a {a}\nbackend two\n server b {b}\n",
        file: "127.0.0.2\n",
        play: |s| {
            for order in [
                "get acl {path}.file 127.0.0.2",
                "add acl {path}.file 127.0.0.3",
                "del acl {path}.file 127.0.0.2",
                "del acl {path}.file 127.0.0.99",
                "add acl {path}.file nonsense",
                "prepare acl {path}.file",
                "add acl @1 {path}.file 127.0.0.1",
                "commit acl @1 {path}.file",
                "clear acl {path}.file",
                "clear acl nofile",
            ] {
                s.order(order);
                (1..=3).for_each(|from| s.pick(0, from));
            }
        },
        ..Scenario::EMPTY
    },
];
