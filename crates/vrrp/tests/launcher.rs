//! The launcher alone: what it runs, what it refuses, and that nothing it started outlives its connection.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::unistd::{User, geteuid};
use tandem_vrrp::wire::{Ask, Told};

const PATIENCE: Duration = Duration::from_secs(20);

struct Launcher {
    stream: UnixStream,
    answers: BufReader<UnixStream>,
    process: Child,
    file: PathBuf,
}

impl Launcher {
    /// Which may run `script`, as who we are.
    fn start(name: &str, script: &str) -> Launcher {
        Launcher::reading(name, &may_run(script))
    }

    fn reading(name: &str, text: &str) -> Launcher {
        let file = std::env::temp_dir().join(format!("tandem-launcher-{name}-{}.conf", std::process::id()));
        fs::write(&file, text).expect("the temporary folder is writable");
        let (ours, its) = UnixStream::pair().expect("a pair of sockets");
        ours.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let process = Command::new(env!("CARGO_BIN_EXE_tandem-vrrp-launch"))
            .arg("-f")
            .arg(&file)
            .stdin(OwnedFd::from(its))
            .spawn()
            .expect("it was built");
        Launcher {
            answers: BufReader::new(ours.try_clone().expect("a copy")),
            stream: ours,
            process,
            file,
        }
    }

    fn run(&mut self, id: u64, line: &str, user: &str) {
        self.ask(&Ask::Run {
            id,
            words: line.split(' ').map(str::to_owned).collect(),
            user: user.to_owned(),
            group: None,
        });
    }

    fn ask(&mut self, ask: &Ask) {
        let line = serde_json::to_string(ask).expect("plain data") + "\n";
        self.stream.write_all(line.as_bytes()).expect("it listens");
    }

    fn told(&mut self) -> Told {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("in time");
        serde_json::from_str(&line).expect("its own words")
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        // It may have ended, and the file lies in the temporary folder.
        self.process.kill().ok();
        self.process.wait().ok();
        fs::remove_file(&self.file).ok();
    }
}

fn may_run(script: &str) -> String {
    format!(
        "global_defs {{\n script_user {}\n enable_script_security\n}}\nvrrp_script chk {{\n script \"{script}\"\n}}\n\
         vrrp_instance VI_1 {{\n interface lo\n virtual_router_id 51\n virtual_ipaddress {{\n 10.9.0.100\n }}\n \
         track_script {{\n chk\n }}\n}}\n",
        own_name()
    )
}

fn own_name() -> String {
    let own = User::from_uid(geteuid()).expect("users can be looked up");
    own.expect("whoever runs tests has a name").name
}

#[test]
fn what_the_configuration_says_and_nothing_else() {
    let mut launcher = Launcher::start("allowed", "/bin/sh /no/such/file");
    let own = own_name();
    launcher.run(1, "/bin/sh /no/such/file", &own);
    assert!(
        matches!(launcher.told(), Told::Ended { id: 1, code: Some(code), .. } if code != 0),
        "a shell without its file fails"
    );
    for (line, user) in [
        ("/bin/sh", own.as_str()),
        ("/bin/sh -c reboot", &own),
        ("/bin/sh /no/such/file", "nobody"),
    ] {
        launcher.run(2, line, user);
        let told = launcher.told();
        let refused = matches!(&told, Told::Refused { id: 2, why } if why.contains("does not say"));
        assert!(refused, "{line} as {user}: {told:?}");
    }
}

#[test]
fn what_others_could_include_is_not_trusted() {
    let included = std::env::temp_dir().join(format!("tandem-launcher-included-{}.conf", std::process::id()));
    fs::write(&included, may_run("/bin/true")).expect("the temporary folder is writable");
    let own = own_name();
    // What an ordinary user runs as itself it may write as it likes.
    for (mode, trusted) in [(0o644, true), (0o666, !geteuid().is_root())] {
        fs::set_permissions(&included, fs::Permissions::from_mode(mode)).expect("ours");
        let mut launcher = Launcher::reading("includes", &format!("include {}\n", included.display()));
        launcher.run(1, "/bin/true", &own);
        match launcher.told() {
            Told::Ended { code: Some(0), .. } => assert!(trusted, "{mode:o}"),
            Told::Refused { why, .. } if why.contains("not trusted") => assert!(!trusted, "{mode:o}: {why}"),
            other => panic!("{mode:o}: {other:?}"),
        }
    }
    fs::remove_file(&included).expect("ours");
}

