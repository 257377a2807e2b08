//! `hatop`: interactive on the socket (`prompt`, waiting for `> `), drawing on a terminal.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tandem_tests::PATIENCE;

use super::room::say;
use super::stage::{Side, Stage};

struct Terminal(Child);

impl Drop for Terminal {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What it draws until all of these words were there; `script` is the terminal.
fn drawn(side: &Side, words: &[&str]) -> Option<String> {
    let mut command = Command::new("script");
    let hatop = format!("stty rows 40 cols 160; hatop -s {}", side.room.socket().display());
    command
        .args(["-q", "-e", "-c", &hatop, "/dev/null"])
        .env("TERM", "xterm");
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut terminal = Terminal(child);
    let mut stdout = terminal.0.stdout.take().expect("it is a pipe");
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = stdout.read(&mut buffer) {
            if send.send(buffer[..n].to_vec()).is_err() {
                return;
            }
        }
    });
    let (mut screen, mut left) = (String::new(), PATIENCE);
    while !words.iter().all(|word| screen.contains(word)) {
        let step = Duration::from_millis(100);
        left = left
            .checked_sub(step)
            .unwrap_or_else(|| panic!("{words:?} never came:\n{screen}"));
        match receive.recv_timeout(step) {
            Ok(bytes) => screen.push_str(&String::from_utf8_lossy(&bytes)),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("it ended:\n{screen}"),
        }
    }
    let mut keys = terminal.0.stdin.take().expect("it is a pipe");
    keys.write_all(b"q").expect("it reads keys");
    drop(keys);
    Some(screen)
}

#[test]
fn it_shows_the_same_servers() {
    let is_here = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !is_here("hatop") || !is_here("script") {
        return say("SKIP hatop: hatop and script (util-linux) are not installed");
    }
    let Some(stage) = Stage::set("hatop") else { return };
    let words = [
        "s1", "s2", "s3", "BACKEND", "FRONTEND", "UP", "MAINT", "L4OK", "HAProxy",
    ];
    let screens = stage.both(|side| drawn(side, &words));
    assert!(screens.iter().all(Option::is_some));
}
