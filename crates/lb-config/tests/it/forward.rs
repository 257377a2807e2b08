//! What a forwarded frontend may say, and what it must leave to a proxy.

use std::time::Duration;

use tandem_lb_config::Forward;
use tandem_lb_core::forward::Key;

use crate::{errors, read};

const DEFAULTS: &str = "defaults\n mode tcp\n maxconn 100\n option tcplog\n timeout connect 1s\n timeout client 1s\n \
                        timeout server 1s\n";
const BACK: &str = "backend b\n balance source\n hash-type maglev\n server s 10.8.0.21:1883\n";

fn with(front: &str, back: &str) -> Vec<String> {
    let text =
        format!("{DEFAULTS}frontend f\n bind 10.9.0.100:5672\n tandem-forward\n default_backend b\n{front}{back}");
    errors(&read(&text))
}

fn forward(text: &str) -> Forward {
    let loaded = read(text);
    let plan = loaded
        .plan
        .as_ref()
        .unwrap_or_else(|| panic!("{text}: {:?}", errors(&loaded)));
    assert!(plan.frontends[0].binds.is_empty() && plan.listens());
    plan.frontends[0]
        .forward
        .clone()
        .unwrap_or_else(|| panic!("{text} is not forwarded"))
}

#[test]
fn both_dialects_say_it() {
    let usual = forward(&format!(
        "{DEFAULTS}frontend f\n bind 10.9.0.100:5672\n tandem-forward\n default_backend b\n{BACK}"
    ));
    assert_eq!(usual.at, ["10.9.0.100:5672".parse().expect("well written")]);
    let wanted = Forward {
        key: Key::SourcePort,
        seed: 7,
        pin_for: Duration::from_secs(300),
        pins: 1000,
        ..usual.clone()
    };
    let words = "tandem-forward hash source-port seed 7 pin 5m pins 1000";
    assert_eq!(
        forward(&format!(
            "{DEFAULTS}frontend f\n bind 10.9.0.100:5672\n {words}\n default_backend b\n{BACK}"
        )),
        wanted
    );
    let native = "[[frontend]]\nname = \"f\"\nmode = \"forward\"\ndefault-backend = \"b\"\n\
                  bind = [{ address = \"10.9.0.100:5672\" }]\n";
    let own = "forward = { hash = \"source-port\", seed = 7, pin = \"5m\", pins = 1000 }\n";
    let back = "[[backend]]\nname = \"b\"\nbalance = \"source\"\nhash = { type = \"maglev\" }\n\
                server = [{ name = \"s\", address = \"10.8.0.21:1883\" }]\n";
    assert_eq!(forward(&format!("{native}{back}")), usual);
    assert_eq!(forward(&format!("{native}{own}{back}")), wanted);
    let elsewhere = errors(&read(&format!("{}{own}{back}", native.replace("forward", "tcp"))));
    assert!(
        elsewhere.iter().any(|error| error.contains("is not forwarded")),
        "{elsewhere:?}"
    );
    let everywhere = errors(&read(&format!("[defaults]\nmode = \"forward\"\n{native}{back}")));
    assert!(
        everywhere.iter().any(|error| error.contains("cannot be forwarded")),
        "{everywhere:?}"
    );
}

