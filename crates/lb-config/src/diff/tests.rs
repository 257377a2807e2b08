//! Each kind of change by its words, and that nothing is left out.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::load::{NamedText, load};

fn plan(text: &str) -> Plan {
    let loaded = load(&[NamedText::new("f", text)], &|_| None, None);
    loaded
        .plan
        .unwrap_or_else(|| panic!("{:?} in\n{text}", loaded.diagnostics))
}

const BASE: &str = "\
global
    nbthread 2
    stats socket /run/a.sock level admin
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend fe
    bind 127.0.0.1:80
    bind 127.0.0.1:81
    default_backend be
backend be
    balance source
    stick-table type ip size 100k expire 30m
    stick on src
    server a 127.0.0.1:9001 check
    server b 127.0.0.1:9002
frontend page
    mode http
    bind 127.0.0.1:8404
    stats enable
    stats uri /stats
";

/// One edit of the base, and the lines that it makes.
#[test]
fn every_kind_in_its_words() {
    let table: &[(&str, &str, &[&str])] = &[
        ("server a", "server a", &[]),
        ("# nothing", "# nothing", &[]),
        (
            "nbthread 2",
            "nbthread 4",
            &["global: nbthread 2 becomes 4, but not before a restart"],
        ),
        (
            "    nbthread 2\n",
            "    nbthread 2\n    maxconn 100\n",
            &["global: maxconn none becomes 100"],
        ),
        (
            "stats socket /run/a.sock level admin",
            "stats socket /run/b.sock level admin",
            &[
                "f:3: stats socket /run/b.sock is new",
                "stats socket /run/a.sock is gone",
            ],
        ),
        (
            "level admin",
            "level user",
            &["f:3: stats socket /run/a.sock: level admin becomes user, for new connections"],
        ),
        (
            "stats socket /run/a.sock level admin",
            "stats socket /run/a.sock level admin severity-output string",
            &["f:3: stats socket /run/a.sock: severity-output none becomes string, for new connections"],
        ),
        (
            "timeout client 30s",
            "timeout client 1500ms",
            &[
                "frontend fe: timeout client 30s becomes 1500ms, for new connections",
                "frontend page: timeout client 30s becomes 1500ms, for new connections",
            ],
        ),
        (
            "    bind 127.0.0.1:81\n",
            "    bind 127.0.0.1:82 maxconn 5\n",
            &[
                "f:11: frontend fe: bind 127.0.0.1:82 is new",
                "frontend fe: bind 127.0.0.1:81 is gone",
            ],
        ),
        (
            "bind 127.0.0.1:81",
            "bind 127.0.0.1:81 maxconn 5",
            &["f:11: frontend fe: bind 127.0.0.1:81: maxconn none becomes 5"],
        ),
        (
            "bind 127.0.0.1:81",
            "bind 127.0.0.1:81 transparent",
            &["f:11: frontend fe: bind 127.0.0.1:81: transparent no becomes yes, but not before a restart"],
        ),
        (
            "balance source",
            "balance leastconn",
            &["backend be: balance source becomes leastconn"],
        ),
        (
            "size 100k",
            "size 200k",
            &["stick-table be: size 102400 becomes 204800"],
        ),
        ("expire 30m", "expire 1h", &["stick-table be: expire 30m becomes 1h"]),
        (
            "    stick on src\n",
            "    stick match src\n",
            &["backend be: stick on becomes match, for new connections"],
        ),
        (
            "    stick-table type ip size 100k expire 30m\n    stick on src\n",
            "",
            &[
                "backend be: stick on becomes none, for new connections",
                "stick-table be is gone",
            ],
        ),
        (
            "    server b 127.0.0.1:9002\n",
            "    server b 127.0.0.1:9002\n    server c 127.0.0.1:9003\n",
            &["f:19: server be/c is new"],
        ),
        ("    server b 127.0.0.1:9002\n", "", &["server be/b is gone"]),
        (
            "b 127.0.0.1:9002",
            "b 127.0.0.1:9003",
            &["f:18: server be/b: address 127.0.0.1:9002 becomes 127.0.0.1:9003, for new connections"],
        ),
        (
            "b 127.0.0.1:9002",
            "b 127.0.0.1:9002 weight 5",
            &["f:18: server be/b: weight 1 becomes 5"],
        ),
        (
            "9001 check",
            "9001 check inter 5s",
            &[
                "f:17: server be/a: inter 2s becomes 5s",
                "f:17: server be/a: time for a check 2s becomes 5s",
            ],
        ),
        ("9001 check", "9001", &["f:17: server be/a: check yes becomes no"]),
        (
            "    server a 127.0.0.1:9001 check\n    server b 127.0.0.1:9002\n",
            "    server b 127.0.0.1:9002 id 2\n    server a 127.0.0.1:9001 check id 1\n",
            &["backend be: order of servers a, b becomes b, a"],
        ),
        (
            "stats uri /stats",
            "stats uri /st",
            &["frontend page: stats uri /stats becomes /st"],
        ),
        (
            "stats uri /stats",
            "stats uri /stats\n    stats auth u:secret",
            &["frontend page: stats auth none becomes u"],
        ),
    ];
    for (from, to, lines) in table {
        let text = BASE.replacen(from, to, 1);
        let difference = Difference::between(&plan(BASE), &plan(&text));
        let told = difference.to_string();
        assert_eq!(told.lines().collect::<Vec<_>>(), *lines, "{from:?} to {to:?}");
    }
}

