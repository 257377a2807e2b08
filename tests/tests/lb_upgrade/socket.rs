//! A stats socket that passes descriptors on.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tandem_tests::try_order;

/// Its file goes with the test.
pub struct Socket(PathBuf);

impl Socket {
    pub fn new() -> Socket {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tandem-up-{}-{}.sock", std::process::id(), COUNT.fetch_add(1, Relaxed));
        Socket(std::env::temp_dir().join(name))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// To ask from another thread.
    pub fn reader(&self) -> Reader {
        Reader(self.0.clone())
    }

    /// For a `global` section.
    pub fn line(&self) -> String {
        let path = self.0.display();
        format!("stats socket {path} mode 600 level admin expose-fd listeners")
    }

    pub fn try_ask(&self, command: &str) -> Option<String> {
        self.reader().try_ask(command)
    }

    #[track_caller]
    pub fn ask(&self, command: &str) -> String {
        self.try_ask(command)
            .unwrap_or_else(|| panic!("no answer to {command:?}"))
    }

    /// A number of `show stat`, for this proxy and this row of it.
    #[track_caller]
    pub fn figure(&self, proxy: &str, row: &str, field: &str) -> u64 {
        let answer = self.ask("show stat");
        figure(&answer, proxy, row, field).unwrap_or_else(|| panic!("no {field} of {proxy}/{row}: {answer}"))
    }
}

/// The way to a socket, which stays when this goes.
pub struct Reader(PathBuf);

impl Reader {
    /// The answer to a command; `None` when nobody gave one.
    pub fn try_ask(&self, command: &str) -> Option<String> {
        try_order(&self.0, command).ok().filter(|answer| !answer.is_empty())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// A number in the CSV that `show stat` answers.
pub fn figure(csv: &str, proxy: &str, row: &str, field: &str) -> Option<u64> {
    let mut lines = csv.lines();
    let names = lines.next()?.trim_start_matches("# ");
    let column = names.split(',').position(|name| name == field)?;
    let line = lines.find(|line| line.starts_with(&format!("{proxy},{row},")))?;
    line.split(',').nth(column)?.parse().ok()
}
