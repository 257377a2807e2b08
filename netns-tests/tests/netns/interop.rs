//! Ours beside the distribution's Keepalived in every scenario that operators meet, with the roles swapped.

mod config;
mod frames;
mod row;
mod stage;
mod tables;

use std::time::Duration;

use tandem_netns_tests::{Place, Test};

pub(crate) fn tests() -> Vec<Test> {
    let test = |name, run| Test {
        name,
        within: Duration::from_secs(90),
        place: Place::Inside(run),
    };
    vec![
        test("interop::faults_are_detected", tables::faults),
        test("interop::refusals", tables::refusals),
        test("interop::policy_and_tracking", tables::policy),
    ]
}
