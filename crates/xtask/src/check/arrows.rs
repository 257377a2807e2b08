//! Which crate may depend on which: the levels of docs/ARCHITECTURE.md as a table, and the two rules that follow from it.
//!
//! Arrows point from a higher level to a lower one. Crates of one family never depend on another family. What is pure
//! reaches nothing that acts on the world, at any distance. A new crate is an error until it has its line here.

use super::Finding;
use crate::metadata::Member;

/// How far a crate is from the ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// Decides, and touches nothing.
    Core,
    /// Text to Plan, and the virtual world; pure too.
    Plan,
    /// Raw system calls and storage.
    System,
    /// Being a daemon; hosts for tests.
    Daemon,
    /// A runtime and a binary each.
    Program,
    /// Tests over everything.
    Tests,
}

const LEVELS: [(&str, Level); 24] = [
    ("tandem-time", Level::Core),
    ("tandem-text", Level::Core),
    ("tandem-proxy-header", Level::Core),
    ("tandem-lb-core", Level::Core),
    ("tandem-vrrp-core", Level::Core),
    ("tandem-mq-core", Level::Core),
    ("tandem-mq-wire", Level::Core),
    ("tandem-lb-config", Level::Plan),
    ("tandem-vrrp-config", Level::Plan),
    ("tandem-mq-convert", Level::Plan),
    ("tandem-sim", Level::Plan),
    ("tandem-sys", Level::System),
    ("tandem-mq-store", Level::System),
    ("tandem-tls", Level::System),
    ("tandem-ops", Level::Daemon),
    ("tandem-lab", Level::Daemon),
    ("tandem-lb", Level::Program),
    ("tandem-vrrp", Level::Program),
    ("tandem-mq", Level::Program),
    ("tandem-cli", Level::Program),
    ("tandem-bench", Level::Program),
    ("tandem-xtask", Level::Program),
    ("tandem-tests", Level::Tests),
    ("tandem-netns-tests", Level::Tests),
];

/// Arrows inside a level that the design draws: every core counts time in the names of `time`, a core's messages have
/// the shape of `text`, the balancer reads what a proxy before it says, and the wire formats are read by their core.
const WITHIN_A_LEVEL: [(&str, &str); 5] = [
    ("*", "tandem-time"),
    ("*", "tandem-text"),
    ("tandem-lb-core", "tandem-proxy-header"),
    ("tandem-mq-core", "tandem-mq-wire"),
    ("tandem-cli", "tandem-bench"),
];

/// Arrows that only tests follow may also point up to the simulator.
const FOR_TESTS: &str = "tandem-sim";

/// What a pure crate uses all the same. Lists of patterns are read by every worker while an operator's command puts another
/// form of them in place: that is one pointer, and no effect of a machine.
const ALLOWED: [(&str, &str); 2] = [("tandem-lb-core", "arc-swap"), ("tandem-lb-config", "arc-swap")];

/// Packages that act on the world or bring chance: a pure crate reaches none of them, however far away.
const ACTING: [&str; 24] = [
    "arc-swap",
    "async-std",
    "caps",
    "dashmap",
    "futures-executor",
    "hyper",
    "hyper-util",
    "mio",
    "nix",
    "nftables",
    "parking_lot",
    "pnet",
    "pnet_datalink",
    "polling",
    "rtnetlink",
    "rustix",
    "sd-notify",
    "signal-hook",
    "signal-hook-registry",
    "smol",
    "socket2",
    "tokio",
    "tokio-util",
    "tracing-subscriber",
];

/// The same, but a library below may need them for something harmless (a processor's features, a hash seed).
const ACTING_WHEN_NAMED: [&str; 7] = ["chrono", "getrandom", "libc", "rand", "tempfile", "tracing", "time"];

/// The door to the kernel without safe signatures: one crate has the key.
const ONLY_IN: [(&str, &str); 2] = [("libc", "tandem-sys"), ("rtnetlink", "tandem-sys")];

pub(super) fn check(graph: &[Member]) -> Finding {
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for member in graph {
        let Some(level) = level(&member.name) else {
            wrong.push(format!(
                "{}: has no level; add it to the table in crates/xtask/src/check/arrows.rs",
                member.name
            ));
            continue;
        };
        arrows += member.direct.len() + member.for_tests.len();
        wrong.extend(member.direct.iter().filter_map(|to| forbidden(member, level, to)));
        wrong.extend(
            member
                .for_tests
                .iter()
                .filter_map(|to| forbidden_for_tests(member, level, to)),
        );
        wrong.extend(impure(member, level));
    }
    Finding::new(
        format!("{arrows} arrows between and out of {} crates", graph.len()),
        wrong,
    )
}

/// Crates without clocks, sockets, threads and chance of their own.
pub(crate) fn is_pure(name: &str) -> bool {
    level(name).is_some_and(|level| level <= Level::Plan)
}

fn level(name: &str) -> Option<Level> {
    LEVELS.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
}

