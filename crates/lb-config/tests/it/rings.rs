//! Sections `ring`.

use tandem_lb_config::{Framing, LogAddress, LogFormat, NamedText, Plan, load};

const TEXT: &str = "global
 log ring@kept local0
ring kept
 description \"Lines of today\"
 format rfc5424
 maxlen 30000
 size 20000
 timeout connect 5s
 timeout server 10s
 server a 127.0.0.1:601
 server b logs.example:602 log-proto octet-count ssl verify none sni str(logs.example)
listen l
 bind 127.0.0.1:1
 log ring@kept local1
 timeout client 1s
";

const NATIVE: &str = r#"
[global]
log = [{ to = "ring@kept", facility = "local0" }]

[[ring]]
name = "kept"
description = "\"Lines of today\""
format = "rfc5424"
maxlen = "30000"
size = "20000"
timeout = ["connect 5s", "server 10s"]
server = ["a 127.0.0.1:601", "b logs.example:602 log-proto octet-count ssl verify none sni str(logs.example)"]
"#;

fn plan(text: &str) -> Plan {
    let loaded = load(&[NamedText::new("t", text)], &|_| None, None);
    loaded.plan.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

#[test]
fn both_dialects_mean_the_same() {
    let (one, other) = (plan(TEXT), plan(NATIVE));
    assert_eq!(one.rings, other.rings);
    assert_eq!(one.global.logs, other.global.logs);
    let ring = &one.rings[0];
    assert_eq!(
        (ring.format, ring.longest, ring.size),
        (LogFormat::Rfc5424, 20_000, 20_000)
    );
    assert_eq!(ring.description.as_deref(), Some("Lines of today"));
    assert_eq!(ring.servers[1].framing, Framing::Counted);
    assert!(ring.servers[0].tls.is_none());
    assert!(ring.servers[1].tls.as_ref().is_some_and(|tls| tls.trust.is_none()));
    assert!(matches!(&one.global.logs[0].to, LogAddress::Ring(ring) if *ring.name == *"kept"));
}

#[test]
fn mistakes() {
    for (lines, error) in [
        ("ring buf0\n", "another sink is `buf0` already"),
        ("ring a\nring a\n", "another sink is `a` already"),
        ("ring a\n size 2000\n", "2000"),
        ("ring a\n format nope\n", "`nope`"),
        ("ring a\n server s 127.0.0.1\n", "port"),
        ("ring a\n server s *:1\n", "`*:1` stands for any address"),
        (
            "[[ring]]\nname = \"a\"\nserver = [\"s 0.0.0.0:1\"]\n",
            "`0.0.0.0:1` stands for any address",
        ),
        (
            "ring a\n server s 127.0.0.1:1 ssl\n",
            "what the server says is to be verified, but no authority is named",
        ),
        (
            "ring a\n server s 127.0.0.1:1 ssl verify none check-ssl\n",
            "`check-ssl` has no effect on a ring's way",
        ),
        ("ring a\n server s 127.0.0.1:1 weight 3\n", "`weight`"),
        (
            "ring a\n server s 127.0.0.1:1\n server s 127.0.0.1:2\n",
            "another server of this ring is `s` already",
        ),
        ("ring a\n bind :1\n", "`bind`"),
        ("ring kept\nglobal\n log ring@kapt local0\n", "there is no ring `kapt`"),
        (
            "[global]\nlog = [{ to = \"ring@gone\", facility = \"local0\" }]\n",
            "there is no ring `gone`",
        ),
    ] {
        let loaded = load(&[NamedText::new("t", lines)], &|_| None, None);
        assert!(loaded.plan.is_none(), "{lines}");
        let said: Vec<&str> = loaded.diagnostics.iter().map(|d| d.message.as_str()).collect();
        assert!(said.iter().any(|said| said.contains(error)), "{lines}: {said:?}");
    }
}
