//! The router between real hosts, with itself and with the distribution's Keepalived.
//!
//! Scenarios that only wait for each other's timers run at the same time, each in a lab of its own; those that measure run
//! alone.

mod below;
mod busy;
mod command;
mod deaf;
mod fixtures;
mod handback;
mod launcher;
mod leaves;
mod mail;
mod many;
mod occasions;
mod operators;
mod owner;
mod pair;
mod peers;
mod reload;
mod rights;
mod scale;
mod services;
mod signed;
mod solo;
mod stage;
mod told;
mod vmac;
mod witness;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tandem_netns_tests::{Bench, Place, Test};

pub(crate) fn tests() -> Vec<Test> {
    let test = |name, run| Test {
        name,
        within: Duration::from_secs(90),
        within_long: None,
        place: Place::Inside(run),
    };
    vec![
        test("vrrp::elections_and_failures", solo::elections_and_failures),
        test("vrrp::stops_without_a_gap", leaves::without_a_gap),
        test("vrrp::puts_an_address_back", solo::puts_an_address_back),
        test("vrrp::a_crash_is_resumed", solo::a_crash_is_resumed),
        test("vrrp::whoever_is_deaf_takes_no_part", deaf::takes_no_part),
        test("vrrp::whoever_cannot_join_waits", deaf::waits_for_its_socket),
        test("vrrp::beside_keepalived", peers::beside_keepalived),
        test("vrrp::stops_before_keepalived", leaves::before_keepalived),
        test("vrrp::drained_without_a_gap", leaves::drained),
        test("vrrp::the_operators_pair", operators::the_operators_pair),
        test("vrrp::reload_and_reports", services::reload_and_reports),
        test("vrrp::a_reload_begins_to_track", reload::begins_to_track_interfaces),
        test(
            "vrrp::a_reload_speaks_from_elsewhere",
            reload::speaks_from_another_address,
        ),
        test("vrrp::what_is_run_and_written", occasions::what_is_run_and_written),
        test("vrrp::signs_of_life", services::signs_of_life),
        test(
            "vrrp::signs_of_life_while_waiting",
            services::signs_of_life_while_waiting,
        ),
        test("vrrp::orders_over_the_socket", services::orders_over_the_socket),
        test("vrrp::why_and_handover", command::why_and_handover),
        test("vrrp::a_group_is_handed_over", command::a_group_is_handed_over),
        test("vrrp::mail_as_keepalived_writes_it", mail::as_keepalived_writes_it),
        test("vrrp::witnesses_are_asked", witness::are_asked),
        test("vrrp::signing_begins_and_keys_change", signed::while_it_works),
        test("vrrp::named_successor", pair::the_named_successor_is_there_at_once),
        test("vrrp::a_split_brain_is_settled", pair::a_split_brain_is_settled),
        test("vrrp::connections_go_on_over_ipv4", handback::over_ipv4),
        test("vrrp::connections_go_on_over_ipv6", handback::over_ipv6),
        test("vrrp::connections_go_on_over_a_restart", handback::over_a_restart),
        test(
            "vrrp::whoever_hands_back_too_late_stops",
            handback::whoever_is_too_slow_stops,
        ),
        test("vrrp::scripts_as_their_users", launcher::scripts_as_their_users),
        test("vrrp::a_mac_of_its_own", vmac::alone),
        test("vrrp::a_mac_of_its_own_beside_keepalived", vmac::beside_keepalived),
        test("vrrp::tells_what_keepalived_tells", told::as_keepalived_tells),
        test("vrrp::four_rights_are_enough", rights::four_are_enough),
        test("vrrp::many_addresses", many::many_addresses),
        test("vrrp::as_many_as_an_interface_can_have", scale::on_one_interface),
        Test {
            // Ten minutes with `--long`.
            within_long: Some(Duration::from_secs(15 * 60)),
            ..test("vrrp::on_time_on_a_busy_host", busy::no_false_takeover)
        },
    ]
}

type Scenario<'a> = (&'a str, &'a (dyn Fn(&Bench<'_>) -> Result<()> + Sync));

/// Runs all at once; the first that fails is the one reported.
fn together(bench: &Bench<'_>, scenarios: &[Scenario<'_>]) -> Result<()> {
    std::thread::scope(|scope| {
        let running: Vec<_> = scenarios
            .iter()
            .map(|(name, run)| (name, scope.spawn(move || run(bench))))
            .collect();
        let mut outcome = Ok(());
        for (name, thread) in running {
            let ended = thread.join().map_err(|_| anyhow!("it panicked")).flatten();
            outcome = outcome.and(ended.with_context(|| (*name).to_string()));
        }
        outcome
    })
}
