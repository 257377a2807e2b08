//! Expressions as they are written, against what HAProxy makes of them, and mistakes in them.

use std::net::IpAddr;
use std::sync::Arc;

use tandem_lb_config::{NamedText, World, load_in};
use tandem_lb_core::acl::Answer;
use tandem_lb_core::expr::content::Content;
use tandem_lb_core::expr::{Context, Expr, Fact, Fetched, Sample, Scope, Variable};
use tandem_lb_core::rules::{Action, Made};

use crate::{complaints, errors, read, without_origins};

/// A connection of a client at 10.1.2.3 that has sent these bytes.
pub(crate) struct Client<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) is_final: bool,
}

impl Context for Client<'_> {
    fn content(&self) -> Option<Content<'_>> {
        Some(Content {
            bytes: self.bytes,
            is_final: self.is_final,
        })
    }

    fn fact(&self, fact: &Fact) -> Option<Sample<'_>> {
        match fact {
            Fact::Src => Some(Sample::Ip(IpAddr::from([10, 1, 2, 3]))),
            Fact::SrcPort => Some(Sample::Int(40_000)),
            _ => None,
        }
    }

    fn variable(&self, variable: &Variable) -> Option<Sample<'_>> {
        match (variable.scope, &*variable.name) {
            (Scope::Session, "abc") => Some(Sample::text("abc")),
            (Scope::Session, "x") => Some(Sample::text("mid")),
            (Scope::Session, "key") => Some(Sample::text("a2V5")),
            (Scope::Session, "n") => Some(Sample::Int(5)),
            _ => None,
        }
    }

    fn wall_micros(&self) -> i64 {
        1_795_262_622_795_000
    }

    fn local_offset(&self, _: i64) -> i32 {
        0
    }
}

const SILENT: Client<'_> = Client {
    bytes: b"",
    is_final: true,
};

fn file(path: &str) -> Result<Vec<u8>, String> {
    match path {
        "nets" => Ok(b"# comment\n10.0.0.0/8 wide\n\n10.1.0.0/16  narrow one \n".to_vec()),
        "names" => Ok(b"one 1\ntwo 2\n".to_vec()),
        "regm" => Ok(b"^a(.)c$ x\\1y\\0\n^d(e)?(f) [\\1][\\2][\\3]\\\\\n".to_vec()),
        "sources" => Ok(b"192.0.2.0/24\n10.1.2.3\n".to_vec()),
        _ => Err("no such file".to_owned()),
    }
}

fn expr(written: &str) -> Expr {
    let text = format!("frontend f\n bind *:1\n tcp-request content set-var(sess.r) {written}\n");
    let world = World::new(&|name| (name == "X").then(|| "xv".to_owned()), &file);
    let plan = load_in(&[NamedText::new("t", text)], world, None);
    let plan = plan.plan.unwrap_or_else(|| panic!("{written}: {:?}", plan.diagnostics));
    match &plan.frontends[0].requests.content.rules[0].action {
        Action::SetVar(_, _, Made::Value(expr)) => expr.clone(),
        other => panic!("{other:?}"),
    }
}