#[test]
fn values_of_a_header_are_shown_as_they_are_written() {
    let with = |value: &str| {
        let options = format!("9002 send-proxy-v2 set-proxy-v2-tlv-fmt(0xE0) {value}");
        plan(&BASE.replacen("9002", &options, 1))
    };
    let lines = Difference::between(&with("%[src]"), &with("%[src_port]")).to_string();
    assert!(
        lines.contains("set-proxy-v2-tlv-fmt 224 %[src] becomes 224 %[src_port]"),
        "{lines}"
    );
}

#[test]
fn sections_come_and_go() {
    let more = format!("{BASE}listen extra\n    bind 127.0.0.1:90\n    server x 127.0.0.1:9009\n");
    let (less, more) = (plan(BASE), plan(&more));
    let lines = |a, b| Difference::between(a, b).to_string();
    let come = "frontend extra is new\nf:25: frontend extra: bind 127.0.0.1:90 is new\nbackend extra is new\n\
                f:26: server extra/x is new\n";
    assert_eq!(lines(&less, &more), come);
    let go = "frontend extra is gone\nfrontend extra: bind 127.0.0.1:90 is gone\nbackend extra is gone\n\
              server extra/x is gone\n";
    assert_eq!(lines(&more, &less), go);
}

#[test]
fn passwords_are_not_told() {
    let with =
        |auth: &str| plan(&BASE.replace("stats uri /stats", &format!("stats uri /stats\n    stats auth {auth}")));
    let difference = Difference::between(&with("u:one"), &with("u:two"));
    assert_eq!(difference.to_string(), "frontend page: stats auth becomes another\n");
}

#[test]
fn a_frontend_that_becomes_a_page_is_another() {
    let page = BASE
        .replace("mode http\n", "mode tcp\n")
        .replace("    stats enable\n    stats uri /stats\n", "    default_backend be\n");
    let difference = Difference::between(&plan(BASE), &plan(&page));
    let told = difference.to_string();
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "frontend page is new",
            "f:21: frontend page: bind 127.0.0.1:8404 is new"
        ]
    );
    assert!(lines.contains(&"frontend page is gone"), "{lines:?}");
}

