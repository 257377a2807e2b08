//! A buffer in memory for lines (HAProxy's `ring`): the oldest give way to new ones, but not those that a [`Reader`] has yet to
//! take; then it is the new one that is lost, and counted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// What a configuration says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The longest line in bytes.
    pub longest: usize,
    /// How many bytes it holds, with what HAProxy would need beside the lines.
    pub size: usize,
}

/// How much is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    pub lines: usize,
    /// As they count against its size.
    pub bytes: usize,
    pub size: usize,
    /// Lines that found no place so far, because others were to be taken first.
    pub dropped: u64,
}

#[derive(Debug)]
pub struct Ring {
    name: Box<str>,
    inside: Mutex<Inside>,
    /// Told when a line has come.
    came: watch::Sender<()>,
}

impl PartialEq for Ring {
    /// There is one of each.
    fn eq(&self, other: &Ring) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Ring {}

/// Somebody who takes one line after the other, and for whom they are kept.
#[derive(Debug)]
pub struct Reader {
    ring: Arc<Ring>,
    number: u64,
    came: watch::Receiver<()>,
}

#[derive(Debug)]
struct Inside {
    shape: Shape,
    lines: VecDeque<Box<[u8]>>,
    /// The number of the oldest, counted from the first that ever came.
    first: u64,
    bytes: usize,
    dropped: u64,
    /// Who reads, and the number of the next line of each.
    readers: Vec<(u64, u64)>,
}

impl Ring {
    pub fn new(name: &str, shape: Shape) -> Arc<Ring> {
        let inside = Inside {
            shape,
            lines: VecDeque::new(),
            first: 0,
            bytes: 0,
            dropped: 0,
            readers: Vec::new(),
        };
        Arc::new(Ring {
            name: name.into(),
            inside: Mutex::new(inside),
            came: watch::Sender::new(()),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is in it stays, as far as there is room.
    pub fn reshape(&self, shape: Shape) {
        let mut inside = self.inside();
        inside.shape = shape;
        inside.make_room(0);
    }

    pub fn fill(&self) -> Fill {
        let inside = self.inside();
        Fill {
            lines: inside.lines.len(),
            bytes: inside.bytes,
            size: inside.shape.size,
            dropped: inside.dropped,
        }
    }

    pub fn write(&self, line: &[u8]) {
        self.inside().write(line);
        self.came.send_replace(());
    }

    /// Those from that number on that are still there, and the number of the next one.
    pub fn lines_from(&self, number: u64) -> (Vec<String>, u64) {
        let inside = self.inside();
        let skipped = usize::try_from(number.saturating_sub(inside.first)).unwrap_or(usize::MAX);
        let lines = inside.lines.iter().skip(skipped);
        let lines = lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        (lines, inside.last())
    }

    /// Told of each that comes.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.came.subscribe()
    }

    /// Reads from the oldest line on.
    pub fn reader(self: &Arc<Ring>) -> Reader {
        let mut inside = self.inside();
        let number = inside.readers.last().map_or(0, |(last, _)| last + 1);
        let next = inside.first;
        inside.readers.push((number, next));
        Reader {
            ring: self.clone(),
            number,
            came: self.came.subscribe(),
        }
    }

    /// A write leaves it whole, so a panic elsewhere has broken nothing.
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Shows the next lines, which are kept until [`Reader::took`]: one at least if there is any, and no further one when those
    /// before it have so many bytes.
    pub fn show(&self, enough: usize, mut each: impl FnMut(&[u8])) {
        let inside = self.ring.inside();
        let own = inside.readers.iter().find(|(number, _)| *number == self.number);
        let skipped = own.and_then(|(_, next)| usize::try_from(next - inside.first).ok());
        let mut bytes = 0;
        for line in inside.lines.iter().skip(skipped.unwrap_or(usize::MAX)) {
            each(line);
            bytes += line.len();
            if bytes >= enough {
                return;
            }
        }
    }

    pub fn took(&self, lines: u64) {
        let mut inside = self.ring.inside();
        let last = inside.last();
        let own = inside.readers.iter_mut().find(|(number, _)| *number == self.number);
        if let Some((_, next)) = own {
            *next = (*next + lines).min(last);
        }
    }

    /// Until another line has come.
    pub async fn news(&mut self) {
        if self.came.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.ring.inside().readers.retain(|(number, _)| *number != self.number);
    }
}

impl Inside {
    fn last(&self) -> u64 {
        self.first + self.lines.len() as u64
    }

    fn write(&mut self, line: &[u8]) {
        let line = &line[..line.len().min(self.shape.longest)];
        if !self.make_room(weight(line.len())) {
            self.dropped += 1;
            return;
        }
        self.bytes += weight(line.len());
        self.lines.push_back(line.into());
    }

    /// False when those that are there are wanted still, or all of it would not be enough.
    fn make_room(&mut self, wanted: usize) -> bool {
        // One byte of its own HAProxy always needs.
        if wanted + 1 > self.shape.size {
            return false;
        }
        while self.bytes + wanted + 1 > self.shape.size {
            let is_read = self.readers.iter().any(|(_, next)| *next <= self.first);
            let Some(oldest) = self.lines.front().filter(|_| !is_read) else {
                return false;
            };
            self.bytes -= weight(oldest.len());
            self.lines.pop_front();
            self.first += 1;
        }
        true
    }
}

/// What a line takes in HAProxy's buffer: a count of readers and its length come before it.
fn weight(length: usize) -> usize {
    let of_length = match length {
        0..0xf0 => 1,
        0xf0..0x8f0 => 2,
        0x8f0..0x4_08f0 => 3,
        _ => 4,
    };
    1 + of_length + length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(size: usize) -> Arc<Ring> {
        Ring::new("r", Shape { longest: 10, size })
    }

    fn all(ring: &Ring) -> String {
        ring.lines_from(0).0.join(" ")
    }

    fn shown(reader: &Reader, enough: usize) -> Vec<String> {
        let mut lines = Vec::new();
        reader.show(enough, |line| lines.push(String::from_utf8_lossy(line).into_owned()));
        lines
    }

    #[test]
    fn the_oldest_give_way() {
        // Each takes four bytes.
        let ring = ring(13);
        for line in ["aa", "bb", "cc", "dd"] {
            ring.write(line.as_bytes());
        }
        assert_eq!((all(&ring).as_str(), ring.fill().dropped), ("bb cc dd", 0));
        assert_eq!(ring.lines_from(3), (vec!["dd".to_owned()], 4));
        assert_eq!(ring.lines_from(9).0, Vec::<String>::new());
        ring.write(b"0123456789abc");
        assert_eq!(all(&ring), "0123456789", "cut, and in the place of all");
        ring.reshape(Shape { longest: 3, size: 8 });
        assert_eq!(all(&ring), "");
        ring.write(b"xyz!");
        assert_eq!(all(&ring), "xyz");
    }

    #[test]
    fn a_line_that_can_never_fit_takes_nobodys_place() {
        let ring = ring(12);
        ring.write(b"aa");
        ring.write(b"bb");
        ring.write(b"0123456789");
        assert_eq!((all(&ring).as_str(), ring.fill().dropped), ("aa bb", 1));
        ring.write(b"012345678");
        assert_eq!((all(&ring).as_str(), ring.fill().dropped), ("012345678", 1));
    }

    #[test]
    fn what_somebody_reads_stays_and_others_are_lost() {
        let ring = ring(13);
        ring.write(b"aa");
        let reader = ring.reader();
        for line in ["bb", "cc", "dd", "ee"] {
            ring.write(line.as_bytes());
        }
        assert_eq!((all(&ring).as_str(), ring.fill().dropped), ("aa bb cc", 2));
        for (enough, lines) in [
            (0, &["aa"][..]),
            (2, &["aa"]),
            (3, &["aa", "bb"]),
            (99, &["aa", "bb", "cc"]),
        ] {
            assert_eq!(shown(&reader, enough), lines, "{enough}");
        }
        reader.took(2);
        assert_eq!(shown(&reader, 99), ["cc"]);
        reader.took(2);
        assert_eq!(shown(&reader, 99), Vec::<String>::new());
        ring.write(b"ff");
        assert_eq!(shown(&reader, 99), ["ff"], "and none that was not there");
        drop(reader);
        for line in ["gg", "hh", "ii"] {
            ring.write(line.as_bytes());
        }
        assert_eq!((all(&ring).as_str(), ring.fill().dropped), ("gg hh ii", 2));
    }
}
