//! The installed HAProxy and our table, side by side: the same clients, the same servers, the same picks.
//!
//! `TANDEM_RECORD=1` writes what HAProxy picked into the fixture that the core's own test reads.

#[path = "../../crates/lb-core/tests/golden/fixture.rs"]
mod fixture;
#[path = "golden/haproxy.rs"]
mod haproxy;

use fixture::{Fixture, addresses, difference};
use haproxy::HaProxy;
use std::io::Write;
use std::path::Path;

const HEADER: &str = "Picks of the installed HAProxy, one character each: the server's position, - for none.
Captured with `TANDEM_RECORD=1 cargo test -p tandem-tests --test golden_picks`: one proxy for each case, on unix sockets
with accept-proxy; a PROXY header gives each client its address (addresses.txt); each server answers its position.
How a case is written: fixture.rs.";

/// Picks in a line of the fixture.
const WIDTH: usize = 100;

fn render(version: &str, fixture: &Fixture) -> String {
    let mut lines = vec![format!("# {version}")];
    lines.extend(HEADER.lines().map(|l| format!("# {l}")));
    for case in &fixture.cases {
        lines.push(format!("\ncase {}", case.line));
        lines.extend(
            case.picks
                .as_bytes()
                .chunks(WIDTH)
                .map(|c| String::from_utf8_lossy(c).into_owned()),
        );
    }
    lines.join("\n") + "\n"
}

fn say(line: &str) {
    // A test whose reader is gone has nobody to tell.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[test]
fn same_server_as_the_installed_haproxy() {
    let Some(version) = haproxy::version() else {
        return say("SKIP golden picks: haproxy is not installed");
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/lb-core/tests/golden");
    let read = |name| std::fs::read_to_string(folder.join(name)).expect("the fixture is part of the repository");
    let clients = addresses(&read("addresses.txt"));
    let mut fixture = Fixture::parse(&read("picks.txt"));

    let haproxy = HaProxy::start(&fixture.cases).expect("HAProxy starts");
    let mut differences = Vec::new();
    for (place, case) in fixture.cases.iter_mut().enumerate() {
        case.picks = haproxy.picks(place, &case.clients(&clients)).expect("HAProxy answers");
        differences.extend(difference(case, &clients, &case.picks, &case.ours(&clients)));
    }
    if std::env::var_os("TANDEM_RECORD").is_some() {
        std::fs::write(folder.join("picks.txt"), render(&version, &fixture)).expect("the fixture can be written");
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let picks: usize = fixture.cases.iter().map(|c| c.picks.len()).sum();
    say(&format!(
        "golden picks: {picks} picks in {} cases equal those of {version}",
        fixture.cases.len()
    ));
}
