//! What may be asked where: every fetch of the installed HAProxy in every place where an expression or a condition may
//! stand, beside ours. What it refuses there we refuse, and where it warns that a condition never holds we warn.

use std::collections::BTreeSet;
use std::io::Write;
use std::ops::RangeInclusive;
use std::process::{Command, Stdio};

use tandem_lb_config::Loaded;
use tandem_text::Severity;

use crate::read;

/// Where an expression stands: before and behind it, and whether the line belongs to the frontend.
const EXPRESSIONS: &[(&str, &str, bool)] = &[
    ("tcp-request connection set-var(txn.a) ", "", true),
    ("tcp-request session set-var(txn.a) ", "", true),
    ("tcp-request content set-var(txn.a) ", "", true),
    ("use_backend %[", "] if TRUE", true),
    ("tcp-request content set-var(txn.a) ", "", false),
    ("use-server %[", "] if TRUE", false),
    ("stick match ", ",concat()", false),
    ("stick store-request ", ",concat()", false),
    ("server NAME 127.0.0.1:1 ssl verify none sni ", ",concat()", false),
    ("tcp-response content set-var(txn.a) ", "", false),
    ("stick store-response ", ",concat()", false),
];

/// What counts as it is said last has a section of its own.
const ALONE: &[(&str, &str, bool)] = &[
    ("log-format %[", "]", true),
    ("unique-id-format %[", "]", true),
    ("balance hash ", ",concat()", false),
];

/// What is otherwise on purpose: where it stands, what is asked for, and who refuses it.
fn is_on_purpose(before: &str, fetch: &str, they: bool) -> bool {
    let name = fetch.split('(').next().unwrap_or_default();
    match before {
        // HAProxy reads these names as if they were a frontend's, although a backend has been chosen.
        "use-server %[" => they && (name.starts_with("be_") || name.starts_with("cur_")),
        // What a client sent first may be gone when the name of its connection is made.
        "unique-id-format %[" => !they && (name.contains("req") || name.contains("payload") || name.starts_with("rdp")),
        _ => false,
    }
}

const CONDITIONS: &[(&str, bool)] = &[
    ("tcp-request connection accept", true),
    ("tcp-request session accept", true),
    ("tcp-request content accept", true),
    ("use_backend b", true),
    ("tcp-request content accept", false),
    ("use-server s", false),
    ("stick match src", false),
    ("stick store-response src", false),
    ("force-persist", false),
    ("tcp-response content accept", false),
];

/// HAProxy reads no further after fifty mistakes.
const TOGETHER: usize = 40;

/// Every fetch of the installed HAProxy with arguments of the types that it says it takes; nothing where there is none.
fn fetches() -> Vec<String> {
    let command = Command::new("haproxy")
        .args(["-dKsmp", "-q", "-c", "-f", "/dev/null"])
        .output();
    let Ok(output) = command else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let entries = text
        .lines()
        .filter_map(|line| line.strip_prefix("[ ")?.split_once("] "));
    entries.map(|(_, entry)| call(entry)).collect()
}

/// `sc_get_gpc(integer,integer[,table])` with values.
fn call(entry: &str) -> String {
    let entry = entry.rsplit_once(": ").map_or(entry, |(call, _)| call);
    let Some((name, types)) = entry.split_once('(') else {
        return entry.to_owned();
    };
    let types = types.trim_end_matches(')');
    let types = types.split('[').next().unwrap_or_default();
    let values: Vec<&str> = types
        .split(',')
        .filter(|kind| !kind.is_empty())
        .map(|kind| value(name, kind))
        .collect();
    match values.is_empty() {
        true => name.to_owned(),
        false => format!("{name}({})", values.join(",")),
    }
}

fn value(fetch: &str, kind: &str) -> &'static str {
    match kind {
        "backend" => "b",
        "frontend" => "f",
        "server" => "b/s",
        "table" => "b",
        "user list" => "u",
        "IPv4 address" => "192.0.2.1",
        "IPv6 address" => "2001:db8::1",
        "integer" => "1",
        _ => match fetch {
            "var" => "txn.x",
            "bin" => "00",
            "bool" => "1",
            _ => "A",
        },
    }
}

const HEAD: &str = "userlist u\n user x insecure-password y\ndefaults\n timeout connect 1s\n timeout client 1s\n \
                    timeout server 1s\n";
const BACKEND: &str = "backend b\n server s 127.0.0.1:1\n stick-table type string size 1k store \
                       gpc(5),gpc_rate(5,1s),gpt(5),conn_cur,conn_cnt,conn_rate(1s),sess_cnt,sess_rate(1s),bytes_in_cnt,\
                       bytes_out_cnt,bytes_in_rate(1s),bytes_out_rate(1s),server_id\n";
const FRONTEND: &str = "frontend f\n bind 127.0.0.1:18110\n default_backend b\n";

/// A configuration with all of these lines, and the rows of each.
struct Whole {
    text: String,
    rows: Vec<RangeInclusive<usize>>,
}

impl Whole {
    fn new(lines: &[String], is_front: bool) -> Whole {
        let front = format!("{HEAD}{BACKEND}{FRONTEND}");
        let back = format!("{HEAD}{FRONTEND}{BACKEND}");
        let mut text = if is_front { front } else { back };
        let row = text.lines().count() + 1;
        let rows = (row..).take(lines.len()).map(|row| row..=row).collect();
        lines.iter().for_each(|line| text.push_str(&format!(" {line}\n")));
        Whole { text, rows }
    }

