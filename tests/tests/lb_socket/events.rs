//! `show events`: what has happened, and what happens while somebody looks.

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use tandem_tests::{Lb, free_port};

use super::haproxy::config;
use super::room::Room;

fn line(reader: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line in time");
    line
}

/// The lines before the one that has these words.
fn lines_before(reader: &mut BufReader<UnixStream>, words: &str) -> String {
    let lines = std::iter::from_fn(|| Some(line(reader)).filter(|line| !line.is_empty() && !line.contains(words)));
    lines.collect()
}

#[test]
fn whoever_follows_is_told_until_he_says_something() {
    let room = Room::new();
    let _lb = Lb::start(&config(&room, [free_port(), free_port()]));
    assert_eq!(room.ask("disable server be/s2"), "\n");
    let mut all = BufReader::new(room.connect());
    let mut new = BufReader::new(room.connect());
    all.get_mut().write_all(b"show events buf0 -w\n").expect("it is taken");
    lines_before(&mut all, "Server be/s2 is going DOWN for maintenance");
    new.get_mut().write_all(b"show events buf0 -nw\n").expect("it is taken");
    // Who asks behind it is answered when it has been heard.
    let mut probe = room.connect();
    probe.write_all(b"show version\n").expect("it is taken");
    assert!(line(&mut BufReader::new(probe)).starts_with("2.6"));
    assert_eq!(room.ask("enable server be/s2"), "\n");
    for reader in [&mut all, &mut new] {
        assert!(!lines_before(reader, "Server be/s2 is UP").contains("for maintenance"));
    }
    // What is said ends it, and is answered.
    all.get_mut().write_all(b"show version\n").expect("it is taken");
    assert_eq!(line(&mut all), "\n");
    assert!(line(&mut all).starts_with("2.6"));
    new.get_mut().shutdown(Shutdown::Write).expect("it is open");
    assert_eq!([line(&mut new), line(&mut new)], ["\n", ""]);
    // Nobody waits where more was said already, or all.
    assert!(room.ask("show events buf0 -w;show version").contains("\n2.6"));
    assert_eq!(room.ask("show events buf0 -n -w"), "\n");
}
