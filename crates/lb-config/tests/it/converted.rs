//! `haproxy.cfg` to TOML: the same Plan, and a receipt for each line.

use std::fs;
use std::path::Path;

use tandem_lb_config::convert::convert;
use tandem_lb_config::{NamedText, World};
use tandem_text::{Converted, Verdict};

use crate::configs::{configs, folder};

fn converted(name: &str, text: &str) -> Converted {
    let file = |path: &str| {
        let path = if path.starts_with('/') {
            path.into()
        } else {
            folder().join(path)
        };
        fs::read(path).map_err(|why| why.to_string())
    };
    convert(&[NamedText::new(name, text)], World::new(&|_| None, &file))
}

/// What cannot be trusted about the result.
fn faults(name: &str, text: &str) -> Vec<String> {
    let found = converted(name, text);
    let mut faults = Vec::new();
    if !matches!(found.verdict, Verdict::Same | Verdict::Renumbered) {
        faults.push(format!("{name}: {:?}:\n{}", found.verdict, found.toml));
    }
    let says_something = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let lines = text.lines().filter(says_something).count();
    if found.receipts.len() != lines {
        faults.push(format!("{name}: {} receipts for {lines} lines", found.receipts.len()));
    }
    faults
}

#[test]
fn every_configuration_of_the_corpus_means_the_same() {
    let all = configs();
    let faults: Vec<String> = all
        .iter()
        .flat_map(|config| faults(&config.file, &config.good()))
        .collect();
    assert!(
        faults.is_empty(),
        "{} of {}:\n{}",
        faults.len(),
        all.len(),
        faults.join("\n")
    );
}

#[test]
fn the_shipped_examples_mean_the_same() {
    let etc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc");
    for name in ["haproxy-example.cfg", "pair/haproxy.cfg"] {
        let text = fs::read_to_string(etc.join(name)).expect("it is shipped");
        assert_eq!(faults(name, &text), [""; 0]);
    }
}

const OF_EACH_FATE: &str = r#"# Who we are.
global
    maxconn 100 # not more
    nbproc 1
    setenv PORT 61616
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
    option http-server-close
# The brokers' door.
frontend f
    bind "*:${PORT}"
    acl local src 10.0.0.0/8
    timeout client 1m
    tcp-request connection reject unless local
    timeout connect 3s
    # most of them
    default_backend b
.if defined(NO)
    maxconn 3
.endif
backend b
    option tcp-check
    tcp-check send-binary 00
    # the first
    server one 10.0.0.1:61616 check cookie c
    server-template t 2 x.test:1 resolvers dns
resolvers dns
    nameserver ns 10.0.0.2:53
"#;

#[test]
fn each_line_has_a_receipt() {
    let found = converted("t", OF_EACH_FATE);
    assert_eq!(found.verdict, Verdict::Same);
    let said: Vec<String> = found
        .receipts
        .iter()
        .map(|receipt| {
            format!(
                "{} {} {}",
                receipt.line,
                receipt.fate.word(),
                receipt.fate.detail().unwrap_or("-")
            )
        })
        .collect();
    let decided = "conditions are decided when a file is converted, and this is what was decided";
    assert_eq!(
        said,
        [
            "2 kept [global]",
            "3 kept [global] maxconn",
            "4 no-effect there is one process with threads; systemd supervises it",
            "5 kept the values of the lines that use it",
            "6 kept [defaults]",
            "7 implied -",
            "8 kept [defaults] timeout.connect",
            "9 kept [defaults] timeout.client",
            "10 kept [defaults] timeout.server",
            "11 no-effect it is about HTTP, and this relays TCP",
            "13 kept [[frontend]] \"f\"",
            "14 kept [[frontend]] \"f\" bind",
            "15 kept [[frontend]] \"f\" acl",
            "16 implied -",
            "17 kept [[frontend]] \"f\" tcp-request",
            "18 no-effect `timeout connect` has no effect in a frontend and is ignored; it belongs to: defaults, listen, backend",
            "20 kept [[frontend]] \"f\" default-backend",
            &format!("21 dropped {decided}"),
            &format!("22 dropped {decided}"),
            &format!("23 dropped {decided}"),
            "24 kept [[backend]] \"b\"",
            "25 kept [[backend]] \"b\" health-check",
            "26 kept [[backend]] \"b\" tcp-check",
            "28 kept [[backend]] \"b\" server.one",
            "29 kept [[backend]] \"b\" server.t1, server.t2",
            "30 kept [[resolvers]] \"dns\"",
            "31 kept [[resolvers]] \"dns\" nameservers",
        ]
    );
    let note = |line| {
        &found
            .receipts
            .iter()
            .find(|receipt| receipt.line == line)
            .expect("it says something")
            .notes
    };
    assert_eq!(
        *note(14),
        ["its variables have the values that they had when it was converted"]
    );
    assert_eq!(note(28).len(), 1, "the cookie is ignored");
    assert_eq!(
        found.toml,
        r#"# Who we are.
[global]
# not more
maxconn = 100

[defaults]
timeout = { client = "1m", connect = "5s", server = "1m" }
server-defaults = { init-state = "up" }

# The brokers' door.
[[frontend]]
name = "f"
bind = [{ address = "*:61616" }]
acl = ["local src 10.0.0.0/8"]
tcp-request = ["connection reject unless local"]
# most of them
default-backend = "b"

[[backend]]
name = "b"
health-check = "tcp-check"
tcp-check = ["send-binary 00"]
server = [
  # the first
  { name = "one", address = "10.0.0.1:61616", check = true },
  { name = "t", address = "x.test:1", count = 2, lookup = { by = "dns" } },
]

[[resolvers]]
name = "dns"
nameservers = ["ns 10.0.0.2:53"]
"#
    );
}

#[test]
fn what_cannot_be_kept_is_said_where_nobody_can_miss_it() {
    let found = converted(
        "t",
        "backend b\n cookie X insert\n server s 10.0.0.1:1\nmailers m\n mailer x 10.0.0.1:25\n",
    );
    assert_eq!(found.verdict, Verdict::Incomplete);
    let dropped: Vec<usize> = found
        .receipts
        .iter()
        .filter(|receipt| receipt.fate.word() == "dropped")
        .map(|receipt| receipt.line)
        .collect();
    assert_eq!(dropped, [2, 4, 5]);
    assert!(found.toml.starts_with("# NOT COMPLETE."), "{}", found.toml);
    assert!(found.toml.contains("name = \"s\""), "{}", found.toml);
}

/// Lists of patterns are counted as they are read, and TOML has all ACLs before the rules.
#[test]
fn other_numbers_of_lists_are_told_apart_from_another_meaning() {
    let text = "frontend f\n bind *:1\n tcp-request connection reject if { src 10.0.0.9 }\n acl a src 10.0.0.1\n use_backend b if a\n\
                backend b\n server s 10.0.0.1:1\n";
    assert_eq!(converted("t", text).verdict, Verdict::Renumbered);
    let other = text.replace("use_backend b if a", "use_backend b unless a");
    let plan = |text: &str| crate::read(text).plan.expect("good");
    assert_eq!(
        tandem_lb_config::convert::same(&plan(text), &plan(&other)),
        Verdict::Different
    );
}
