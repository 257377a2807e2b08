//! Names that are looked up, tables that are shared, and TLS.

use tandem_tests::{Known, OnPurpose, Scenario};

const READY_TWICE: OnPurpose = OnPurpose {
    theirs: "log * administratively READY thanks to valid DNS answer.",
    ours: "",
    why: "2.6 says twice that a server is ready; later releases do not",
};

fn at_home() -> Known {
    Known::Addresses(vec!["127.0.0.1".parse().expect("an address")])
}

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "a name that goes and comes back",
        story: "a server by its name: found, gone for longer than it is held, and found again",
        config: "resolvers dns\n nameserver ns {dns}\n hold valid 100ms\n hold nx 200ms\n timeout resolve 100ms\n timeout retry 100ms\n\
                 listen l\n bind {0}\n server s broker.test:{a.port} resolvers dns resolve-prefer ipv4 init-addr none\n server b {b} backup\n",
        play: |s| {
            s.names().knows("broker.test", at_home());
            s.until("l", "s", "status", "no check");
            s.pick(0, 1);
            s.names().forgets("broker.test");
            s.until("l", "s", "status", "MAINT (resolution)");
            s.pick(0, 2);
            s.names().knows("broker.test", at_home());
            s.until("l", "s", "status", "no check");
            s.pick(0, 3);
        },
        known: &[READY_TWICE],
        ..Scenario::EMPTY
    },
    Scenario {
        name: "where a client says that it wants to go",
        story: "a rule looks up the name that a client says: who has an address is sent there, who has none elsewhere, and so is who \
                must not wait any longer",
        config: "resolvers dns\n nameserver ns {dns}\n hold valid 100ms\n hold nx 100ms\n resolve_retries 1\n timeout resolve 100ms\n timeout retry 100ms\n\
                 frontend f\n bind {0}\n log-format \"%[var(txn.ip)] %b/%s %ts\"\n tcp-request inspect-delay 3s\n \
                 tcp-request content do-resolve(txn.ip,dns,ipv4) req.payload(0,6) if { req.len ge 6 }\n \
                 tcp-request content set-dst var(txn.ip) if { var(txn.ip) -m found }\n tcp-request content set-dst-port int({a.port})\n \
                 use_backend wanted if { var(txn.ip) -m found }\n default_backend other\n\
                 backend wanted\n server w 0.0.0.0:0\nbackend other\n server b {b}\n",
        play: |s| {
            s.names().knows("a.test", at_home());
            for words in ["a.test", "b.test", "a.test", "..test"] {
                let mut visitor = s.enter(0, 1);
                visitor.say(words.as_bytes());
                s.note(format!("{words}: {}", visitor.hear(7)));
                s.leave([visitor]);
            }
            s.talk(0, 1, b"short");
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "several servers of one name",
        story: "a template of two servers, and a name with one address",
        config: "resolvers dns\n nameserver ns {dns}\n hold valid 100ms\n hold obsolete 100ms\n timeout resolve 100ms\n timeout retry 100ms\n\
                 listen l\n bind {0}\n server-template s 2 both.test:{a.port} resolvers dns resolve-prefer ipv4 init-addr none\n",
        play: |s| {
            s.names().knows("both.test", at_home());
            s.until("l", "s1", "status", "no check");
            s.pick(0, 1);
            s.pick(0, 2);
        },
        known: &[
            READY_TWICE,
            OnPurpose {
                theirs: "stat l/BACKEND chkdown=1",
                ours: "stat l/BACKEND chkdown=0",
                why: "what was never up has not gone down",
            },
        ],
        ..Scenario::EMPTY
    },
    Scenario {
        name: "a table of peers, with a peer that is not there",
        story: "two frontends count in one table of a section peers; another peer cannot be reached",
        config: "global\n localpeer me\npeers p\n peer me {2}\n peer other {dead}\n table t type ip size 1k expire 1h store gpc0,conn_cnt\n\
                 listen l\n bind {0}\n tcp-request connection track-sc0 src table p/t\n tcp-request content sc-inc-gpc0(0)\n server a {a}\n\
                 listen m\n bind {1}\n tcp-request connection reject if { src_conn_cnt(p/t) gt 2 }\n tcp-request connection track-sc0 src table p/t\n server b {b}\n",
        play: |s| {
            s.pick(0, 1);
            s.pick(1, 1);
            s.pick(0, 1);
            s.pick(1, 1);
            s.pick(1, 2);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "TLS to servers and from clients",
        story: "one listen speaks TLS to another, which ends it; what is no TLS, and a server that does not speak it",
        config: "listen l\n bind {0}\n server s {1} ssl verify none\n\
                 listen m\n bind {1} ssl crt {pem}\n log-format \"%ci %ft %b/%s %ts %B %sslv %[ssl_fc] %[ssl_fc_has_sni]\"\n server a {a}\n\
                 listen n\n bind {2}\n retries 0\n server a {bye} ssl verify none\n\
                 listen o\n bind {3}\n option tcp-check\n tcp-check expect string a\n server s {1} ssl verify none check check-ssl inter 60s sni str(a.example)\n",
        play: |s| {
            // It hears the server's word before it goes: what goes in the middle of a handshake is seen by some.
            s.until("o", "s", "check_status", "L7OK");
            s.settle();
            s.pick(0, 1);
            s.pick(3, 2);
            let mut plain = s.enter(1, 3);
            plain.say(b"this is no hello\r\n\r\n");
            s.note(format!("without TLS: {}", plain.rest()));
            s.leave([plain]);
            s.hears_all(2, 4);
        },
        known: &[OnPurpose {
            theirs: "without TLS: |end",
            ours: "without TLS: *",
            why: "who speaks no TLS is told so by an alert (RFC 8446, 6.2)",
        }],
        ..Scenario::EMPTY
    },
];
