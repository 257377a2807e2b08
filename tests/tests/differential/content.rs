//! What clients and servers say decides: inspect-delay, SNI, MQTT, answers.

use tandem_tests::{Scenario, Stage, hello};

fn tls(s: &Stage, listener: u16, name: &str, protocols: &[&str]) {
    let mut visitor = s.enter(listener, 1);
    visitor.say(&hello(name, protocols));
    visitor.shut();
    let said = visitor.rest();
    let who = &said[..said.len().min(1)];
    s.note(format!(
        "{name} {protocols:?}: {who} {}",
        said.rsplit('|').next().unwrap_or("")
    ));
    drop(visitor);
    s.settle();
}

/// CONNECT of MQTT 3.1.1.
fn connect(client: &str, user: &str) -> Vec<u8> {
    let field = |text: &str| [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat();
    let body = [&b"\0\x04MQTT\x04\x82\0\x3c"[..], &field(client), &field(user)].concat();
    [&[0x10, body.len() as u8][..], &body].concat()
}

/// A logon of FIX by this sender, which says as many bytes more in its length as it has.
fn logon(sender: &str, more: usize) -> Vec<u8> {
    let body = format!("35=A\x0149={sender}\x0156=EXCHANGE\x0134=1\x01108=30\x01");
    let whole = format!("8=FIX.4.4\x019={}\x01{body}", body.len() + more);
    let sum = whole.bytes().fold(0u8, u8::wrapping_add);
    format!("{whole}10={sum:03}\x01").into_bytes()
}

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "what rules keep for the line",
        story: "capture of names, addresses, odd letters and nothing, cut to their lengths; shown by %hr, %hrl and each by its number; \
                asked for by a rule",
        config: " log-format \"%b/%s %ts %hr %hrl %hs <%[capture.req.hdr(0)]> <%[capture.req.hdr(1)]> <%[capture.req.hdr(7)]>\"\n\
                 frontend f\n bind {0}\n tcp-request inspect-delay 300ms\n \
                 tcp-request content capture req.ssl_sni len 9 if { req.ssl_sni -m found }\n \
                 tcp-request content capture req.payload(0,4) len 3 if { req.len gt 3 } !{ req.ssl_hello_type 1 }\n \
                 tcp-request content capture src len 50\n \
                 use_backend one if { capture.req.hdr(0) -m beg a.ex }\n use_backend one if { capture.req.hdr(1) -m str abc }\n \
                 default_backend b\n\
                 backend b\n server a {a}\nbackend one\n server b {b}\n\
                 listen l\n bind {1}\n option tcplog\n log-format \"%ci %hr %hrl\"\n server a {a}\n",
        play: |s| {
            tls(s, 0, "a.example", &[]);
            tls(s, 0, "b.long.example", &[]);
            for words in [&b"abcdef"[..], b"{\"|#\x01", b"ab c", b"\xff\x80~\x7f", b"x"] {
                s.talk(0, 2, words);
            }
            s.pick(1, 1);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "JSON of what was sent",
        story: "json with each way to take letters, of odd ones and of what is none",
        config: " log-format \"%ts a=%[var(txn.p),json] 8=%[var(txn.p),json(utf8)] s=%[var(txn.p),json(utf8s)] p=%[var(txn.p),json(utf8p)] ps=%[var(txn.p),json(utf8ps)]\"\n\
                 listen l\n bind {0}\n tcp-request inspect-delay 300ms\n \
                 tcp-request content set-var(txn.p) req.payload(0,0) if { req.len gt 0 }\n server e {echo}\n",
        play: |s| {
            for words in [
                &b"\"quoted\" and \\ and /"[..],
                b"\x01\x08\x0c\n\r\t\x1f\x7f ~",
                "\u{e4}\u{20ac}".as_bytes(),
                b"a\xc3b",
                b"a\x80b",
                b"a\xc0\xafb",
            ] {
                s.talk(0, 1, words);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "FIX",
        story: "by sender, by a tag's number; a wrong length, half a message, and what is none are refused",
        config: " log-format \"%b/%s %ts t=%[var(txn.t)]\"\n\
                 frontend f\n bind {0}\n tcp-request inspect-delay 300ms\n \
                 tcp-request content set-var(txn.t) req.payload(0,0),fix_tag_value(MsgType)\n \
                 tcp-request content reject unless { req.payload(0,0),fix_is_valid }\n \
                 use_backend one if { req.payload(0,0),fix_tag_value(SenderCompID) -m str ONE }\n \
                 use_backend two if { req.payload(0,0),fix_tag_value(49) -m beg TWO }\n default_backend b\n\
                 backend b\n server a {a}\nbackend one\n server b {b}\nbackend two\n server c {c}\n",
        play: |s| {
            for sender in ["ONE", "TWO-1", "THREE"] {
                s.talk(0, 1, &logon(sender, 0));
            }
            s.talk(0, 1, &logon("ONE", 1));
            s.talk(0, 1, &logon("", 0));
            s.talk(0, 1, &logon("ONE\x01x=1", 0));
            s.talk(0, 1, &logon("ONE\x01=1", 0));
            s.talk(0, 1, &logon("ONE\x01nothing", 0));
            s.talk(0, 1, &logon("ONE", 0)[..40]);
            s.talk(0, 1, &[logon("TWO", 0), logon("ONE", 0)].concat());
            s.talk(0, 1, b"8=FIX.5.0\x019=5\x0135=0\x0110=1\x01");
            s.talk(0, 1, b"hello");
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "requests of HTTP among others",
        story: "what begins as a request goes elsewhere, a half one is waited for, nonsense is nobody's",
        config: "frontend f\n bind {0}\n tcp-request inspect-delay 300ms\n tcp-request content accept if HTTP\n \
                 use_backend web if { req.proto_http }\n default_backend b\n\
                 backend b\n server a {a}\nbackend web\n server b {b}\n",
        play: |s| {
            s.talk(0, 1, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            s.talk(0, 1, b"PUT /a?b HTTP/1.0\r\nA: b\r\nC:\r\n\r\nbody");
            s.talk(0, 1, b"GET / HTTP/1.1\r\nHost: a\r\n");
            s.talk(0, 1, b"hello");
            s.talk(0, 1, b"\x16\x03\x01\x02\x00\x01");
            s.talk(0, 1, b"GET / HTTP/1.1\r\nno colon\r\n\r\n");
            s.pick(0, 1);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "SNI and ALPN routing with stickiness",
        story: "backends by name and protocol, a table of names, what is no TLS is refused, silence goes to the default",
        config: "frontend f\n bind {0}\n tcp-request inspect-delay 400ms\n tcp-request content track-sc0 req.ssl_sni table names if { req.ssl_sni -m found }\n \
                 tcp-request content accept if { req.ssl_hello_type 1 }\n tcp-request content reject if { req.len gt 0 }\n \
                 use_backend one if { req.ssl_sni -i a.example } { req.ssl_alpn mqtt }\n \
                 use_backend two if { req.ssl_sni -m dom example }\n default_backend three\n\
                 backend one\n server a {a}\nbackend two\n balance roundrobin\n stick-table type string len 32 size 1k expire 1h\n \
                 stick on req.ssl_sni\n server a {a}\n server b {b}\nbackend three\n server c {c}\n\
                 backend names\n stick-table type string len 16 size 1k expire 1h store conn_cnt,sess_cnt,gpc0\n",
        play: |s| {
            tls(s, 0, "a.example", &["mqtt"]);
            tls(s, 0, "A.EXAMPLE", &["h2", "mqtt"]);
            tls(s, 0, "b.example", &["h2"]);
            tls(s, 0, "c.example", &[]);
            tls(s, 0, "b.example", &[]);
            tls(s, 0, "a-name-that-is-longer-than-its-key.org", &["h2"]);
            s.talk(0, 1, b"GET / HTTP/1.0\r\n\r\n");
            s.pick(0, 1);
            s.talk(0, 1, &hello("a.example", &[])[..20]);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "silence until the end of inspect-delay",
        story: "a client that waits for the server's first word; one that says too little; one that ends",
        config: "frontend f\n bind {0}\n tcp-request inspect-delay 200ms\n tcp-request content accept if { req.len gt 3 }\n \
                 tcp-request content reject if { req.len 1:3 } WAIT_END\n default_backend b\nbackend b\n server a {a}\n",
        play: |s| {
            s.pick(0, 1);
            let mut little = s.enter(0, 2);
            little.say(b"ab");
            s.note(little.rest());
            drop(little);
            s.talk(0, 3, b"ab");
            s.talk(0, 4, b"abcd");
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "MQTT clients stay by their client identifier",
        story: "stickiness on a field of CONNECT, routing by user, what is no CONNECT is refused",
        config: "frontend f\n bind {0}\n tcp-request inspect-delay 500ms\n \
                 tcp-request content reject unless { req.payload(0,0),mqtt_is_valid }\n \
                 use_backend vip if { req.payload(0,0),mqtt_field_value(connect,username) -m beg vip }\n default_backend b\n\
                 backend b\n balance roundrobin\n stick-table type string len 20 size 1k expire 1h\n \
                 stick on req.payload(0,0),mqtt_field_value(connect,client_identifier)\n server a {a}\n server b {b}\n\
                 backend vip\n server c {c}\n",
        play: |s| {
            for (client, user) in [
                ("c1", "u"),
                ("c2", "u"),
                ("c1", "u"),
                ("c3", "vip-1"),
                ("c2", "w"),
                ("", "u"),
            ] {
                s.talk(0, 1, &connect(client, user));
            }
            s.talk(0, 1, b"\x10\x04\0\x02XX");
            s.talk(0, 1, b"CONNECT\n\n\0");
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "what servers say is looked at",
        story: "tcp-response rules refuse, close and accept by the first bytes of the answer",
        config: "listen l\n bind {0}\n tcp-response inspect-delay 300ms\n tcp-response content reject if { res.payload(0,3) -m str bad }\n \
                 tcp-response content accept if { res.len gt 2 }\n server e {echo}\n\
                 listen m\n bind {1}\n tcp-response inspect-delay 300ms\n tcp-response content close if { res.payload(0,3) -m str bye }\n server e {bye}\n",
        play: |s| {
            s.talk(0, 1, b"good");
            s.talk(0, 1, b"bad answer");
            s.hears_all(1, 1);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "answers that a rule closes",
        story: "what clients hear and how many bytes their lines count, of a server that would have stayed",
        config: "listen l\n bind {0}\n tcp-response inspect-delay 300ms\n tcp-response content close if { res.len gt 0 }\n server a {a}\n\
                 listen m\n bind {1}\n tcp-response inspect-delay 300ms\n tcp-response content close if { res.payload(0,3) -m str abc }\n server e {echo}\n",
        play: |s| {
            s.hears_all(0, 1);
            s.talk(0, 2, b"x");
            s.talk(1, 3, b"abcdef");
            let mut visitor = s.enter(1, 4);
            visitor.say(b"abcd");
            s.note(visitor.rest());
            drop(visitor);
            s.settle();
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "variables and where to",
        story: "set-var, set-src, set-dst and set-dst-port, and what the log line says of them",
        config: " log-format \"%ci %f %b/%s %ts v=%[var(txn.v)] w=%[var(sess.w)] d=%[dst]:%[dst_port] src=%[src]\"\n\
                 frontend f\n bind {0}\n tcp-request inspect-delay 300ms\n tcp-request connection set-src src,ipmask(24)\n \
                 tcp-request session set-var(sess.w) src,ipmask(8)\n \
                 tcp-request content set-var(txn.v) req.payload(1,2),upper if { req.len gt 1 }\n \
                 tcp-request content set-dst ipv4(127.0.0.1) if { var(txn.v) -m str XX }\n \
                 default_backend b\nbackend b\n server a {a}\n",
        play: |s| {
            s.talk(0, 7, b"hello");
            s.talk(0, 7, b"hxxlo");
            s.talk(0, 8, b"hi");
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "what has no value",
        story: "conditions, actions, routes and keys whose sample is not there, cannot be converted, or never comes",
        config: " log-format \"B=%B %b/%s %ts ci=%ci a=%[var(sess.a)] b=%[var(sess.b)] c=%[var(sess.c)] d=%[var(sess.d)] e=%[var(sess.e)] f=%[var(sess.f)] g=%[var(sess.g)] h=%[var(sess.h)] \
                 i=%[var(sess.i)] j=%[var(sess.j)] k=%[var(sess.k)] l=%[var(sess.l)] m=%[var(sess.m)] t=%[sc0_tracked],%[sc1_tracked],%[sc1_conn_cnt] n=%[var(sess.none)],%[var(sess.none),add(1)],%[src,table_conn_cnt(t)]\"\n\
                 frontend f\n bind {0}\n tcp-request inspect-delay 300ms\n tcp-request session track-sc0 src table t\n \
                 tcp-request content track-sc1 var(sess.none) table t\n tcp-request content set-src var(sess.none)\n \
                 tcp-request content set-var(sess.a) var(sess.none)\n tcp-request content set-var(sess.b) str(x),hex2i\n tcp-request content set-var(sess.c) str(abc),ipmask(24)\n \
                 tcp-request content set-var(sess.d) req.payload(100,5)\n tcp-request content set-var(sess.e) env(TANDEM_NOWHERE)\n \
                 tcp-request content set-var(sess.f) int(1) if { var(sess.none) -m str x }\n tcp-request content set-var(sess.g) int(1) if !{ var(sess.none) -m str x }\n \
                 tcp-request content set-var(sess.h) int(1) unless { str(abc),ipmask(24) 10.0.0.0 }\n tcp-request content set-var(sess.i) int(1) if { req.payload(100,5) -m found }\n \
                 tcp-request content set-var(sess.j) int(1) if { var(sess.none) -m found } or { var(sess.a) -m found }\n tcp-request content set-var(sess.k) int(1) if !{ req.payload(100,5) -m found }\n \
                 tcp-request content set-var(sess.l) str(w),set-var(sess.m),upper\n tcp-request content set-var(sess.m) str(v),set-var(sess.m,ifnotexists)\n \
                 tcp-request content reject if { req.ssl_sni -m found } or { req.payload(0,0),json_query('$.drop') -m bool }\n \
                 use_backend %[var(sess.none)] if TRUE\n use_backend two if { req.payload(0,0),json_query('$.to') -m str two }\n default_backend one\n\
                 backend one\n server a {a}\nbackend two\n use-server b if { var(sess.none) -m str x }\n server c {c}\n server b {b}\n\
                 backend t\n stick-table type ip size 10 store conn_cnt\n",
        play: |s| {
            s.talk(0, 7, b"hello");
            s.talk(0, 8, br#"{"to": "two"}"#);
            s.talk(0, 9, br#"{"to": "two", "drop": true}"#);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "a cookie of RDP",
        story: "the value and the number of such cookies, by name and without, whole and cut off",
        config: " log-format \"B=%B %b %ts a=%[var(sess.a)] b=%[var(sess.b)] c=%[var(sess.c)] d=%[var(sess.d)]\"\n\
                 frontend f\n bind {0}\n tcp-request inspect-delay 300ms\n tcp-request content set-var(sess.a) req.rdp_cookie(mstshash)\n \
                 tcp-request content set-var(sess.b) rdp_cookie\n tcp-request content set-var(sess.c) rdp_cookie_cnt(mstshash)\n \
                 tcp-request content set-var(sess.d) req.rdp_cookie_cnt\n tcp-request content accept if RDP_COOKIE\n use_backend two if { rdp_cookie(other) x }\n default_backend one\n\
                 backend one\n server a {a}\nbackend two\n server b {b}\n",
        play: |s| {
            s.talk(
                0,
                7,
                b"\x03\x00\x00\x20\x1b\xe0\x00\x00\x00\x00\x00Cookie: mstshash=bob\r\n",
            );
            s.talk(0, 8, b"\x03\x00\x00\x1a\x15\xe0\x00\x00\x00\x00\x00Cookie: other=x\r\n");
            s.talk(0, 9, b"\x03\x00\x00\x1a\x15\xe0\x00\x00\x00\x00\x00Cookie: oth");
            s.talk(0, 9, b"hello, this is no RDP at all");
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "ACLs of every kind",
        story: "files, flags, ranges, networks, several tests of one name, negation, or",
        config: "frontend f\n bind {0}\n tcp-request inspect-delay 300ms\n tcp-request content accept if { req.len gt 2 } or WAIT_END\n \
                 acl known src -f {path}.file\n acl word req.payload(0,0) -m sub -i ell\n acl word req.payload(0,0) -m end zz\n \
                 acl long req.len gt 5\n acl long req.len 4\n use_backend one if known word !long\n \
                 use_backend two if known word\n use_backend three if !known long or word !known\n default_backend four\n\
                 backend one\n server a {a}\nbackend two\n server b {b}\nbackend three\n server c {c}\nbackend four\n server d {d}\n",
        file: "127.0.0.1\n127.0.0.8/29\n# a comment\n\n",
        play: |s| {
            for from in [1, 2, 9] {
                for words in ["hel", "hello", "jELLybabies", "fizz", "nothing"] {
                    s.talk(0, from, words.as_bytes());
                }
            }
        },
        ..Scenario::EMPTY
    },
];
