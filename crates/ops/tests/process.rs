//! What changes the whole process is tried in processes of its own: this program starts itself once for each scene.

use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::thread;
use std::time::{Duration, Instant};

use tandem_ops::clock::Wall;
use tandem_ops::daemonize::{Side, detach};
use tandem_ops::notify::{Notifier, State};
use tandem_ops::privileges::Privileges;
use tandem_ops::trace;

const SCENE: &str = "TANDEM_OPS_SCENE";
const FOLDER: &str = "TANDEM_OPS_FOLDER";
const PATIENCE: Duration = Duration::from_secs(10);

enum Outcome {
    Passed,
    Skipped(&'static str),
}

type Test = (&'static str, fn(&Path) -> Outcome);

const TESTS: [Test; 8] = [
    (
        "the_caller_leaves_when_the_daemon_is_ready",
        the_caller_leaves_when_the_daemon_is_ready,
    ),
    ("the_caller_fails_with_the_daemon", the_caller_fails_with_the_daemon),
    ("threads_forbid_detaching", threads_forbid_detaching),
    ("the_journal_gets_priorities", the_journal_gets_priorities),
    ("a_file_gets_plain_lines", a_file_gets_plain_lines),
    ("who_we_are_already_needs_no_right", who_we_are_already_needs_no_right),
    ("root_becomes_nobody_in_a_jail", root_becomes_nobody_in_a_jail),
    ("a_jail_hides_nothing_of_use", a_jail_hides_nothing_of_use),
];

fn main() -> ExitCode {
    match std::env::var(SCENE) {
        Ok(scene) => play(&scene, &folder_of_scene()),
        Err(_) => run_all(),
    }
}

/// Prints as libtest does, so that the counts of both add up. A test that fails panics, and ends the program so.
fn run_all() -> ExitCode {
    let mut skipped = 0;
    for (name, test) in TESTS {
        let folder = Folder::new(name);
        let result = match test(&folder.0) {
            Outcome::Passed => "ok".to_owned(),
            Outcome::Skipped(why) => {
                skipped += 1;
                format!("SKIP {why}")
            }
        };
        say(&format!("test {name} ... {result}"));
    }
    say(&format!(
        "test result: ok. {} passed; 0 failed; 0 ignored; {skipped} of them skipped",
        TESTS.len()
    ));
    ExitCode::SUCCESS
}

fn say(line: &str) {
    writeln!(io::stdout().lock(), "{line}").expect("the harness reads to the end");
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("tandem-ops-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn folder_of_scene() -> PathBuf {
    std::env::var_os(FOLDER).expect("scene() sets it").into()
}

fn scene(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command
        .env(SCENE, name)
        .env(FOLDER, folder)
        .env_remove("JOURNAL_STREAM")
        .env_remove(trace::FILTER);
    command
}

fn output(command: &mut Command) -> Output {
    command.output().expect("this program can be started")
}

fn play(scene: &str, folder: &Path) -> ExitCode {
    match scene {
        "ready" | "broken" => play_detach(scene, folder),
        "threads" => {
            let (_open, wait) = std::sync::mpsc::channel::<()>();
            thread::spawn(move || wait.recv());
            ExitCode::from(if detach().is_err() { 0 } else { 1 })
        }
        "trace" => {
            trace::init("info").expect("a valid filter");
            tracing::warn!(port = 80, "cannot bind");
            tracing::debug!("too much detail");
            ExitCode::SUCCESS
        }
        "same" => {
            let (uid, gid) = (nix::unistd::geteuid().to_string(), nix::unistd::getegid().to_string());
            let same = Privileges::resolve(Some(&uid), Some(&gid), None).expect("numbers need no entry");
            ExitCode::from(if same.settle().is_ok() { 0 } else { 1 })
        }
        "nobody" => {
            let become_nobody = Privileges::resolve(Some("nobody"), None, Some(folder.to_owned()));
            // The file is opened first: there is no /proc in the jail.
            let status = fs::File::open("/proc/thread-self/status").expect("Linux has it");
            become_nobody.expect("nobody exists").settle().expect("root may");
            let root_is_empty = fs::read_dir("/").expect("the jail is readable").count() == 0;
            let way_back = nix::unistd::setuid(nix::unistd::Uid::from_raw(0));
            let text = io::read_to_string(status).expect("readable");
            let wanted = text
                .lines()
                .filter(|l| ["Uid:", "Gid:", "Groups:"].iter().any(|s| l.starts_with(s)));
            for line in wanted {
                say(&line.split_whitespace().collect::<Vec<_>>().join(" "));
            }
            ExitCode::from(if root_is_empty && way_back.is_err() { 0 } else { 1 })
        }
        "jailed" => {
            let readiness = match detach().expect("one thread") {
                Side::Caller(code) => return code,
                Side::Daemon(readiness) => readiness,
            };
            let manager = Notifier::to(folder.join("manager").as_os_str()).expect("an absolute path");
            let jail = Privileges::resolve(None, None, Some(folder.to_owned())).expect("no names to look up");
            jail.settle().expect("root may");
            fs::write("/offset", Wall::now().local_offset().to_string()).expect("writable");
            manager.send(&[State::Ready]).expect("it listens");
            readiness.announce().expect("the caller waits");
            ExitCode::SUCCESS
        }
        other => panic!("no scene {other}"),
    }
}

fn play_detach(scene: &str, folder: &Path) -> ExitCode {
    let readiness = match detach().expect("one thread") {
        Side::Caller(code) => return code,
        Side::Daemon(readiness) => readiness,
    };
    if scene == "broken" {
        writeln!(io::stderr(), "cannot bind").expect("stderr is still the caller's");
        return ExitCode::FAILURE;
    }
    let session = nix::unistd::getsid(None).expect("everybody has one");
    fs::write(folder.join("daemon"), format!("{} {session}", std::process::id())).expect("writable");
    readiness.announce().expect("the caller waits");
    soon(|| folder.join("stop").exists() || !folder.exists());
    ExitCode::SUCCESS
}

fn soon(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

fn the_caller_leaves_when_the_daemon_is_ready(folder: &Path) -> Outcome {
    let start = Instant::now();
    // To its end, which comes only when the daemon has let go of the pipes.
    let output = output(&mut scene("ready", folder));
    assert!(output.status.success(), "{output:?}");
    assert!(start.elapsed() < PATIENCE, "it waited for the daemon's end");
    let text = fs::read_to_string(folder.join("daemon")).expect("written before the daemon was ready");
    let (pid, session) = text.split_once(' ').expect("two numbers");
    assert_ne!(pid, session, "a session's leader could get a terminal again");
    let process = PathBuf::from(format!("/proc/{pid}"));
    assert!(process.exists(), "the daemon lives on");
    fs::write(folder.join("stop"), "").expect("writable");
    assert!(soon(|| !process.exists()), "the daemon stops");
    Outcome::Passed
}

fn the_caller_fails_with_the_daemon(folder: &Path) -> Outcome {
    let output = output(&mut scene("broken", folder));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(output.stderr, b"cannot bind\n");
    Outcome::Passed
}

fn threads_forbid_detaching(folder: &Path) -> Outcome {
    assert!(output(&mut scene("threads", folder)).status.success());
    Outcome::Passed
}

fn the_journal_gets_priorities(folder: &Path) -> Outcome {
    let (journal, theirs) = UnixStream::pair().expect("a pair of sockets");
    let theirs = OwnedFd::from(theirs);
    let stat = nix::sys::stat::fstat(&theirs).expect("it is open");
    let mut command = scene("trace", folder);
    command
        .env("JOURNAL_STREAM", format!("{}:{}", stat.st_dev, stat.st_ino))
        .stderr(theirs);
    assert!(command.status().expect("this program can be started").success());
    // The command holds the writing end.
    drop(command);
    let text = io::read_to_string(journal).expect("text");
    assert_eq!(text, "<4>process: cannot bind port=80\n");
    Outcome::Passed
}

fn a_file_gets_plain_lines(folder: &Path) -> Outcome {
    let output = output(scene("trace", folder).env("JOURNAL_STREAM", "1:1"));
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(
        text.ends_with(" WARN process: cannot bind port=80\n") && text.lines().count() == 1,
        "{text:?}"
    );
    assert!(!text.contains('\x1b'), "colours in a file: {text:?}");
    Outcome::Passed
}

fn who_we_are_already_needs_no_right(folder: &Path) -> Outcome {
    assert!(output(&mut scene("same", folder)).status.success());
    Outcome::Passed
}

fn root_becomes_nobody_in_a_jail(folder: &Path) -> Outcome {
    if fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() != 0) {
        return Outcome::Skipped("chroot: not root");
    }
    let output = output(&mut scene("nobody", folder));
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}");
    let nobody = nix::unistd::User::from_name("nobody")
        .expect("readable")
        .expect("nobody exists");
    let (uid, gid) = (nobody.uid, nobody.gid);
    assert_eq!(
        text,
        format!("Uid: {uid} {uid} {uid} {uid}\nGid: {gid} {gid} {gid} {gid}\nGroups: {gid}\n")
    );
    Outcome::Passed
}

/// The terminal's replacement, the service manager and the time zone are found before the root directory changes.
fn a_jail_hides_nothing_of_use(folder: &Path) -> Outcome {
    if fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() != 0) {
        return Outcome::Skipped("chroot: not root");
    }
    let manager = UnixDatagram::bind(folder.join("manager")).expect("a short path");
    manager.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    let output = output(scene("jailed", folder).env("TZ", "Asia/Kolkata"));
    assert!(output.status.success(), "{output:?}");
    let mut told = [0; 64];
    let length = manager.recv(&mut told).expect("a datagram arrives");
    assert_eq!(&told[..length], b"READY=1\n");
    let offset = fs::read_to_string(folder.join("offset")).expect("written in the jail");
    let half_past_five = if Path::new("/usr/share/zoneinfo/Asia/Kolkata").exists() {
        "19800"
    } else {
        "0"
    };
    assert_eq!(offset, half_past_five);
    Outcome::Passed
}
