//! `tandem demo`: the first thing a stranger sees ends by itself, says what it did, and lost nothing.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tandem_tests::{binary, fetch, until};

#[test]
fn a_broker_dies_and_no_acknowledged_message_is_lost() {
    // As `cargo demo` does it in a clone that is new.
    const SINCE_CLONED: Duration = Duration::from_secs(7);
    let cloned = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock") - SINCE_CLONED;
    let output = Command::new(binary("tandem"))
        .args(["demo", "--loopback", "--for", "8s"])
        .arg(format!("--cloned={}", cloned.as_secs()))
        .output()
        .expect("the demo starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("broker1 is killed"), "{said}");
    assert!(said.contains(" s after git clone"), "{said}");
    assert!(
        (SINCE_CLONED.as_secs_f64()..120.0).contains(&first_message(&said)),
        "{said}"
    );
    assert_all_came_out(&said);
    let seconds = said.lines().filter(|l| {
        l.trim_start()
            .split('s')
            .next()
            .is_some_and(|n| n.parse::<u8>().is_ok())
    });
    assert!(seconds.count() >= 6, "a line each second:\n{said}");
}

/// What lay in the broker that was killed came when it was back, so there was something.
fn assert_all_came_out(said: &str) {
    let line = said.lines().find(|line| line.contains("acknowledged, "));
    let line = line.expect("the line of the messages");
    assert!(line.contains(" acknowledged, 0 lost, "), "{said}");
    assert!(!line.contains(" 0 stranded"), "{said}");
    assert!(said.contains("every acknowledged message has come out"), "{said}");
}

/// After so many seconds.
fn first_message(said: &str) -> f64 {
    let (_, rest) = said
        .split_once("first message acknowledged ")
        .expect("the first message");
    let (seconds, _) = rest.split_once(" s after ").expect("its time");
    seconds.parse().expect("a number")
}

#[test]
fn ctrl_c_ends_a_demo_when_all_messages_are_there() {
    let mut demo = Command::new(binary("tandem"))
        .args(["demo", "--loopback"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the demo starts");
    let out = BufReader::new(demo.stdout.take().expect("it was piped"));
    let mut said = String::new();
    for line in out.lines().map_while(Result::ok) {
        said += &format!("{line}\n");
        if line.contains("broker1 is killed") {
            let pid = i32::try_from(demo.id()).expect("a process number");
            kill(Pid::from_raw(pid), Signal::SIGINT).expect("it runs");
        }
    }
    assert!(demo.wait().expect("it is our child").success(), "{said}");
    assert!(said.contains("broker1 is started again"), "{said}");
    assert_all_came_out(&said);
}

#[test]
fn a_balancer_host_dies_and_the_other_takes_the_address() {
    let mut demo = Command::new(binary("tandem"));
    demo.args(["demo", "--for", "10s"]);
    balancer_host_dies(demo);
}

const NOBODY: u32 = 65534;

#[test]
fn whoever_has_no_rights_sees_the_same() {
    if !nix::unistd::geteuid().is_root() {
        // Then the other test is this one.
        return;
    }
    // The folder of the build may be closed to others.
    let folder = Folder(std::env::temp_dir().join(format!("tandem-demo-programs-{}", std::process::id())));
    std::fs::create_dir(&folder.0).expect("a folder");
    for program in ["tandem", "tandem-lb", "tandem-vrrp", "tandem-mq"] {
        std::fs::copy(binary(program), folder.0.join(program)).expect("a copy");
    }
    let mut demo = Command::new(folder.0.join("tandem"));
    demo.args(["demo", "--for", "10s"])
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/");
    balancer_host_dies(demo);
}

/// Gone in the end, however that comes.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn balancer_host_dies(mut demo: Command) {
    let mut demo = demo.stdout(Stdio::piped()).spawn().expect("the demo starts");
    let out = BufReader::new(demo.stdout.take().expect("it was piped"));
    let mut said = String::new();
    let mut is_pair = true;
    for line in out.lines().map_while(Result::ok) {
        is_pair &= !line.starts_with("no network namespaces");
        said += &format!("{line}\n");
        // The page of the balancer that has the address says so: it has asked the router beside it.
        if let Some(at) = page(&line).filter(|_| is_pair) {
            until("the router's state on the page", || {
                let page = fetch(at, "/stats").body;
                let state = page.split("h-routes\">Virtual addresses").nth(1)?;
                state
                    .contains("<b>brokers</b> <span class=\"chip state up\">MASTER")
                    .then_some(())
            });
        }
    }
    assert!(demo.wait().expect("it is our child").success(), "{said}");
    assert_all_came_out(&said);
    if let Some(why) = said.lines().find(|l| l.starts_with("no network namespaces")) {
        let _ = writeln!(std::io::stderr(), "SKIP the pair in namespaces: {why}");
        return;
    }
    assert!(
        said.contains("lb1, which has the virtual address, loses its power"),
        "{said}"
    );
    assert!(
        said.lines().any(|l| l.contains("s  lb2 ")),
        "lb2 becomes master:\n{said}"
    );
}

/// Where the page is, when the line says it.
fn page(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    rest.split_once("/stats")?.0.parse().ok()
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