/// Parts of a configuration, each there or not and in one of a few forms.
fn texts() -> impl Strategy<Value = String> {
    let server = (0..4u8, 0..3u8, 0..3u8, any::<bool>()).prop_map(|(name, port, weight, check)| {
        let check = if check { "check" } else { "" };
        (
            name,
            format!(
                "    server s{name} 127.0.0.1:{} weight {weight} {check}\n",
                9000 + u16::from(port)
            ),
        )
    });
    let servers = prop::collection::vec(server, 0..4);
    let binds = prop::collection::vec((0..3u16, prop::option::of(1..3u32)), 0..3);
    let proxies = prop::collection::vec(
        (0..3u8, any::<bool>(), 0..3u8, prop::option::of(1..3u32), servers, binds),
        0..3,
    );
    (1..3u8, 0..3u8, proxies).prop_map(|(threads, sockets, proxies)| {
        let mut text = format!("global\n    nbthread {threads}\n");
        (0..sockets).for_each(|n| text.push_str(&format!("    stats socket /run/s{n}.sock\n")));
        text.push_str("defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 5s\n    timeout server 5s\n");
        let mut names = Vec::new();
        for (name, is_page, timeout, table, servers, binds) in proxies {
            if names.contains(&name) {
                continue;
            }
            names.push(name);
            text.push_str(&format!("listen p{name}\n    timeout queue {}s\n", timeout + 1));
            for (at, (port, maxconn)) in binds.into_iter().enumerate() {
                let maxconn = maxconn.map_or(String::new(), |n| format!("maxconn {n}"));
                text.push_str(&format!("    bind 127.0.{at}.{name}:{} {maxconn}\n", 80 + port));
            }
            if is_page {
                text.push_str("    mode http\n    stats enable\n");
                continue;
            }
            if let Some(size) = table {
                text.push_str(&format!("    stick-table type ip size {size}\n    stick on src\n"));
            }
            let mut known = Vec::new();
            for (name, line) in servers {
                if !known.contains(&name) {
                    known.push(name);
                    text.push_str(&line);
                }
            }
        }
        text
    })
}

fn without_origins(mut plan: Plan) -> Plan {
    let nowhere: Arc<str> = "".into();
    let binds = plan.frontends.iter_mut().flat_map(|frontend| &mut frontend.binds);
    binds.for_each(|bind| bind.origin = nowhere.clone());
    let servers = plan.backends.iter_mut().flat_map(|backend| &mut backend.servers);
    servers.for_each(|server| server.origin = nowhere.clone());
    let sockets = plan.global.stats_sockets.iter_mut();
    sockets.for_each(|socket| socket.origin = nowhere.clone());
    plan
}

proptest! {
    /// There is no difference exactly when both say the same, wherever it is written.
    #[test]
    fn nothing_is_left_out(a in texts(), b in texts()) {
        let (a, b) = (plan(&a), plan(&b));
        prop_assert!(Difference::between(&a, &a).is_empty());
        let is_same = without_origins(a.clone()) == without_origins(b.clone());
        prop_assert_eq!(Difference::between(&a, &b).is_empty(), is_same);
    }

    /// Whoever follows the difference has the new Plan, but for what waits for a restart.
    #[test]
    fn following_it_leads_there(a in texts(), b in texts()) {
        let (a, b) = (plan(&a), plan(&b));
        let reached = in_force(b.clone(), &a);
        let left = Difference::between(&reached, &b);
        let wanted = Difference::between(&a, &b);
        prop_assert_eq!(left.changes.len(), left.at_restart().count());
        prop_assert_eq!(left.changes.len(), wanted.at_restart().count());
        prop_assert_eq!(Difference::between(&a, &reached).at_restart().count(), 0);
    }
}

#[test]
fn lines_of_one_address_are_told_apart_by_their_interface() {
    let with = |lines: &str| plan(&BASE.replace("    bind 127.0.0.1:81\n", lines));
    let two = with("    bind :80 interface lo\n    bind :80 interface eth1\n");
    assert!(Difference::between(&two, &two).is_empty());
    assert_eq!(in_force(two.clone(), &two), two);
    let turned = with("    bind :80 interface eth1 maxconn 5\n    bind :80 interface lo\n");
    let said = Difference::between(&two, &turned).to_string();
    assert!(said.contains("maxconn") && !said.contains("interface"), "{said}");
    assert_eq!(in_force(turned.clone(), &two), turned);
    // A line by itself keeps its interface until a restart, and says so.
    let (one, other) = (
        with("    bind :80 interface lo\n"),
        with("    bind :80 interface eth1\n"),
    );
    let said = Difference::between(&one, &other).to_string();
    assert!(
        said.contains("interface lo becomes eth1, but not before a restart"),
        "{said}"
    );
    assert_eq!(in_force(other, &one).frontends[0].binds, one.frontends[0].binds);
}