#[test]
fn what_takes_a_proxy_is_refused() {
    assert_eq!(with("", BACK), [""; 0]);
    for (front, said) in [
        (" maxconn 5\n", "`maxconn`"),
        (" rate-limit sessions 5\n", "`rate-limit sessions`"),
        (" timeout client 5s\n", "`timeout client`"),
        (" option clitcpka\n", "`option clitcpka`"),
        (" option dontlognull\n", "`log-format and its options`"),
        (" filter bwlim-in up default-limit 1k default-period 1s\n", "`filter`"),
        (" tcp-request inspect-delay 5s\n", "`tcp-request`"),
        (" tcp-request connection reject if { src 10.0.0.1 }\n", "`tcp-request`"),
        (" use_backend b if { src 10.0.0.1 }\n", "`use_backend`"),
        (" bind *:5673\n", "needs the virtual address itself"),
        (" bind 10.9.0.100:5673 accept-proxy\n", "accept-proxy"),
        (" bind 10.9.0.101:5672\n", "would have 10.8.0.21:1883 answer for"),
        (" bind [fd00::1]:5672\n", "has no server for [fd00::1]:5672"),
    ] {
        let found = with(front, BACK);
        assert!(!front.contains("tcp-request") || found.len() == 1, "{front}: {found:?}");
        assert!(found.iter().any(|error| error.contains(said)), "{front}: {found:?}");
    }
    for (old, new, said) in [
        ("balance source", "balance leastconn", "hash of the client's address"),
        (
            "hash-type maglev",
            "hash-type consistent",
            "hash of the client's address",
        ),
        (":1883", ":1883 send-proxy", "`send-proxy`"),
        (":1883", ":1883 maxconn 5", "`maxconn`"),
        (":1883", ":1883 check observe layer4", "`observe layer4`"),
        (
            " server",
            " stick on src\n stick-table type ip size 1k\n server",
            "`stick`",
        ),
        (
            " server",
            " filter bwlim-in up default-limit 1k default-period 1s\n server",
            "`filter` of backend `b`",
        ),
        (
            " server",
            " timeout server 5s\n server",
            "`timeout server` of backend `b`",
        ),
        (
            " server",
            " tcp-response inspect-delay 5s\n server",
            "`tcp-response inspect-delay`",
        ),
        (" server", " retries 9\n server", "`retries` of backend `b`"),
        ("10.8.0.21:1883", "unix@/run/s", "by an IP address only"),
    ] {
        let found = with("", &BACK.replace(old, new));
        assert!(found.iter().any(|error| error.contains(said)), "{new}: {found:?}");
    }
}

#[test]
fn a_backend_may_say_more_for_those_who_come_by_way_of_a_proxy() {
    let back = format!("{BACK} timeout server 5s\n retries 9\n");
    assert_eq!(with("", &back).len(), 2);
    for proxied in [
        "frontend g\n bind 10.9.0.100:5673\n default_backend b\n",
        "frontend g\n bind 10.9.0.100:5673\n use_backend b if { src 10.0.0.1 }\n default_backend b\n",
    ] {
        assert_eq!(with("", &format!("{back}{proxied}")), [""; 0]);
    }
}

#[test]
fn a_listen_section_says_once_what_is_wrong() {
    let listen = " balance source\n server s 10.8.0.21:1883\n filter bwlim-in up default-limit 1k default-period 1s\n";
    let text = format!("{DEFAULTS}listen f\n bind 10.9.0.100:5672\n tandem-forward\n{listen}");
    let found = errors(&read(&text));
    assert!(found.len() == 1 && found[0].contains("`filter`"), "{found:?}");
}

#[test]
fn only_one_may_be_at_an_address() {
    let other = format!("{BACK}frontend g\n bind 10.9.0.100:5672\n default_backend b\n");
    let found = with("", &other);
    assert!(
        found.len() == 1 && found[0].contains("is not the only one"),
        "{found:?}"
    );
}

#[test]
fn a_client_is_told_its_bucket() {
    let text = format!("{DEFAULTS}frontend f\n bind 10.9.0.100:5672\n tandem-forward\n default_backend b\n{BACK}");
    let plan = read(&text).plan.expect("a good configuration");
    let find = |_: &str| {
        let backend = &plan.backends[0];
        Some((backend, tandem_lb_config::explain::Situation::configured(backend, &[])))
    };
    let told = tandem_lb_config::explain::explain(&plan.frontends[0], Some("b"), find, [192, 0, 2, 7].into());
    assert_eq!(told.server.as_deref(), Some("b/s"));
    assert!(
        told.to_string().contains("the kernel forwards from 10.9.0.100:5672"),
        "{told}"
    );
}