#[test]
fn what_is_taken_out_of_an_included_file_is_refused() {
    let included = std::env::temp_dir().join(format!("tandem-launcher-changed-{}.conf", std::process::id()));
    let write = |script| {
        fs::write(&included, may_run(script)).expect("the temporary folder is writable");
        fs::set_permissions(&included, fs::Permissions::from_mode(0o644)).expect("ours");
    };
    write("/bin/true");
    let own = own_name();
    let mut launcher = Launcher::reading("changes", &format!("include {}\n", included.display()));
    launcher.run(1, "/bin/true", &own);
    let told = launcher.told();
    assert!(
        matches!(
            told,
            Told::Ended {
                id: 1,
                code: Some(0),
                ..
            }
        ),
        "{told:?}"
    );
    write("/bin/false");
    launcher.run(2, "/bin/true", &own);
    let told = launcher.told();
    let refused = matches!(&told, Told::Refused { id: 2, why } if why.contains("does not say"));
    assert!(refused, "{told:?}");
    fs::remove_file(&included).expect("ours");
}

#[test]
fn a_run_is_killed_when_asked_and_at_the_end() {
    let seconds = 1_000_000 + std::process::id();
    let line = format!("/bin/sleep {seconds}");
    let mut launcher = Launcher::start("killed", &line);
    launcher.run(1, &line, &own_name());
    launcher.ask(&Ask::Kill { id: 1, hard: false });
    let ended = Told::Ended {
        id: 1,
        code: None,
        signal: Some(15),
    };
    assert_eq!(launcher.told(), ended);

    launcher.run(2, &line, &own_name());
    wait("a run", || sleeps(seconds));
    launcher.stream.shutdown(std::net::Shutdown::Both).expect("it is open");
    wait("the end of the run", || !sleeps(seconds));
    assert!(launcher.process.wait().expect("ours").success());
}

#[test]
fn who_cannot_be_told_leaves_nothing_behind_either() {
    let seconds = 2_000_000 + std::process::id();
    let line = format!("/bin/sleep {seconds}");
    let mut launcher = Launcher::start("deaf", &line);
    launcher.run(1, &line, &own_name());
    launcher.run(2, &line, &own_name());
    launcher.run(2, &line, &own_name());
    let told = launcher.told();
    assert!(
        matches!(&told, Told::Refused { id: 2, .. }),
        "a number stands for one run: {told:?}"
    );
    launcher.stream.shutdown(std::net::Shutdown::Read).expect("it is open");
    launcher.ask(&Ask::Kill { id: 2, hard: true });
    launcher.process.wait().expect("ours");
    wait("the end of the other run", || !sleeps(seconds));
}

#[test]
fn one_that_is_killed_leaves_nothing_behind_either() {
    let seconds = 3_000_000 + std::process::id();
    let line = format!("/bin/sleep {seconds}");
    let mut launcher = Launcher::start("slain", &line);
    launcher.run(1, &line, &own_name());
    wait("a run", || sleeps(seconds));
    launcher.process.kill().expect("ours");
    wait("the end of the run", || !sleeps(seconds));
}

fn sleeps(seconds: u32) -> bool {
    let wanted = format!("/bin/sleep\0{seconds}\0");
    let all = fs::read_dir("/proc").expect("/proc is there");
    all.flatten()
        .any(|entry| fs::read(entry.path().join("cmdline")).is_ok_and(|line| line == wanted.as_bytes()))
}

fn wait(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it did not come to {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
