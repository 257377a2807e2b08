//! Stick tables: who is remembered, what is counted, what is forgotten.

use tandem_tests::Scenario;

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "stickiness through what happens to servers",
        story: "a known client while its server drains, is in maintenance, has no weight and comes back",
        config: " option redispatch\nlisten l\n bind {0}\n balance roundrobin\n stick-table type ip size 1k expire 1h\n stick on src\n \
                 server a {a}\n server b {b}\n server c {c} backup\n",
        play: |s| {
            (1..=4).for_each(|from| s.pick(0, from));
            for order in [
                "set server l/a state drain",
                "set server l/a state maint",
                "set server l/a state ready",
                "set server l/a weight 0",
                "set server l/b state maint",
                "set server l/a weight 1",
                "set server l/b state ready",
            ] {
                s.order(order);
                (1..=6).for_each(|from| s.pick(0, from));
                s.order("show table l");
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "servers that are known by their addresses",
        story: "a table with srvkey addr, used by two listens that call the same servers otherwise and list them otherwise",
        config: "listen l\n bind {0}\n balance roundrobin\n stick-table type ip size 1k expire 1h srvkey addr\n stick on src\n \
                 server x {a}\n server y {b}\n\
                 listen m\n bind {1}\n balance roundrobin\n stick on src table l\n server y {a}\n server x {b}\n server z {c}\n\
                 listen n\n bind {2}\n balance roundrobin\n stick match src table l\n server o {c}\n server x {b}\n server y {a}\n",
        play: |s| {
            (1..=2).for_each(|from| s.pick(0, from));
            (1..=3).for_each(|from| s.pick(1, from));
            (1..=3).for_each(|from| s.pick(2, from));
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "known clients and servers that are down",
        story: "persist, force-persist and ignore-persist, with the server up, in maintenance and back: only cookies are ignored",
        config: " timeout connect 100ms\n retries 1\nlisten l\n bind {0}\n balance roundrobin\n stick-table type ip size 1k expire 1h\n stick on src\n \
                 force-persist if { src 127.0.0.1 }\n ignore-persist if { src 127.0.0.3 }\n server a {a}\n server b {b}\n\
                 listen m\n bind {1}\n balance roundrobin\n option persist\n stick-table type ip size 1k expire 1h\n stick on src\n server a {a}\n server b {b}\n",
        play: |s| {
            (1..=3).for_each(|from| s.pick(0, from));
            (1..=3).for_each(|from| s.pick(1, from));
            for server in ["l/a", "m/a"] {
                s.order(&format!("set server {server} state maint"));
            }
            (1..=3).for_each(|from| s.pick(0, from));
            (1..=3).for_each(|from| s.pick(1, from));
            for server in ["l/a", "m/a"] {
                s.order(&format!("set server {server} state ready"));
            }
            (1..=3).for_each(|from| s.pick(0, from));
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "one table for two backends",
        story: "stick match and store-request in the table of another, by a part of the address",
        config: "listen l\n bind {0}\n balance roundrobin\n stick match src,ipmask(30) table t\n stick store-request src,ipmask(30) table t\n \
                 server a {a}\n server b {b}\nlisten m\n bind {1}\n balance roundrobin\n stick match src,ipmask(30) table t\n \
                 server a {a}\n server b {b}\nbackend t\n stick-table type ip size 1k expire 1h\n",
        play: |s| {
            for from in [1, 4, 8, 12] {
                s.pick(0, from);
            }
            for from in [2, 5, 9, 13, 16, 17] {
                s.pick(1, from);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "non-stick and backups",
        story: "who was on a server that is not remembered, or on a backup",
        config: "listen l\n bind {0}\n balance roundrobin\n stick-table type ip size 1k expire 1h\n stick on src\n \
                 server a {a} non-stick\n server b {b}\n server c {c} backup non-stick\n",
        play: |s| {
            (1..=4).for_each(|from| s.pick(0, from));
            s.order("disable server l/a");
            s.order("disable server l/b");
            (1..=4).for_each(|from| s.pick(0, from));
            s.order("enable server l/b");
            (1..=4).for_each(|from| s.pick(0, from));
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "a table that is full",
        story: "four places: who is forgotten for whom, and a table that purges nobody",
        config: "listen l\n bind {0}\n balance roundrobin\n stick-table type ip size 4 expire 1h store conn_cnt\n \
                 tcp-request connection track-sc0 src\n server a {a}\n server b {b}\n\
                 listen m\n bind {1}\n balance roundrobin\n stick-table type ip size 4 expire 1h nopurge store conn_cnt\n \
                 tcp-request connection track-sc0 src\n server a {a}\n server b {b}\n",
        play: |s| {
            for listener in [0, 1] {
                (1..=7).for_each(|from| s.pick(listener, from));
                (3..=4).for_each(|from| s.pick(listener, from));
                (8..=9).for_each(|from| s.pick(listener, from));
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "counters of every kind",
        story: "gpc and gpt arrays, rules that set and count, trackers of three kinds, counters read by conditions",
        config: "frontend f\n bind {0}\n tcp-request inspect-delay 300ms\n \
                 tcp-request connection track-sc0 src table addresses\n tcp-request content track-sc1 dst_port,mod(1) table ports\n \
                 tcp-request content track-sc2 req.payload(0,2) table words if { req.len gt 1 }\n \
                 tcp-request connection sc-inc-gpc0(0)\n tcp-request content sc-inc-gpc1(0) if { src 127.0.0.2 }\n \
                 tcp-request content sc-inc-gpc(1,1)\n tcp-request content sc-set-gpt(2,1) int(44) if { src 127.0.0.3 }\n \
                 tcp-request content sc-set-gpt0(0) dst_port,mod(1)\n \
                 tcp-request content reject if { sc1_conn_cnt gt 100 }\n use_backend two if { sc_get_gpc0(0) gt 2 }\n default_backend one\n\
                 backend one\n server a {a}\nbackend two\n server b {b}\n\
                 backend addresses\n stick-table type ip size 1k expire 1h store gpc0,gpc1,gpt0,conn_cnt,conn_cur,sess_cnt,gpc0_rate(1h),conn_rate(1h)\n\
                 backend ports\n stick-table type integer size 1k expire 1h store gpc(2),gpc_rate(2,1h),conn_cnt\n\
                 backend words\n stick-table type binary len 2 size 1k expire 1h store gpt(2),sess_cnt\n",
        play: |s| {
            for from in [1, 2, 3, 2, 2, 3, 1, 2] {
                s.talk(0, from, format!("w{from}").as_bytes());
            }
            s.order("show table addresses data.gpc0 gt 2");
            s.order("clear table words key 7731");
            s.order("set table addresses key 127.0.0.2 data.gpc0 0");
            s.pick(0, 2);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "entries expire",
        story: "after expire nobody is remembered, and counting begins anew",
        config: "listen l\n bind {0}\n balance roundrobin\n stick-table type ip size 1k expire 300ms store conn_cnt\n stick on src\n \
                 tcp-request connection track-sc0 src\n server a {a}\n server b {b}\n server c {c}\n",
        play: |s| {
            s.pick(0, 1);
            s.pick(0, 2);
            let forgotten = || s.room().order("show table l").contains("used:0");
            tandem_tests::until("everybody is forgotten", || forgotten().then_some(()));
            s.pick(0, 1);
            tandem_tests::until("everybody is forgotten", || forgotten().then_some(()));
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "IPv6 keys and keys made of text",
        story: "one table of each kind of key, for the same clients",
        config: "listen l\n bind {0}\n balance roundrobin\n tcp-request connection track-sc0 src table six\n \
                 tcp-request session track-sc1 src,hex table text\n tcp-request session track-sc2 src,ipmask(32),bytes(2,2) table bytes\n server a {a}\n\
                 backend six\n stick-table type ipv6 size 1k expire 1h store conn_cnt\n\
                 backend text\n stick-table type string len 6 size 1k expire 1h store sess_cnt\n\
                 backend bytes\n stick-table type binary len 4 size 1k expire 1h store sess_cnt\n",
        play: |s| {
            [1, 2, 1, 3].into_iter().for_each(|from| s.pick(0, from));
        },
        ..Scenario::EMPTY
    },
];
