//! Lines are written by a thread of their own, so that a terminal or a pipe that nobody reads keeps no connection waiting.
//!
//! The queue is bounded: what does not fit is counted, and the count is written when there is room again.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Lines that may wait. They come in bursts when many servers change state at once.
const ROOM: usize = 4_096;

/// How long the last lines have to be written when the process ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

#[derive(Clone, Debug)]
pub(super) struct Queue {
    lines: SyncSender<Vec<u8>>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

impl Queue {
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Queue> {
        let (lines, incoming) = sync_channel(ROOM);
        let counts = Arc::<Counts>::default();
        let theirs = counts.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(&incoming, &theirs, out))?;
        Ok(Queue { lines, counts })
    }

    /// Never waits.
    pub(super) fn offer(&self, line: Vec<u8>) {
        self.counts.waiting.fetch_add(1, SeqCst);
        if self.lines.try_send(line).is_err() {
            self.counts.waiting.fetch_sub(1, SeqCst);
            self.counts.lost.fetch_add(1, SeqCst);
        }
    }

    /// Until all is written, or patience ends.
    pub(super) fn finish(&self) {
        let deadline = Instant::now() + LAST_WORDS;
        while self.counts.waiting.load(SeqCst) > 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A line that cannot be written has nobody left to be reported to.
fn write(incoming: &Receiver<Vec<u8>>, counts: &Counts, mut out: impl Write) {
    for line in incoming {
        let lost = counts.lost.swap(0, SeqCst);
        if lost > 0 {
            writeln!(out, "{lost} lines were lost: nobody read them fast enough").ok();
        }
        out.write_all(&line).ok();
        counts.waiting.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Takes a line whenever it is told to.
    struct Slow {
        told: Receiver<()>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Whoever tells is gone at the end: from then on nothing is slow.
            self.told.recv().ok();
            self.taken.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (SyncSender<()>, Arc<Mutex<Vec<u8>>>, Queue) {
        let (tell, told) = sync_channel(0);
        let taken = Arc::<Mutex<Vec<u8>>>::default();
        let out = Slow {
            told,
            taken: taken.clone(),
        };
        (tell, taken, Queue::start(out).expect("a thread"))
    }

    #[test]
    fn nobody_waits_for_a_reader_that_does_not_read() {
        let (tell, taken, queue) = slow();
        for n in 0..ROOM + 100 {
            queue.offer(format!("line {n}\n").into_bytes());
        }
        let lost = queue.counts.lost.load(SeqCst);
        assert!((98..=100).contains(&lost), "one may be with the writer: {lost}");
        drop(tell);
        queue.finish();
        let text = String::from_utf8(taken.lock().expect("no panic").clone()).expect("text");
        assert!(text.contains("line 0\n"), "{text:.40}");
        assert!(text.contains(" lines were lost"), "it is said");
        assert!(text.contains(&format!("line {}\n", ROOM - 1)));
    }
}