fn forbidden(member: &Member, from: Level, to: &str) -> Option<String> {
    let name = &member.name;
    if let Some((_, owner)) = ONLY_IN.iter().find(|(package, owner)| *package == to && *owner != name) {
        return Some(format!(
            "{name} -> {to}: only {owner} uses it; ask {owner} for a safe function"
        ));
    }
    let target = level(to)?;
    if from == Level::Tests {
        return None;
    }
    if let (Some(ours), Some(theirs)) = (family(name), family(to))
        && ours != theirs
    {
        return Some(format!(
            "{name} -> {to}: the families {ours} and {theirs} meet in ops and sys only"
        ));
    }
    let drawn = WITHIN_A_LEVEL.iter().any(|(a, b)| (*a == "*" || a == name) && *b == to);
    if target > from || target == from && !drawn {
        return Some(format!(
            "{name} -> {to}: arrows point from a higher level to a lower one"
        ));
    }
    None
}

fn forbidden_for_tests(member: &Member, from: Level, to: &str) -> Option<String> {
    if to == FOR_TESTS && from < Level::Program {
        return None;
    }
    forbidden(member, from, to).map(|text| format!("{text} (a dev-dependency)"))
}

fn impure(member: &Member, level: Level) -> Vec<String> {
    if level > Level::Plan {
        return Vec::new();
    }
    let name = &member.name;
    let is_allowed = |to: &String| ALLOWED.contains(&(name.as_str(), to.as_str()));
    let named = member.direct.iter().chain(&member.for_tests);
    let at_once = named
        .filter(|to| ACTING.contains(&to.as_str()) || ACTING_WHEN_NAMED.contains(&to.as_str()))
        .filter(|to| !is_allowed(to))
        .map(|to| format!("{name} -> {to}: a pure crate does not act on the world; what it wants is an Output"));
    let far = member
        .reached
        .iter()
        .filter(|to| ACTING.contains(&to.as_str()) && !member.direct.contains(*to) && !is_allowed(to));
    let far = far.map(|to| format!("{name} reaches {to} through a dependency: see `cargo tree -p {name} -i {to}`"));
    at_once.chain(far).collect()
}

/// `lb`, `vrrp` or `mq`: the daemon a crate belongs to.
fn family(name: &str) -> Option<&'static str> {
    let rest = name.strip_prefix("tandem-")?;
    ["lb", "vrrp", "mq"]
        .into_iter()
        .find(|f| rest == *f || rest.strip_prefix(f).is_some_and(|r| r.starts_with('-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, direct: &[&str]) -> Member {
        let direct = direct.iter().map(|d| (*d).to_owned()).collect();
        Member {
            name: name.to_owned(),
            direct,
            ..Member::default()
        }
    }

    fn wrong(member: Member) -> Vec<String> {
        check(&[member]).wrong
    }

    #[test]
    fn what_the_design_draws_is_allowed() {
        for (from, to) in [
            ("tandem-lb-core", "tandem-time"),
            ("tandem-lb-config", "tandem-lb-core"),
            ("tandem-lb", "tandem-ops"),
            ("tandem-ops", "tandem-sys"),
            ("tandem-lb", "tokio"),
            ("tandem-cli", "tandem-vrrp-config"),
            ("tandem-tests", "tandem-vrrp"),
            ("tandem-sys", "libc"),
            ("tandem-lb-config", "toml"),
        ] {
            assert_eq!(wrong(member(from, &[to])), [""; 0], "{from} -> {to}");
        }
    }

    #[test]
    fn what_it_does_not_draw_is_named() {
        for (from, to) in [
            ("tandem-lb-core", "tokio"),
            ("tandem-lb-core", "getrandom"),
            ("tandem-sim", "rand"),
            ("tandem-lb-core", "tandem-lb-config"),
            ("tandem-lb-core", "tandem-sys"),
            ("tandem-lb-core", "tandem-vrrp-core"),
            ("tandem-lb", "tandem-vrrp-core"),
            ("tandem-mq", "tandem-lb-config"),
            ("tandem-ops", "tandem-lab"),
            ("tandem-ops", "libc"),
            ("tandem-cli", "tandem-xtask"),
            ("tandem-lb", "tandem-tests"),
        ] {
            let found = wrong(member(from, &[to]));
            assert_eq!(found.len(), 1, "{from} -> {to}: {found:?}");
            assert!(found[0].starts_with(&format!("{from} -> {to}: ")), "{}", found[0]);
        }
    }

    #[test]
    fn a_pure_crate_that_reaches_tokio_far_away() {
        let mut core = member("tandem-lb-core", &["harmless"]);
        core.reached = ["harmless", "tokio", "libc"].map(str::to_owned).into();
        assert_eq!(
            wrong(core),
            ["tandem-lb-core reaches tokio through a dependency: see `cargo tree -p tandem-lb-core -i tokio`"]
        );
    }

    #[test]
    fn tests_may_use_the_simulator_but_not_a_socket() {
        let mut core = member("tandem-vrrp-core", &[]);
        core.for_tests = ["tandem-sim", "proptest"].map(str::to_owned).into();
        assert_eq!(wrong(core.clone()), [""; 0]);
        core.for_tests = ["tokio"].map(str::to_owned).into();
        assert_eq!(wrong(core).len(), 1);
    }

    #[test]
    fn a_crate_without_a_level_is_an_error() {
        assert!(wrong(member("tandem-new", &[]))[0].starts_with("tandem-new: has no level"));
    }
}
