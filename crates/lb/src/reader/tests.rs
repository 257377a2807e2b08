//! What is asked, and what becomes of answers that come late or never.

use std::path::{Path, PathBuf};
use std::thread::{JoinHandle, spawn};

use super::*;

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(20);

/// A configuration with two servers that have names.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Files {
        let file = env::temp_dir().join(format!("tandem-reader-{name}-{}.cfg", std::process::id()));
        let text = "defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nlisten l\n \
                    bind 127.0.0.1:1\n server a localhost:1\n server b ip6-localhost:2 init-addr libc,none\n";
        std::fs::write(&file, text).expect("a file");
        Files(file)
    }

    fn args(&self) -> Args {
        Args::read(["tandem-lb".as_ref(), "-f".as_ref(), self.0.as_os_str()].map(Into::into)).expect("well written")
    }

    fn known(&self, but: &str) -> Known {
        let read = Configuration::read(&self.args(), false, &Outside::Here).expect("it is there");
        let mut plan = read.plan.expect("a good configuration");
        plan.backends[0].servers.retain(|server| *server.name != *but);
        Known::of(&plan)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

fn line(patience: Duration) -> (Line, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    (Line::new(ours, patience).expect("a socket"), theirs)
}

/// Answers a question that is on its way: with the number of those that are known for its only file.
fn answered(socket: &UnixStream) {
    let known = Known::read(&mut &*socket).expect("a question");
    let noting = Outside::noting(None);
    noting.folder(Path::new(&format!("/none/{}", known.0.len()))).ok();
    let mut to = BufWriter::new(socket);
    to.write_all(&[0])
        .and_then(|()| noting.notes().write(&mut to))
        .expect("heard");
}

fn said(notes: Notes, count: usize) -> bool {
    Outside::Noted(notes)
        .folder(Path::new(&format!("/none/{count}")))
        .is_ok()
}

#[test]
fn only_servers_that_are_new_are_looked_up() {
    let files = Files::new("known");
    let (all, one, none) = (files.known(""), files.known("a"), Known::default());
    for (known, a, b) in [(all, false, false), (one, true, false), (none, true, true)] {
        let noting = Outside::noting(None);
        read_all(&files.args(), &noting, &known);
        let noted = Outside::Noted(noting.notes());
        let was_asked = |name: &str| !matches!(noted.resolve(name), Err(why) if why.contains("was not there"));
        assert_eq!(
            (was_asked("localhost"), was_asked("ip6-localhost")),
            (a, b),
            "{known:?}"
        );
        assert!(noted.read(&files.0).is_ok());
    }
}

#[test]
fn what_is_known_is_the_same_at_the_other_end() {
    let known = Files::new("wire").known("");
    let mut wire = Vec::new();
    known.write(&mut wire).expect("written");
    assert_eq!(Known::read(&mut &*wire).expect("read"), known);
    for end in 0..wire.len() {
        assert!(Known::read(&mut &wire[..end]).is_err(), "{end} of {}", wire.len());
    }
}

#[test]
fn an_answer_that_comes_late_is_not_the_next_ones() {
    let ((mut line, theirs), files) = (line(SHORT), Files::new("late"));
    let (two, none) = (files.known(""), Known::default());
    assert!(matches!(line.ask(&two), Err(AskError::Late)));
    assert!(
        matches!(line.ask(&none), Err(AskError::Late)),
        "it is still at the first"
    );
    answered(&theirs);
    line.socket.set_read_timeout(Some(LONG)).expect("a socket");
    let other: JoinHandle<()> = spawn(move || {
        answered(&theirs);
        answered(&theirs);
    });
    assert!(said(line.ask(&none).expect("an answer"), 0));
    assert!(said(line.ask(&two).expect("an answer"), 2));
    other.join().expect("it answers");
}

#[test]
fn whoever_is_gone_or_says_nonsense_is_not_asked_again() {
    let (mut line, theirs) = line(LONG);
    (&theirs).write_all(&[0, 0, 0, 0, 0, 0, 0, 0, 1, b'x']).expect("heard");
    for _ in 0..2 {
        let why = line.ask(&Known::default()).expect_err("no answer").to_string();
        assert!(why.contains("is gone") && why.contains("restart"), "{why}");
    }
}

#[test]
fn it_ends_with_whoever_asks() {
    let ((mut line, theirs), files) = (line(LONG), Files::new("end"));
    (&line.socket).write_all(&NOBODY.to_be_bytes()).expect("heard");
    let args = files.args();
    let other = spawn(move || answer(&theirs, &args));
    for _ in 0..2 {
        let notes = Outside::Noted(line.ask(&Known::default()).expect("an answer"));
        assert!(notes.read(&files.0).is_ok() && notes.resolve("localhost").is_ok());
    }
    drop(line);
    assert!(other.join().expect("no panic").is_ok());
}
