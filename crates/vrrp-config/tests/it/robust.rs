//! No bytes make the reader panic, in either dialect; a Plan exists exactly when there is no error.

use std::sync::OnceLock;

use proptest::prelude::*;
use tandem_text::{Diagnostic, Renderer};
use tandem_vrrp_config::{Dialect, keyword_docs, load};

use crate::machine;

/// Every keyword there is, and values of every kind.
fn words() -> &'static [String] {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    WORDS.get_or_init(|| {
        let values = [
            "{",
            "}",
            "{",
            "}",
            "{",
            "}",
            "\n",
            "\n",
            "\n",
            "\n",
            "a",
            "b",
            "1",
            "0",
            "255",
            "256",
            "-1",
            "0.5",
            "on",
            "off",
            "MASTER",
            "BACKUP",
            "10.0.0.1/24",
            "fe80::1",
            "fd00::1/128",
            "10.0.0.1",
            "dev",
            "eth0",
            "label",
            "weight",
            "-253",
            "reverse",
            "PASS",
            "AH",
            "\"a b\"",
            "\"",
            "'",
            "via",
            "table",
            "from",
            "nexthop",
            "$A",
            "$A=1",
            "~SEQ(A,1,3)",
            "@lb1",
            "#",
            "!",
            "virtual_server",
            "use_ipvlan",
            "debug",
            "auth_type",
            "auth_pass",
            "ä",
            "hex:00",
            "min_ttl",
        ];
        let docs = keyword_docs();
        docs.iter()
            .map(|doc| doc.word)
            .chain(values)
            .map(str::to_owned)
            .collect()
    })
}

fn keepalived_text() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(words()), 0..60).prop_map(|words| words.join(" "))
}

/// Blocks that are closed, so that much is read inside them.
fn blocks() -> impl Strategy<Value = String> {
    const TOPS: &[&str] = &[
        "global_defs",
        "vrrp_instance A",
        "vrrp_instance B",
        "vrrp_sync_group G",
        "vrrp_script s",
        "track_file f",
        "vrrp_track_process p",
        "track_lb l",
        "bfd_instance b",
        "garp_group",
        "static_routes",
        "static_rules",
        "static_ipaddress",
        "interface_up_down_delays",
        "track_group t",
    ];
    let line = proptest::collection::vec(proptest::sample::select(words()), 1..6).prop_map(|words| words.join(" "));
    let block = (proptest::sample::select(TOPS), proptest::collection::vec(line, 0..12))
        .prop_map(|(top, lines)| format!("{top} {{\n{}\n}}\n", lines.join("\n")));
    proptest::collection::vec(block, 0..6).prop_map(|blocks| blocks.concat())
}

fn toml_text() -> impl Strategy<Value = String> {
    const LINES: &[&str] = &[
        "[global]",
        "[[instance]]",
        "[[script]]",
        "[[sync-group]]",
        "[instance]",
        "name = \"a\"",
        "name = 3",
        "nmae = 3",
        "virtual-router-id = 4",
        "virtual-router-id = \"x\"",
        "interface = \"eth0\"",
        "virtual-ipaddress = [\"10.0.0.1\"]",
        "virtual-ipaddress = [[1]]",
        "track-script = [\"a weight 2\"]",
        "script = \"x y\"",
        "nopreempt = true",
        "authentication = {auth-type = \"PASS\"}",
        "authentication = 3",
        "x = [[1], {a = 2}]",
        "\"",
        "# c",
        "= 3",
        "notify = [\"a\", \"b\"]",
        "d = 1979-05-27",
        "group = [\"a\"]",
        "priority = 0x10",
        "interval = 1_0.5",
        "weight = \"2 rev\\u0065rse\"",
    ];
    proptest::collection::vec(proptest::sample::select(LINES), 0..20).prop_map(|lines| lines.join("\n"))
}

fn holds(text: Vec<u8>, dialect: Option<Dialect>) {
    let loaded = load("t", text, &machine(), dialect);
    let broken = loaded.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(loaded.plan.is_none(), broken);
    for diagnostic in &loaded.diagnostics {
        let source = loaded.sources.bytes(diagnostic.span.file);
        assert!(
            diagnostic.span.start <= diagnostic.span.end && diagnostic.span.end <= source.len(),
            "{diagnostic:?}"
        );
        assert!(!Renderer::new(&loaded.sources).render(diagnostic).is_empty());
    }
    if let Some(plan) = &loaded.plan {
        let instances = &plan.router.instances;
        assert_eq!(plan.instances.len(), instances.len());
        assert_eq!(plan.groups.len(), plan.router.groups.len());
        for instance in instances {
            assert!(instance.vips.len() <= 255);
            assert!(instance.vips.iter().all(|vip| vip.family() == instance.family));
            let known = |id| plan.router.trackers.iter().any(|tracker| tracker.id == id);
            assert!(instance.track.iter().all(|tracked| known(tracked.tracker)));
        }
        assert_eq!(
            tandem_vrrp_config::compare(plan, plan),
            tandem_vrrp_config::compare(plan, plan)
        );
    }
}

/// Who reads it again may be serving: it must not run out of memory.
#[test]
fn what_is_no_configuration_is_not_read_to_its_end() {
    let whole = crate::with_instance("");
    for (what, text, lines_left) in [
        ("unknown words", "what is this\n".repeat(5000), false),
        (
            "in a block",
            format!("global_defs {{\n{}}}\n", "what is this\n".repeat(5000)),
            false,
        ),
        (
            "lines of a block",
            format!("static_ipaddress {{\n{}}}\n", "what is this\n".repeat(5000)),
            false,
        ),
        ("braces", "}\n".repeat(5000), true),
        (
            "more than there is room for",
            "a b c d e f g h i j k l\n".repeat(100_000),
            true,
        ),
        ("TOML", format!("[global]\n{}", "a = \n".repeat(5000)), false),
        ("much TOML", format!("[global]\n{}", "#\n".repeat(3 << 20)), false),
    ] {
        let loaded = crate::read(&format!("{text}{whole}"));
        assert!(loaded.plan.is_none(), "{what}");
        let said: Vec<&str> = loaded.diagnostics.iter().map(|said| said.message.as_str()).collect();
        assert!(said.len() <= 1100, "{what}: {}", said.len());
        let counted = said
            .iter()
            .any(|said| said.ends_with(" lines from here on were not looked at"));
        assert_eq!(counted, lines_left, "{what}: {:?}", said.last());
    }
    let many = "debug 1\n".repeat(5000);
    let loaded = crate::read(&crate::with_instance(&many));
    assert!(loaded.plan.is_some(), "remarks are no mistakes");
}

proptest! {
    #[test]
    fn bytes(text in proptest::collection::vec(any::<u8>(), 0..300)) {
        holds(text.clone(), Some(Dialect::Keepalived));
        holds(text.clone(), Some(Dialect::Toml));
        holds(text, None);
    }

    #[test]
    fn words_of_keepalived(text in keepalived_text()) {
        holds(text.into_bytes(), Some(Dialect::Keepalived));
    }

    #[test]
    fn blocks_of_keepalived(text in blocks()) {
        holds(text.into_bytes(), Some(Dialect::Keepalived));
    }

    #[test]
    fn lines_of_toml(text in toml_text()) {
        holds(text.into_bytes(), Some(Dialect::Toml));
    }
}
