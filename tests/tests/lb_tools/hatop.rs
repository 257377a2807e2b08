//! `hatop`: interactive on the socket (`prompt`, waiting for `> `), drawing on a terminal.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tandem_tests::PATIENCE;

use super::room::say;
use super::screen::Screen;
use super::stage::{Side, Stage};

const ROWS: usize = 40;
const COLUMNS: usize = 160;

struct Terminal(Child);

impl Drop for Terminal {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What stands on its screen once all of these words are there; `script` is the terminal.
fn drawn(side: &Side, words: &[&str]) -> Option<Screen> {
    let mut command = Command::new("script");
    let hatop = format!(
        "stty rows {ROWS} cols {COLUMNS}; hatop -s {}",
        side.room.socket().display()
    );
    command
        .args(["-q", "-e", "-c", &hatop, "/dev/null"])
        .env("TERM", "vt100");
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
    let (mut screen, mut left) = (Screen::new(ROWS, COLUMNS), PATIENCE);
    loop {
        let text = screen.text();
        if words.iter().all(|word| text.contains(word)) {
            break;
        }
        let step = Duration::from_millis(100);
        left = left
            .checked_sub(step)
            .unwrap_or_else(|| panic!("{words:?} never came:\n{text}"));
        match receive.recv_timeout(step) {
            Ok(bytes) => screen.take(&bytes),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("it ended:\n{text}"),
        }
    }
    let mut keys = terminal.0.stdin.take().expect("it is a pipe");
    keys.write_all(b"q").expect("it reads keys");
    drop(keys);
    Some(screen)
}

/// The rows of its table, but for those of the page: what each is called, and its cells.
fn table(screen: &Screen) -> Vec<String> {
    let text = screen.text();
    let lines = text.lines().skip_while(|line| !line.contains("QCUR"));
    let lines = lines.take_while(|line| !line.contains("page"));
    let named = |line: &&str| {
        ["NAME", "s1", "s2", "s3", "BACKEND", "FRONTEND"]
            .iter()
            .any(|name| line.contains(name))
    };
    lines.filter(named).map(|line| line.trim_end().to_owned()).collect()
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
    let screens = screens.map(|screen| screen.expect("it could be started"));
    let [theirs, ours] = screens.each_ref().map(table);
    assert!(theirs.len() > 5, "{}", screens[0].text());
    assert_eq!(ours, theirs);
}
