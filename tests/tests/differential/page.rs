//! `docs/haproxy-scenarios.md` is made of the scenarios, so that it lists what is played and nothing else.

use std::fmt::Write;
use std::path::Path;

use crate::topics;

const HEAD: &str = "# Scenarios beside HAProxy\n\n\
    Each is played to HAProxy 2.6 and to `tandem-lb` side by side: the same configuration, clients and faults. Compared are who serves and what\n\
    clients hear and how they end, every log line with its times masked (accesses and changes of health), every cell of `show stat` that\n\
    does not depend on when one looks, every stick table, and the answers to orders. What is otherwise on purpose is written into the scenario\n\
    and pinned by it.\n\n\
    Made by `TANDEM_RECORD=1 cargo test --workspace --test differential`; a test compares. Further comparisons with what is expected written down: `lb::rules`,\n\
    `lb::stick`, `lb::tables`, `lb::conduct`, `lb::proxy_header`, `lb::log_format`, `lb::csv`, `lb::state`, `lb_socket`, `lb_upgrade`, `golden_*` in `tests/tests`.\n";

fn page() -> String {
    let mut text = HEAD.to_owned();
    let mut count = 0;
    for (title, scenarios) in topics() {
        write!(text, "\n## {title}\n\n| scenario | what happens |\n|---|---|\n").expect("a string takes it");
        for scenario in scenarios {
            count += 1;
            writeln!(text, "| {} | {} |", scenario.name, scenario.story).expect("a string takes it");
        }
    }
    write!(text, "\n{count} scenarios.\n\n## What is otherwise on purpose\n").expect("a string takes it");
    for scenario in topics().iter().flat_map(|(_, scenarios)| *scenarios) {
        if !scenario.known.is_empty() {
            write!(text, "\n**{}**\n\n", scenario.name).expect("a string takes it");
        }
        for known in scenario.known {
            let line = |line: &str| {
                if line.is_empty() {
                    "no line".to_owned()
                } else {
                    format!("`{line}`")
                }
            };
            let (theirs, ours) = (line(known.theirs), line(known.ours));
            writeln!(text, "- HAProxy: {theirs}; tandem-lb: {ours}: {}", known.why).expect("a string takes it");
        }
    }
    text
}

#[test]
fn the_page_lists_the_scenarios() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/haproxy-scenarios.md");
    let page = page();
    if std::env::var_os("TANDEM_RECORD").is_some() {
        std::fs::write(&path, &page).expect("a checkout is writable");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "record it again: TANDEM_RECORD=1 cargo test --workspace --test differential"
    );
}
