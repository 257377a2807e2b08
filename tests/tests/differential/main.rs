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
mod network;
mod orders;
mod page;
mod places;
mod tables;

use tandem_tests::{Scenario, compare};

/// By topic.
fn topics() -> [(&'static str, &'static [Scenario]); 11] {
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
        ("Names, peers, TLS", network::ALL),
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