    /// Each line in a section of its own.
    fn of_sections(lines: &[String], is_front: bool) -> Whole {
        let mut text = format!("{HEAD}{BACKEND}{FRONTEND}");
        let row = text.lines().count() + 1;
        for (n, line) in lines.iter().enumerate() {
            let port = 18_120 + n;
            text.push_str(&match is_front {
                true => format!("frontend f{n}\n bind 127.0.0.1:{port}\n default_backend b\n {line}\n"),
                false => format!("backend b{n}\n server s 127.0.0.1:1\n server t 127.0.0.1:2\n {line}\n"),
            });
        }
        let rows = (row..).step_by(4).take(lines.len()).map(|row| row..=row + 3).collect();
        Whole { text, rows }
    }

    /// Of each line, whether HAProxy says something of it, and whether we do.
    fn said(&self, level: &str, severity: Severity, code: Option<&str>) -> Vec<(bool, bool)> {
        let (theirs, ours) = (theirs(&self.text, level), ours(&read(&self.text), severity, code));
        let of = |rows: &RangeInclusive<usize>| {
            (
                rows.clone().any(|row| theirs.contains(&row)),
                rows.clone().any(|row| ours.contains(&row)),
            )
        };
        self.rows.iter().map(of).collect()
    }
}

/// The rows that HAProxy says something of, as errors or as warnings.
fn theirs(text: &str, level: &str) -> BTreeSet<usize> {
    let mut child = Command::new("haproxy")
        .args(["-c", "-f", "/dev/stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it was there before");
    let mut input = child.stdin.take().expect("its input is a pipe");
    input.write_all(text.as_bytes()).expect("it reads all of a short text");
    drop(input);
    let output = child.wait_with_output().expect("it is our child");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let rows = said.lines().filter(|line| line.starts_with(level)).filter_map(|line| {
        let (_, rest) = line.split_once("[/dev/stdin:")?;
        rest.split_once(']')?.0.parse().ok()
    });
    rows.collect()
}

fn ours(loaded: &Loaded, level: Severity, code: Option<&str>) -> BTreeSet<usize> {
    let said = loaded.diagnostics.iter().filter(|said| said.severity == level);
    let said = said.filter(|said| code.is_none_or(|code| said.code.to_string() == code));
    said.map(|said| loaded.sources.location(said.span).line).collect()
}

/// Fetches that both know with these arguments, in a place where everything is known that ever is.
fn common() -> Vec<String> {
    let all = fetches();
    let odd = |fetch: &String| {
        let places = ["tcp-request content", "tcp-response content"];
        places.iter().all(|place| {
            let line = format!("{place} set-var(txn.a) {fetch}");
            !read(&Whole::new(&[line], false).text)
                .diagnostics
                .iter()
                .all(|said| said.severity != Severity::Error)
        })
    };
    all.into_iter().filter(|fetch| !odd(fetch)).collect()
}

#[test]
fn expressions_are_refused_where_haproxy_refuses_them() {
    let known = common();
    if known.is_empty() {
        return skip();
    }
    assert!(known.len() > 200, "only {} fetches are compared", known.len());
    let mut wrong = Vec::new();
    let together = EXPRESSIONS
        .iter()
        .map(|place| (place, Whole::new as fn(&[String], bool) -> Whole));
    let alone = ALONE
        .iter()
        .map(|place| (place, Whole::of_sections as fn(&[String], bool) -> Whole));
    for ((before, behind, is_front), whole) in together.chain(alone) {
        for some in known.chunks(TOGETHER) {
            let line = |(n, fetch): (usize, &String)| {
                let before = before.replace("NAME", &format!("n{n}"));
                format!("{before}{fetch}{behind}")
            };
            let lines: Vec<String> = some.iter().enumerate().map(line).collect();
            let said = whole(&lines, *is_front).said("[ALERT]", Severity::Error, None);
            for (fetch, (they, we)) in some.iter().zip(said) {
                if they != we && !is_on_purpose(before, fetch, they) {
                    let who = if they {
                        "HAProxy refuses it"
                    } else {
                        "only we refuse it"
                    };
                    wrong.push(format!("{before}{fetch}{behind}: {who}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn conditions_that_never_hold_are_warned_of_where_haproxy_warns() {
    let known = common();
    if known.is_empty() {
        return skip();
    }
    let mut wrong = Vec::new();
    for (before, is_front) in CONDITIONS {
        let line = |fetch: &String| format!("{before} if {{ {fetch} -m found }}");
        let lines: Vec<String> = known.iter().map(line).collect();
        let said = Whole::new(&lines, *is_front).said("[WARNING]", Severity::Warning, Some("LB0013"));
        for (line, (they, we)) in lines.iter().zip(said).filter(|(_, (they, we))| they != we) {
            let who = if they && !we { "HAProxy warns" } else { "only we warn" };
            wrong.push(format!("{line}: {who}"));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

fn skip() {
    let mut out = std::io::stderr().lock();
    writeln!(out, "SKIP comparison of places: no HAProxy lists its fetches").expect("standard error is open");
}
