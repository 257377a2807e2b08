//! Checks and health: what is asked, what is made of the answer, and what is said about it.

use tandem_tests::{OnPurpose, Scenario, Stage};

fn down(s: &Stage, proxies: &[&str]) {
    proxies.iter().for_each(|proxy| s.until(proxy, "s", "status", "DOWN"));
}

/// Listeners with every kind of check, to a server that does not speak it.
macro_rules! every_kind {
    ($server:literal) => {
        concat!(
            " timeout check 500ms\n option log-health-checks\n default-server check inter 60ms fall 1\n",
            "backend http\n option httpchk GET /x\n server s {", $server, "}\n",
            "backend expect\n option httpchk\n http-check send meth HEAD uri / ver HTTP/1.1 hdr Host h\n http-check expect status 204\n server s {", $server, "}\n",
            "backend ssl\n option ssl-hello-chk\n server s {", $server, "}\n",
            "backend smtp\n option smtpchk EHLO here\n server s {", $server, "}\n",
            "backend redis\n option redis-check\n server s {", $server, "}\n",
            "backend mysql\n option mysql-check user u\n server s {", $server, "}\n",
            "backend pgsql\n option pgsql-check user u\n server s {", $server, "}\n",
            "backend ldap\n option ldap-check\n server s {", $server, "}\n",
            "backend tcp\n option tcp-check\n tcp-check expect string HELLO\n server s {", $server, "}\n",
            "listen l\n bind {0}\n server s {dead}\n",
        )
    };
}

