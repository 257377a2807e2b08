//! Every recorded pick of HAProxy, made again by our table.

#[path = "golden/fixture.rs"]
mod fixture;

use fixture::{Fixture, addresses, difference};

#[test]
fn same_server_as_haproxy() {
    let addresses = addresses(include_str!("golden/addresses.txt"));
    let fixture = Fixture::parse(include_str!("golden/picks.txt"));
    let differences: Vec<String> = fixture
        .cases
        .iter()
        .filter_map(|case| difference(case, &addresses, &case.picks, &case.ours(&addresses)))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The recording is worth something only while it is whole.
#[test]
fn recording_is_whole() {
    let addresses = addresses(include_str!("golden/addresses.txt"));
    assert_eq!(addresses.len(), 1000);
    assert_eq!(addresses.iter().filter(|a| a.is_ipv6()).count(), 500);
    let fixture = Fixture::parse(include_str!("golden/picks.txt"));
    assert!(fixture.cases.len() >= 80, "only {} cases", fixture.cases.len());
    for case in &fixture.cases {
        assert_eq!(case.picks.len(), case.clients(&addresses).len(), "case {}", case.line);
    }
}
