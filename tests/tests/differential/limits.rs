//! Limits, queues and retries.

use std::time::Duration;

use tandem_tests::Scenario;

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "a queue that moves",
        story: "one place on the server; two wait and get it in turn; a third gives up",
        config: " timeout queue 20s\nlisten l\n bind {0}\n server a {a} maxconn 1\n",
        play: |s| {
            let first = s.stay(0, 1);
            let mut second = s.enter(0, 2);
            s.until("l", "BACKEND", "qcur", "1");
            let gives_up = s.enter(0, 3);
            s.until("l", "BACKEND", "qcur", "2");
            let mut fourth = s.enter(0, 4);
            s.until("l", "BACKEND", "qcur", "3");
            drop(gives_up);
            s.until("l", "BACKEND", "qcur", "2");
            drop(first);
            s.note(second.hear(1));
            drop(second);
            s.note(fourth.hear(1));
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "who waits too long",
        story: "timeout queue, in a backend's queue and in a server's, and maxqueue",
        config: " timeout queue 150ms\nlisten l\n bind {0}\n balance roundrobin\n server a {a} maxconn 1\n\
                 listen m\n bind {1}\n balance source\n server a {a} maxconn 1 maxqueue 1\n",
        play: |s| {
            for listener in [0, 1] {
                let stays = s.stay(listener, 1);
                let mut waits = s.enter(listener, 2);
                s.note(waits.rest());
                s.leave([waits, stays]);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "refused, tried again, sent elsewhere",
        story: "redispatch on the last, on each, on every second try, and never",
        config: " timeout connect 60ms\n retries 2\nlisten last\n bind {0}\n balance roundrobin\n option redispatch\n server a {dead}\n server b {b}\n\
                 listen each\n bind {1}\n balance roundrobin\n option redispatch 1\n server a {dead}\n server b {b}\n\
                 listen second\n bind {2}\n balance roundrobin\n option redispatch 2\n server a {dead}\n server b {b}\n\
                 listen never\n bind {3}\n balance roundrobin\n no option redispatch\n server a {dead}\n server b {b}\n\
                 listen none\n bind {4}\n retries 0\n option redispatch\n server a {dead}\n server b {b}\n",
        play: |s| (0..5).for_each(|listener| (1..=3).for_each(|from| s.talk(listener, from, b"x"))),
        ..Scenario::EMPTY
    },
    Scenario {
        name: "who ends what it says before it has a server",
        story: "with and without abortonclose, in a queue, with bytes said before",
        config: " timeout queue 1s\nlisten l\n bind {0}\n option abortonclose\n server a {a} maxconn 1\n\
                 listen m\n bind {1}\n server a {a} maxconn 1\n",
        play: |s| {
            for (listener, name) in [(0, "l"), (1, "m")] {
                let first = s.stay(listener, 1);
                let mut second = s.enter(listener, 2);
                s.until(name, "BACKEND", "qcur", "1");
                second.say(b"hello");
                second.shut();
                if listener == 0 {
                    s.note(second.rest());
                }
                drop(first);
                s.note(second.rest());
                drop(second);
                s.settle();
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "the frontend is full",
        story: "maxconn of a frontend: the third waits in the kernel and is served when one goes",
        config: "frontend f\n bind {0}\n maxconn 2\n default_backend b\nbackend b\n server a {a}\n",
        play: |s| {
            let (first, second) = (s.stay(0, 1), s.stay(0, 2));
            let mut third = s.enter(0, 3);
            s.note(format!(
                "hears nothing: {}",
                third.hears_nothing(Duration::from_millis(150))
            ));
            drop(first);
            s.note(third.hear(1));
            s.leave([second, third]);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "the queue of a server that dies",
        story: "who waits for a server is sent to another when it goes down, and the line says how many",
        config: " timeout queue 20s\n option redispatch\nlisten l\n bind {0}\n balance source\n hash-type consistent\n \
                 stick-table type ip size 1k\n stick on src table l if { src 127.0.0.1 }\n \
                 server a {a} maxconn 1 check inter 40ms fall 1 rise 1\n server b {b} backup\n",
        play: |s| {
            s.until("l", "a", "check_status", "L4OK");
            let _first = s.stay(0, 1);
            let mut second = s.enter(0, 2);
            s.until("l", "a", "qcur", "1");
            s.kill("a");
            s.note(second.hear(1));
            s.logged("Server l/a is DOWN", 1);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "too many from one address",
        story: "track-sc with reject by count, by concurrent connections and by a general purpose counter",
        config: "frontend f\n bind {0}\n tcp-request connection track-sc0 src table t\n \
                 tcp-request connection reject if { sc0_conn_cur gt 2 }\n tcp-request connection reject if { src_get_gpc0(t) gt 1 }\n \
                 tcp-request session track-sc1 src table u if { src 127.0.0.3 }\n \
                 tcp-request content sc-inc-gpc0(0) if { src 127.0.0.2 }\n tcp-request content reject if { sc1_sess_cnt gt 2 }\n \
                 default_backend b\nbackend b\n server a {a}\n\
                 backend t\n stick-table type ip size 1k expire 1h store conn_cur,conn_cnt,conn_rate(1h),gpc0,gpc0_rate(1h),sess_cnt\n\
                 backend u\n stick-table type ip size 1k expire 1h store sess_cnt,sess_rate(1h)\n",
        play: |s| {
            let stay: Vec<_> = (0..4).map(|_| s.stay(0, 1)).collect();
            (0..4).for_each(|_| s.talk(0, 2, b"x"));
            (0..4).for_each(|_| s.talk(0, 3, b"x"));
            s.leave(stay);
            s.pick(0, 1);
        },
        ..Scenario::EMPTY
    },
];