const KINDS: [&str; 9] = [
    "http", "expect", "ssl", "smtp", "redis", "mysql", "pgsql", "ldap", "tcp",
];

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "checks whose steps speak TLS",
        story: "ssl, sni and alpn of tcp-check and http-check connect; without them in the clear, whatever the server's rules are; \
                default takes those; a server that speaks no TLS",
        config: " option log-health-checks\n default-server verify none check inter 5s fall 1\n\
                 backend only\n option tcp-check\n tcp-check connect ssl\n server s {3}\n\
                 backend named\n option tcp-check\n tcp-check connect ssl sni check.example alpn mqtt,amqp comment hi\n tcp-check expect string a\n server s {1} check-sni other.example\n\
                 backend clear\n option tcp-check\n tcp-check connect\n tcp-check expect string b\n server s {b} ssl check-ssl\n\
                 backend usual\n option tcp-check\n tcp-check connect default\n tcp-check expect string a\n server s {1} check-ssl check-sni usual.example check-alpn stomp\n\
                 backend both\n option tcp-check\n tcp-check connect default ssl alpn amqp\n server s {3} check-sni usual.example check-alpn stomp\n\
                 backend twice\n option tcp-check\n tcp-check connect ssl\n tcp-check expect string a\n tcp-check connect port {b.port}\n server s {1}\n\
                 backend web\n option httpchk GET /\n http-check connect ssl sni web.example\n server s {2}\n\
                 backend none\n option tcp-check\n tcp-check connect ssl\n server s {bye}\n\
                 listen l\n bind {0}\n server s {a} no-check\n\
                 listen m\n bind {1} ssl crt {pem} alpn mqtt,stomp\n log-format \"tls %[ssl_fc_sni] %[ssl_fc_alpn]\"\n server s {a} no-check\n\
                 listen n\n no log\n bind {2} ssl crt {pem} alpn amqp\n server s {a} no-check\n\
                 listen o\n no log\n bind {3} ssl crt {pem} force-tlsv12\n",
        play: |s| {
            for (backend, status) in [
                ("only", "L6OK"),
                ("named", "L7OK"),
                ("clear", "L7OK"),
                ("usual", "L7OK"),
                ("both", "L6OK"),
                ("twice", "L4OK"),
                ("web", "L7RSP"),
                ("none", "L6RSP"),
            ] {
                s.until(backend, "s", "check_status", status);
            }
        },
        known: &[OnPurpose {
            theirs: "stat n/*",
            ours: "stat n/*",
            why: "a request of a check says `Connection: close`, also where a step made the connection",
        }],
        ..Scenario::EMPTY
    },
    Scenario {
        name: "a server that flaps",
        story: "three times down and up, with rise 2 and fall 3 and log-health-checks; the second server takes over",
        config: " option log-health-checks\nlisten l\n bind {0}\n balance roundrobin\n server a {a} check inter 40ms rise 2 fall 3\n server b {b}\n",
        play: |s| {
            s.until("l", "a", "check_status", "L4OK");
            for times in 1..=3 {
                s.kill("a");
                s.until("l", "a", "status", "DOWN");
                s.shares(0, 2);
                s.revive("a");
                s.until("l", "a", "status", "UP");
                s.logged("Server l/a is UP", times);
                s.shares(0, 2);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "every kind of check, to a server that speaks something else",
        story: "what is said about an answer that is none",
        config: every_kind!("a"),
        play: |s| down(s, &KINDS),
        ..Scenario::EMPTY
    },
    Scenario {
        name: "every kind of check, to a server that says what it hears",
        story: "what is said about one's own words",
        config: every_kind!("echo"),
        play: |s| {
            down(s, &["expect", "smtp", "redis", "pgsql", "tcp"]);
        },
        known: &[OnPurpose {
            theirs: "*mysql*",
            ours: "*mysql*",
            why: "an echo of the login is no MySQL server",
        }],
        ..Scenario::EMPTY
    },
    Scenario {
        name: "every kind of check, to a server that hangs up",
        story: "what is said about an end without a word",
        config: every_kind!("bye"),
        play: |s| down(s, &KINDS),
        ..Scenario::EMPTY
    },
    Scenario {
        name: "every kind of check, to a server that never answers",
        story: "what is said when timeout check is over",
        config: every_kind!("mute"),
        play: |s| down(s, &KINDS),
        ..Scenario::EMPTY
    },
    Scenario {
        name: "every kind of check, to nobody",
        story: "what is said about a refused connection",
        config: every_kind!("dead"),
        play: |s| down(s, &KINDS),
        ..Scenario::EMPTY
    },
    Scenario {
        name: "scripts of tcp-check",
        story: "connect, send, expect by string, bytes and pattern, comments, own status and messages",
        config: " option log-health-checks\n timeout check 300ms\n default-server check inter 60ms fall 1\n\
                 backend good\n option tcp-check\n tcp-check connect\n tcp-check send ping\\r\\n\n tcp-check expect string ping\n \
                 tcp-check send-binary 0102ff\n tcp-check expect binary 0102ff\n server s {echo}\n\
                 backend pattern\n option tcp-check\n tcp-check send abc123\n tcp-check expect rstring ^abc[0-9]+$ comment digits\n server s {echo}\n\
                 backend wrong\n option tcp-check\n tcp-check send abc\n tcp-check expect string abd comment letters\n server s {echo}\n\
                 backend not\n option tcp-check\n tcp-check send abc\n tcp-check expect ! string bc\n server s {echo}\n\
                 backend own\n option tcp-check\n tcp-check send abc\n \
                 tcp-check expect string xyz error-status L7STS on-error \"wanted xyz\"\n server s {echo}\n\
                 backend said\n option tcp-check\n tcp-check expect string a ok-status L7OKC on-success \"it is %[str(here)]\"\n server s {a}\n\
                 backend other\n option tcp-check\n tcp-check connect port {dead.port} comment nobody\n server s {a}\n\
                 backend two\n option tcp-check\n tcp-check connect port {a.port} comment first\n tcp-check expect string a\n \
                 tcp-check connect port {b.port}\n tcp-check expect string c\n server s {a}\nlisten l\n bind {0}\n server s {b}\n",
        play: |s| {
            down(s, &["wrong", "not", "own", "other", "two"]);
            for (proxy, status) in [("good", "L7OK"), ("pattern", "L7OK"), ("said", "L7OKC")] {
                s.until(proxy, "s", "check_status", status);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "texts that checks make",
        story: "send-lf, variables, string-lf, own messages and codes, to a server that says its name and then what it hears",
        config: "defaults\n timeout connect 2s\n timeout client 3s\n timeout server 3s\n log global\n timeout check 300ms\n option log-health-checks\n default-server check inter 60s fall 1\n\
                 backend one\n option tcp-check\n tcp-check connect linger\n tcp-check set-var(check.who) str(me)\n tcp-check send-lf \"hello %[var(check.who)]\"\n \
                 tcp-check expect on-success \"it is %[var(check.who)] of %[srv_name]\" string-lf \"lo %[var(check.who)]\"\n server s {a}\n\
                 backend two\n option tcp-check\n tcp-check send-binary-lf \"41%[str(42)]\"\n tcp-check expect binary-lf \"%[str(4142)]\"\n server s {a}\n\
                 backend three\n option tcp-check\n tcp-check send-lf \"x%[be_name]\"\n tcp-check expect comment words on-error \"not so: %[be_name]\" ! string-lf \"%[be_name]\"\n server s {a}\n\
                 backend four\n option tcp-check\n tcp-check expect comment later string-lf \"%[str(zz)]\"\n server s {bye}\n\
                 backend five\n option httpchk GET /\n http-check expect comment why ! status 500\n server s {bye}\n",
        play: |s| {
            for backend in ["one", "two", "three", "four", "five"] {
                s.logged(&format!("{backend}/s"), 1);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "errors of clients mark a server down",
        story: "retries, redispatch, observe layer4, error-limit and mark-down together",
        config: " retries 1\n option redispatch 1\n timeout connect 500ms\nlisten l\n bind {0}\n balance roundrobin\n \
                 server a {dead} check port {b.port} inter 60s observe layer4 error-limit 3 on-error mark-down\n server b {b}\n",
        play: |s| {
            s.until("l", "a", "check_status", "L4OK");
            s.shares(0, 8);
            s.until("l", "a", "status", "DOWN");
            (1..=3).for_each(|from| s.pick(0, from));
        },
        known: &[OnPurpose {
            theirs: "log Server l/a is DOWN, * 1 sessions active, *",
            ours: "log Server l/a is DOWN, * 0 sessions active, *",
            why: "a session that has just failed there is not there any more",
        }],
        ..Scenario::EMPTY
    },
    Scenario {
        name: "sessions leave the backup",
        story: "on-marked-up shutdown-backup-sessions ends who is on the backup when the first server comes back",
        config: "listen l\n bind {0}\n server a {a} check inter 40ms rise 1 fall 1 on-marked-up shutdown-backup-sessions\n server b {b} backup\n",
        play: |s| {
            s.until("l", "a", "check_status", "L4OK");
            s.kill("a");
            s.until("l", "a", "status", "DOWN");
            let mut stays = s.stay(0, 1);
            s.revive("a");
            s.note(stays.rest());
            s.settle();
            s.pick(0, 1);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "states set by hand while checks run",
        story: "health down, up, stopping; maintenance and back; checks disabled; all of them logged",
        config: "listen l\n bind {0}\n balance roundrobin\n server a {a} check inter 60s\n server b {b}\n",
        play: |s| {
            s.until("l", "a", "check_status", "L4OK");
            for order in [
                "set server l/a health down",
                "set server l/a health up",
                "set server l/a health stopping",
                "set server l/a health up",
                "disable health l/a",
                "enable health l/a",
                "set server l/a state drain",
                "set server l/a state maint",
                "set server l/a state ready",
                "set server l/b state maint",
                "set server l/a health down",
                "set server l/x state ready",
                "set server l/a state sleeping",
                "set server l/a health good",
                "disable health m/a",
            ] {
                s.order(order);
                s.pick(0, 1);
            }
        },
        ..Scenario::EMPTY
    },
];
