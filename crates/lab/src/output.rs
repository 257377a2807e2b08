//! What a program wrote, kept within bounds: the newest lines stay.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const KEPT_BYTES: usize = 1 << 20;
const LONGEST_LINE: u64 = 16 << 10;

#[derive(Debug, Default)]
pub(crate) struct Output {
    lines: Mutex<Lines>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    bytes: usize,
    /// Lines that are no longer kept.
    dropped: usize,
    /// Lines, counted from the first ever, in which a wait has already found what it sought.
    found: usize,
    /// Streams that are still open.
    open: usize,
}

impl Output {
    /// Reads a stream to its end on a thread of its own.
    pub(crate) fn follow(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        self.lock().open += 1;
        let output = Arc::clone(self);
        std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while let Ok(1..) = stream.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
                output.push(String::from_utf8_lossy(&line).trim_end_matches('\n').to_string());
                line.clear();
            }
            output.lock().open -= 1;
            output.more.notify_all();
        });
    }

    fn push(&self, line: String) {
        let mut lines = self.lock();
        lines.bytes += line.len();
        lines.kept.push_back(line);
        while lines.bytes > KEPT_BYTES {
            let Some(oldest) = lines.kept.pop_front() else { break };
            lines.bytes -= oldest.len();
            lines.dropped += 1;
        }
        drop(lines);
        self.more.notify_all();
    }

    /// The next line that contains the words, after the one that the last wait returned.
    pub(crate) fn wait_for(&self, words: &str, within: Duration) -> Option<String> {
        let deadline = Instant::now() + within;
        let mut lines = self.lock();
        loop {
            if let Some(line) = lines.find(words) {
                return Some(line);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || lines.open == 0 {
                return None;
            }
            lines = self
                .more
                .wait_timeout(lines, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Everything, when nobody can write any more.
    pub(crate) fn text_when_closed(&self, within: Duration) -> Option<String> {
        let lines = self.lock();
        let (lines, waited) = self
            .more
            .wait_timeout_while(lines, within, |lines| lines.open > 0)
            .unwrap_or_else(PoisonError::into_inner);
        drop(lines);
        (!waited.timed_out()).then(|| self.text())
    }

    pub(crate) fn text(&self) -> String {
        let lines = self.lock();
        lines.kept.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn find(&mut self, words: &str) -> Option<String> {
        let from = self.found.saturating_sub(self.dropped);
        let at = self.kept.iter().skip(from).position(|line| line.contains(words))? + from;
        self.found = self.dropped + at + 1;
        Some(self.kept[at].clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn a_wait_goes_on_after_the_line_that_the_last_one_found() {
        let output = Arc::new(Output::default());
        output.follow(&b"one up\ntwo\none down\none up again\n"[..]);
        assert_eq!(output.wait_for("one up", LONG).as_deref(), Some("one up"));
        assert_eq!(output.wait_for("one up", LONG).as_deref(), Some("one up again"));
        assert_eq!(
            output.wait_for("two", LONG),
            None,
            "the end of the stream ends the wait"
        );
    }

    #[test]
    fn keeps_the_newest_within_bounds() {
        let output = Arc::new(Output::default());
        let many = "x".repeat(1000) + "\n";
        output.follow(std::io::Cursor::new(many.repeat(2000) + "last\n"));
        assert_eq!(output.wait_for("last", LONG).as_deref(), Some("last"));
        assert!(output.lock().bytes <= KEPT_BYTES);
        assert!(output.lock().dropped > 0);
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let output = Arc::new(Output::default());
        output.follow(std::io::repeat(b'y').take(LONGEST_LINE * 2 + 3));
        assert_eq!(output.wait_for("nothing", LONG), None);
        let lengths: Vec<usize> = output.lock().kept.iter().map(String::len).collect();
        assert_eq!(lengths, [LONGEST_LINE as usize, LONGEST_LINE as usize, 3]);
    }
}
