//! Ours beside the distribution's Keepalived in every scenario that operators meet, with the roles swapped.

mod bfd;
mod bytes;
mod dialects;
pub(crate) mod fast;
mod frr;
mod groups;
mod heal;
pub(crate) mod row;
mod six;
pub(crate) mod stage;
mod tables;
mod unicast;

use std::time::Duration;

use tandem_netns_tests::{Place, Test};

pub(crate) fn tests() -> Vec<Test> {
    let test = |name, run| Test {
        name,
        within: Duration::from_secs(90),
        within_long: None,
        place: Place::Inside(run),
    };
    // With `--long` these take minutes.
    let long = |name, run| Test {
        within_long: Some(Duration::from_secs(15 * 60)),
        ..test(name, run)
    };
    vec![
        long("interop::faults_are_detected", tables::faults),
        long("interop::refusals", tables::refusals),
        long("interop::policy_and_tracking", tables::policy),
        long("interop::ten_milliseconds", fast::ten_milliseconds),
        long(
            "interop::ten_milliseconds_beside_frr",
            fast::ten_milliseconds_beside_frr,
        ),
        test("interop::checksums_made_by_hand", dialects::made_by_hand),
        long("interop::partitions_heal", heal::heals),
        long("interop::partitions_heal_elsewhere", heal::heals_elsewhere),
        test("interop::unicast_with_a_stranger", unicast::stranger_and_reload),
        long("interop::a_group_moves_once", groups::both_move),
        test("interop::ipv6", six::usable_at_once),
        test("interop::the_same_bytes", bytes::are_the_same),
        test("interop::a_path_is_watched", bfd::a_path_is_watched),
        long("interop::beside_frr", frr::as_the_other_router),
    ]
}
