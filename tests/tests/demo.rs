//! `tandem demo`: the first thing a stranger sees ends by itself, says what it did, and lost nothing.

use std::io::Write;
use std::process::Command;

use tandem_tests::binary;

#[test]
fn a_server_dies_and_nothing_is_lost_that_could_have_lived() {
    let output = Command::new(binary("tandem"))
        .args(["demo", "--loopback", "--for", "8s"])
        .output()
        .expect("the demo starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("0 lost that could have lived"), "{said}");
    assert!(said.contains("server A is killed"), "{said}");
    let seconds = said.lines().filter(|l| {
        l.trim_start()
            .split('s')
            .next()
            .is_some_and(|n| n.parse::<u8>().is_ok())
    });
    assert!(seconds.count() >= 6, "a line each second:\n{said}");
}

#[test]
fn a_balancer_host_dies_and_the_other_takes_the_address() {
    let output = Command::new(binary("tandem"))
        .args(["demo", "--for", "10s"])
        .output()
        .expect("the demo starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    if let Some(why) = said.lines().find(|l| l.starts_with("no network namespaces")) {
        let _ = writeln!(std::io::stderr(), "SKIP the pair in namespaces: {why}");
        return;
    }
    assert!(
        said.contains("lb1, which holds the virtual address, loses its power"),
        "{said}"
    );
    assert!(
        said.lines().any(|l| l.contains("s  lb2 ")),
        "lb2 becomes master:\n{said}"
    );
    assert!(said.contains("0 lost that could have lived"), "{said}");
}

#[test]
fn too_short_a_demo_says_why() {
    let output = Command::new(binary("tandem"))
        .args(["demo", "--for", "1s"])
        .output()
        .expect("the demo starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("at least 5s"));
}
