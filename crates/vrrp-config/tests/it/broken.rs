//! All mistakes in one run, each at its place; what is right is used all the same.

use tandem_text::Renderer;
use tandem_vrrp_config::{Machine, Verdict, load};

use crate::examples::KEEPALIVED;
use crate::{complaints, machine, read};

/// The example with five mistakes.
fn broken() -> String {
    let changes = [
        ("    interval 2\n", "    intervall 2\n"),
        ("    priority 101\n", "    priority 1010\n"),
        ("auth_pass change-m\n", "auth_pass passwörter\n"),
        (
            "        10.0.0.100/24 dev eth0\n",
            "        10.0.0.100/33 dev eth0\n        10.0.0.101/24 lable x\n",
        ),
        ("        chk_haproxy\n", "        chk_haprox\n"),
    ];
    changes.iter().fold(KEEPALIVED.to_owned(), |text, (good, bad)| {
        assert!(text.contains(good), "{good}");
        text.replace(good, bad)
    })
}

const FOUND: [&str; 7] = [
    "k.conf:13:5: warning[VR0001]: unknown keyword `intervall` in `vrrp_script`",
    "k.conf:21:14: warning[VR0006]: `1010` is not a number from 1 to 255",
    "k.conf:25:19: warning[VR0012]: this password has 11 bytes; the first 8 are sent",
    "k.conf:28:20: warning[VR0007]: `33` is not a prefix length from 0 to 32",
    "k.conf:29:23: warning[VR0001]: unknown option `lable` of an address",
    "k.conf:29:29: warning[VR0001]: unknown option `x` of an address",
    "k.conf:32:9: warning[VR0009]: there is no vrrp_script `chk_haprox`; it is not tracked",
];

#[test]
fn all_mistakes_are_told_in_one_run_and_the_rest_is_used() {
    let mut loaded = load("k.conf", broken(), &machine(), None);
    loaded
        .diagnostics
        .retain(|diagnostic| diagnostic.code != tandem_vrrp_config::code::DOUBTFUL);
    assert_eq!(complaints(&loaded), FOUND);
    assert_eq!(loaded.verdict(), Verdict::Mistakes);
    assert_eq!(loaded.verdict().exit_status(), 5);
    let plan = loaded.plan.expect("what is right is used");
    assert_eq!(plan.router.instances[0].vips.len(), 1);
}

#[test]
fn strictly_each_of_them_is_fatal() {
    let strict = Machine {
        strict: true,
        ..machine()
    };
    let loaded = load("k.conf", broken(), &strict, None);
    assert!(loaded.plan.is_none());
    assert_eq!(loaded.verdict(), Verdict::Refused);
    let errors = complaints(&loaded)
        .iter()
        .filter(|line| line.contains(": error["))
        .count();
    assert_eq!(errors, FOUND.len());
}

#[test]
fn a_mistake_is_shown_with_its_text_and_what_to_write() {
    let loaded = load("k.conf", broken(), &machine(), None);
    let renderer = Renderer::new(&loaded.sources);
    assert_eq!(
        renderer.render(&loaded.diagnostics[0]),
        "k.conf:13:5: warning[VR0001]: unknown keyword `intervall` in `vrrp_script`\n   |\n\
         13 |     intervall 2\n   |     ^^^^^^^^^\nhelp: did you mean `interval`?\n"
    );
}

#[test]
fn native_mistakes_are_fatal_and_all_told() {
    let text = "[global]\nrouter-idd = \"x\"\nvrrp-version = 4\n[[instance]]\nname = \"A\"\ninterface = \"eth0\"\n\
                virtual-router-id = 300\nnopreempt = 3\nvirtual-ipaddress = [5, {}]\n[[instance]]\npriority = 3\n";
    let loaded = load("n.toml", text, &machine(), None);
    assert!(loaded.plan.is_none());
    assert_eq!(
        complaints(&loaded),
        [
            "n.toml:2:1: error[VR0001]: unknown keyword `router_idd` in `global_defs`",
            "n.toml:3:16: error[VR0006]: `4` is not a number from 2 to 3",
            "n.toml:7:21: error[VR0006]: `300` is not a number from 1 to 255",
            "n.toml:8:13: error[VR0017]: this is a number, but true or false is wanted here",
            "n.toml:9:22: error[VR0007]: `5` is not an IP address",
            "n.toml:9:25: error[VR0017]: this is a table, but a string is wanted here",
            "n.toml:10:1: error[VR0004]: a name is missing after this",
        ]
    );
    let loaded = load("n.toml", "[global\na = = 3\n", &machine(), None);
    assert!(
        complaints(&loaded)[0].starts_with("n.toml:1:8: error[VR0017]"),
        "{:?}",
        complaints(&loaded)
    );
}

#[test]
fn a_word_in_the_wrong_block_is_told_where_it_belongs() {
    let loaded = read("global_defs {\n virtual_router_id 3\n}\nvrrp_script s {\n rise 2\n}\npriority 3\n");
    let help: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter_map(|diagnostic| diagnostic.help.clone())
        .collect();
    assert!(help.contains(&"it belongs to: vrrp_instance".to_owned()), "{help:?}");
}
