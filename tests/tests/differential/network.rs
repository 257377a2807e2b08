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
