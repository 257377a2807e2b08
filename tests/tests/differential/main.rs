//! Scenarios beside HAProxy: the same configuration, the same clients and the same faults; the same picks, answers, log
//! lines, tables and figures.
//!
//! `TANDEM_SCENARIO=NAME` plays only those with this in their name.

mod checks;
mod choice;
mod content;
mod ends;
mod headers;
mod limits;
mod logs;
mod orders;
mod page;
mod places;
mod tables;

use tandem_tests::{OnPurpose, Scenario, compare};

const UNSENT: OnPurpose = OnPurpose {
    theirs: "stat * bin=*",
    ours: "stat * bin=*",
    why: "what was said to no server is not counted as received",
};
const FROM_THE_QUEUE: OnPurpose = OnPurpose {
    theirs: "stat l/* lbtot=1",
    ours: "stat l/* lbtot=*",
    why: "who waited is counted, too, when balancing has brought it to a server",
};

/// By topic.
fn topics() -> [(&'static str, &'static [Scenario]); 10] {
    [
        ("Who serves", choice::ALL),
        ("Checks and health", checks::ALL),
        ("Limits, queues, retries", limits::ALL),
        ("What clients and servers say", content::ALL),
        ("Stick tables", tables::ALL),
        ("PROXY headers", headers::ALL),
        ("How connections end", ends::ALL),
        ("Orders in the middle of traffic", orders::ALL),
        ("Where one listens and connects", places::ALL),
        ("Log lines", logs::ALL),
    ]
}

#[test]
fn every_scenario_is_the_same() {
    let all: Vec<Scenario> = topics()
        .iter()
        .flat_map(|(_, scenarios)| scenarios.iter().copied())
        .collect();
    compare(&all);
}