fn shown(value: Fetched<'_>) -> String {
    let text = value.value().map(|sample| sample.into_text().into_owned());
    text.filter(|text| !text.is_empty())
        .map_or_else(|| "-".to_owned(), |text| String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn constants_become_what_they_become_in_haproxy() {
    let mut otherwise = Vec::new();
    for row in include_str!("expressions.txt")
        .lines()
        .filter(|row| !row.starts_with('#'))
    {
        let (written, expected) = row.split_once(" => ").expect("a row has an arrow");
        let found = shown(expr(written).eval(&SILENT));
        if found != expected {
            otherwise.push(format!("{written}: {found}, and there {expected}"));
        }
    }
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n"));
}

#[test]
fn what_the_client_is_and_sends() {
    let client = Client {
        bytes: b"\x03abcdef",
        is_final: false,
    };
    for (written, expected) in [
        ("src,ipmask(16)", "10.1.0.0"),
        ("src_port,add(1)", "40001"),
        ("req.payload(1,3),upper", "ABC"),
        ("req.payload(1,0)", "abcdef"),
        ("req.payload_lv(0,1)", "abc"),
        ("req.payload_lv(0,1,+1)", "bcd"),
        ("req.payload_lv(0,1,4)", "def"),
        ("req.len", "7"),
        ("var(sess.x),length", "3"),
        ("var(sess.none)", "-"),
        ("env(X)", "xv"),
        ("env(NONE)", "-"),
        ("date,utime(%F)", "2026-11-21"),
        ("date(-86400),utime(%F)", "2026-11-20"),
        ("date_us", "795000"),
        ("date(0,ms)", "1795262622795"),
        ("date(5,us)", "1795262622795005"),
        ("date(0,ms),ms_utime(%H:%M:%S.%3N)", "12:03:42.795"),
        ("date(0,us),us_utime('%T %N')", "12:03:42 795000000"),
        ("date(0,ms),ms_ltime(%s.%6N)", "1795262622.795000"),
        ("str('a=1&b&ab=2'),param(ab)", "2"),
        ("str('a=1;b;ab=2'),param(a,;)", "1"),
        ("str('a=1&b&ab=2'),param(b),length", "0"),
        ("str('a=1&b&ab=2'),param(c)", "-"),
        ("str(e30.eyJhIjoxfQ.x),jwt_payload_query", "{\"a\":1}"),
        ("str(e30.eyJhIjoxfQ.x),jwt_header_query", "{}"),
        ("src,map_ip(nets)", "narrow one"),
        ("ipv4(10.9.9.9),map_ip(nets,none)", "wide"),
        ("ipv4(11.9.9.9),map_ip(nets,none)", "none"),
        ("str(two),map_str_int(names),add(1)", "3"),
        ("str(three),map(names)", "-"),
    ] {
        assert_eq!(shown(expr(written).eval(&client)), expected, "{written}");
    }
}

#[test]
fn not_yet_and_never_are_two_things() {
    let of = |written: &str, bytes: &[u8], is_final| {
        let client = Client { bytes, is_final };
        let expr = expr(written);
        match expr.eval(&client) {
            Fetched::Known(_) => "known",
            Fetched::Changing(_) => "changing",
            Fetched::Missing => "missing",
            Fetched::Unknown => "unknown",
        }
    };
    assert_eq!(of("req.payload(0,4)", b"abc", false), "unknown");
    assert_eq!(of("req.payload(0,4)", b"abc", true), "missing");
    assert_eq!(of("req.payload(0,4)", b"abcd", false), "known");
    assert_eq!(of("req.payload(0,0)", b"abcd", false), "changing");
    assert_eq!(of("req.payload(0,99999)", b"abcd", false), "missing");
    assert_eq!(of("req.len", b"", false), "changing");
    assert_eq!(of("req.ssl_sni", b"\x16\x03\x01", false), "unknown");
    assert_eq!(of("req.ssl_sni", b"GET /", false), "missing");
    assert_eq!(
        of("req.payload(0,0),mqtt_field_value(connect,username)", b"\x10", false),
        "unknown"
    );
    assert_eq!(of("wait_end", b"", false), "unknown");
    assert_eq!(of("wait_end", b"", true), "known");
}

#[test]
fn mistakes_in_expressions_are_shown_where_they_are() {
    for (written, complaint) in [
        ("srcc", "t:4:38: error[LB0001]: `srcc` is no fetch"),
        ("src,ipmsk(8)", "t:4:42: error[LB0001]: `ipmsk` is no converter"),
        (
            "src,ipmask(99)",
            "t:4:49: error[LB0007]: `99` is not a mask of IPv4 addresses",
        ),
        ("src,ipmask", "t:4:42: error[LB0005]: `ipmask` needs a mask"),
        ("src(1)", "t:4:42: error[LB0006]: `1` is too much for `src`"),
        ("str(a", "t:4:41: error[LB0007]: this parenthesis is not closed"),
        (
            "src,,lower",
            "t:4:42: error[LB0005]: the name of a converter is missing here",
        ),
        ("str(a)x", "t:4:44: error[LB0007]: a comma is wanted before this"),
        ("int(x)", "t:4:42: error[LB0007]: `x` is not a number"),
        ("nbsrv(nowhere)", "t:4:44: error[LB0011]: there is no backend `nowhere`"),
        (
            "srv_conn(b/nobody)",
            "t:4:47: error[LB0011]: there is no server `nobody`",
        ),
        ("var(x)", "t:4:42: error[LB0007]: `x` is no variable"),
        (
            "hdr(host)",
            "t:4:38: error[LB0002]: `hdr` is known to HAProxy, but not supported",
        ),
        (
            "str(a),map(none)",
            "t:4:49: error[LB0007]: cannot read `none`: no files are read here",
        ),
        (
            "bool(true),ipmask(8)",
            "t:4:49: error[LB0007]: `ipmask` takes a value of the type address, and is given one of the type boolean",
        ),
        (
            "str(a),regsub([,x)",
            "t:4:52: error[LB0007]: this regular expression cannot be used: unclosed character class",
        ),
    ] {
        let text = format!(
            "frontend f\n bind *:1\n default_backend b\n tcp-request content set-var(sess.r) {written}\nbackend b\n server s 1.1.1.1:1\n"
        );
        assert_eq!(errors(&read(&text)), [complaint], "{written}");
    }
}

/// What a condition answers for the client above, with these ACLs.
fn answer(acls: &str, condition: &str, bytes: &[u8], is_final: bool) -> Answer {
    let text = format!("frontend f\n bind *:1\n{acls} tcp-request content reject {condition}\n");
    let world = World::new(&|_| None, &file);
    let loaded = load_in(&[NamedText::new("t", text)], world, None);
    let plan = loaded
        .plan
        .unwrap_or_else(|| panic!("{condition}: {:?}", loaded.diagnostics));
    let requests = Arc::new(plan.frontends[0].requests.clone());
    let when = requests.content.rules[0].when.as_ref().expect("a condition");
    when.eval(&requests.acls, &Client { bytes, is_final })
}

#[test]
fn conditions() {
    use Answer::{No, Unknown, Yes};
    let acls =
        " acl local src 127.0.0.0/8\n acl ten src 10.0.0.0/8\n acl either src 127.0.0.1\n acl either src 10.1.2.3\n";
    for (condition, expected) in [
        ("if ten", Yes),
        ("if local", No),
        ("if !local", Yes),
        ("if ! local", Yes),
        ("if !!ten", Yes),
        ("unless ten", No),
        ("unless local", Yes),
        ("if either", Yes),
        ("if local ten", No),
        ("if local or ten", Yes),
        ("if local || ten !local", Yes),
        ("if ten !ten or local", No),
        ("if { src 10.1.2.3 }", Yes),
        ("if !{ src 10.1.2.3 }", No),
        ("if ten { src_port 40000 }", Yes),
        ("if { src_port 1:1024 39999: }", Yes),
        ("if { src_port gt 40000 }", No),
        ("if { src_port ge 40000 }", Yes),
        ("if { src_port lt 1 40001 }", Yes),
        ("if { src -f sources }", Yes),
        ("if { src -f sources 1.1.1.1 }", Yes),
        ("if { src 10.1.2.3/255.0.255.0 }", Yes),
        ("if { src ::ffff:10.1.2.3 }", Yes),
        ("if { src 10.1 }", No),
        ("if { str(AbC) abc }", No),
        ("if { str(AbC) -i abc }", Yes),
        ("if { str(AbC) -i -m beg ab }", Yes),
        ("if { str(AbC) -m end bC }", Yes),
        ("if { str(AbC) -m sub b }", Yes),
        ("if { str(AbC) -m len 3 }", Yes),
        ("if { str(AbC) -m reg ^A.C$ }", Yes),
        ("if { str(AbC) -i -m reg ^a }", Yes),
        ("if { str(AbC) -m bin 416243 }", Yes),
        ("if { str(-x) -- -x }", Yes),
        ("if { str(/a/bc/d) -m dir bc }", Yes),
        ("if { str(/a/bc/d) -m dir b }", No),
        ("if { str(www.example.com) -m dom example }", Yes),
        ("if { str(www.example.com) -m dom exam }", No),
        ("if { var(sess.none) -m found }", No),
        ("if { var(sess.x) -m found }", Yes),
        ("if { int(5) -m bool }", Yes),
        ("if TRUE", Yes),
        ("if FALSE", No),
        ("if LOCALHOST", No),
        ("if REQ_CONTENT", Unknown),
        ("if WAIT_END", Unknown),
        ("if { req.len 0 }", Yes),
        ("unless REQ_CONTENT", Unknown),
        ("if local REQ_CONTENT", No),
        ("if ten or REQ_CONTENT", Yes),
        ("if REQ_CONTENT or ten", Yes),
    ] {
        assert_eq!(answer(acls, condition, b"", false), expected, "{condition}");
    }
    assert_eq!(answer(acls, "if WAIT_END", b"", true), Yes);
    assert_eq!(answer(acls, "if REQ_CONTENT", b"x", false), Yes);
    assert_eq!(answer(acls, "if REQ_CONTENT", b"", true), No);
    assert_eq!(answer(acls, "if { req.payload(0,2) -m str ab }", b"abc", false), Yes);
}

/// Some names mean a fetch and how it is compared, in tests alone.
#[test]
fn names_that_only_tests_have() {
    for (condition, bytes, expected) in [
        ("if { payload(0,2) 6162 }", &b"abc"[..], Answer::Yes),
        ("if { payload(0,2) 6163 }", b"abc", Answer::No),
        ("if { payload(0,2) -m str ab }", b"abc", Answer::Yes),
        ("if { payload_lv(0,1) 6263 }", b"\x02bcd", Answer::Yes),
        ("if { payload(0,2),hex -m str 6162 }", b"abc", Answer::Yes),
    ] {
        assert_eq!(answer("", condition, bytes, true), expected, "{condition}");
    }
}

#[test]
fn mistakes_in_conditions_are_shown_where_they_are() {
    for (line, complaint) in [
        ("acl", "t:4:2: error[LB0005]: the name of the ACL is missing"),
        ("acl a", "t:4:6: error[LB0005]: a test is missing behind this"),
        (
            "acl or src 1.1.1.1",
            "t:4:6: error[LB0007]: `or` cannot be the name of an ACL: conditions use the word",
        ),
        (
            "acl a! src 1.1.1.1",
            "t:4:6: error[LB0007]: `!` cannot be part of a name",
        ),
        (
            "acl a src nowhere.example",
            "t:4:12: error[LB0008]: `nowhere.example` is not an address; names are not looked up here, write the address",
        ),
        (
            "acl a src 1.1.1.1/33",
            "t:4:12: error[LB0008]: `1.1.1.1/33` has no good mask",
        ),
        (
            "acl a src_port x",
            "t:4:17: error[LB0007]: `x` is neither a number nor a range of numbers",
        ),
        (
            "acl a src_port gt",
            "t:4:17: error[LB0005]: a number is missing behind this",
        ),
        (
            "acl a src_port 9:1",
            "t:4:17: error[LB0007]: `9:1` is no range: it ends before it begins",
        ),
        ("acl a src -q 1.1.1.1", "t:4:12: error[LB0001]: `-q` is no flag of ACLs"),
        ("acl a src -m", "t:4:12: error[LB0005]: a method is missing behind `-m`"),
        (
            "acl a src -m strr x",
            "t:4:15: error[LB0007]: `strr` is no way to match",
        ),
        (
            "acl a src -f none",
            "t:4:15: error[LB0007]: cannot read the patterns in `none`: no files are read here",
        ),
        (
            "acl a req.payload(0,1) x",
            "t:4:8: error[LB0005]: how to match `req.payload(0,1)` has to be said",
        ),
        (
            "acl a var(txn.x) x",
            "t:4:8: error[LB0005]: how to match `var(txn.x)` has to be said",
        ),
        (
            "use_backend b if",
            "t:4:16: error[LB0005]: a test is missing behind this",
        ),
        (
            "use_backend b if nobody",
            "t:4:19: error[LB0011]: there is no ACL `nobody` before this line",
        ),
        (
            "use_backend b if METH_GET",
            "t:4:19: error[LB0002]: `METH_GET` is about HTTP, and this relays TCP",
        ),
        (
            "use_backend b if { src 1.1.1.1",
            "t:4:19: error[LB0005]: this brace is not closed",
        ),
        (
            "use_backend b if TRUE or",
            "t:4:24: error[LB0005]: a test is missing behind this",
        ),
        (
            "use_backend nowhere if TRUE",
            "t:4:2: error[LB0011]: there is no backend `nowhere`",
        ),
        ("use_backend %[src", "t:4:15: error[LB0007]: this bracket is not closed"),
        (
            "use_backend %ci",
            "t:4:14: error[LB0002]: only `%[EXPRESSION]` can be part of this",
        ),
        (
            "tcp-request content rejct",
            "t:4:22: error[LB0001]: `rejct` is no action",
        ),
        (
            "tcp-request content set-var(x) src",
            "t:4:30: error[LB0007]: `x` is no variable",
        ),
        (
            "tcp-request content track-sc0 src",
            "t:4:2: error[LB0011]: frontend `f` has no stick-table",
        ),
        (
            "tcp-request contnt reject",
            "t:4:14: error[LB0001]: unknown keyword `tcp-request contnt` in `frontend`",
        ),
    ] {
        let text = format!("frontend f\n bind *:1\n default_backend b\n {line}\nbackend b\n server s 1.1.1.1:1\n");
        assert_eq!(errors(&read(&text)), [complaint], "{line}");
    }
    let early =
        read("frontend f\n bind *:1\n default_backend b\n tcp-request connection reject if REQ_CONTENT\nbackend b\n");
    let warning = "t:4:2: warning[LB0013]: this condition asks for what the client sends first, which is not there yet";
    assert!(
        complaints(&early).iter().any(|found| found == warning),
        "{:?}",
        complaints(&early)
    );
}

#[test]
fn rules_mean_the_same_in_the_native_form() {
    let native = r#"
[defaults]
timeout = { connect = "1s", client = "1s", server = "1s" }

[[frontend]]
name = "f"
bind = [{ address = "*:1" }]
default-backend = "b"
acl = ["local src 127.0.0.0/8", "local src ::1"]
tcp-request = ["inspect-delay 5s", "connection reject if local", "content set-var(txn.x) str('a b'),upper if { req.len gt 3 }"]
use-backend = ["%[req.ssl_sni,lower] if { req.ssl_sni -m found }", "b unless local"]

[[backend]]
name = "b"
balance = "hash"
hash = { key = "req.ssl_sni" }
tcp-request = ["content reject if { src 10.0.0.2 }"]
use-server = ["s if { src 10.0.0.1 }"]
server = [{ name = "s", address = "1.1.1.1:1" }]
"#;
    let haproxy = "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nfrontend f\n bind *:1\n default_backend b\n \
                   acl local src 127.0.0.0/8\n acl local src ::1\n tcp-request inspect-delay 5s\n tcp-request connection reject if local\n \
                   tcp-request content set-var(txn.x) str('a b'),upper if { req.len gt 3 }\n \
                   use_backend %[req.ssl_sni,lower] if { req.ssl_sni -m found }\n use_backend b unless local\n\
                   backend b\n balance hash req.ssl_sni\n tcp-request content reject if { src 10.0.0.2 }\n \
                   use-server s if { src 10.0.0.1 }\n server s 1.1.1.1:1\n";
    let plan = |text: &str| {
        let loaded = read(text);
        let said = complaints(&loaded);
        loaded.plan.map(without_origins).unwrap_or_else(|| panic!("{said:?}"))
    };
    assert_eq!(plan(native), plan(haproxy));

    let wrong = "[[frontend]]\nname = \"f\"\nbind = [{ address = \"*:1\" }]\nacl = [\"x srcc 1\"]\nuse-backend = [\"b if y\"]\n";
    assert_eq!(
        errors(&read(wrong)),
        [
            "t:4:8: error[LB0001]: `srcc` is no fetch",
            "t:5:16: error[LB0011]: there is no ACL `y` before this line",
        ]
    );
}
