//! Whatever lies in the folder of a journal: it is read or refused, and what was read is written again as it was.

use std::collections::BTreeMap;
use std::io;

use tandem_mq_core::{MessageId, QueueId, Record};
use tandem_mq_store::{Files, Journal, Settings};

const SETTINGS: Settings = Settings { segment: 4096 };

/// Files in memory.
#[derive(Clone, Debug, Default)]
struct Memory(BTreeMap<u64, Vec<u8>>);

/// Lends them, so that they are there afterwards.
struct Lent<'a>(&'a mut Memory);

impl Files for Lent<'_> {
    type File = u64;

    fn list(&mut self) -> io::Result<Vec<u64>> {
        Ok(self.0.0.keys().copied().collect())
    }

    fn read(&mut self, number: u64) -> io::Result<Vec<u8>> {
        Ok(self.0.0[&number].clone())
    }

    fn create(&mut self, number: u64, size: u64) -> io::Result<u64> {
        let file = self.0.0.entry(number).or_default();
        assert!(file.iter().all(|byte| *byte == 0), "{number} is in use");
        file.resize(usize::try_from(size).map_err(io::Error::other)?, 0);
        Ok(number)
    }

    fn open(&mut self, number: u64) -> io::Result<u64> {
        Ok(number)
    }

    fn write(&mut self, file: &mut u64, at: u64, data: &[u8]) -> io::Result<()> {
        let file = self.0.0.get_mut(file).ok_or(io::ErrorKind::NotFound)?;
        let at = usize::try_from(at).map_err(io::Error::other)?;
        file.resize(file.len().max(at + data.len()), 0);
        file[at..at + data.len()].copy_from_slice(data);
        Ok(())
    }

    fn sync(&mut self, _: &mut u64) -> io::Result<()> {
        Ok(())
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        self.0.0.remove(&number);
        Ok(())
    }
}

/// The first byte says the version; then steps of a kind, a length and that many bytes: a record in its frame (nobody would
/// guess a checksum), bytes as they are, or another segment.
pub fn check(data: &[u8]) {
    let (first, mut rest) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let mut begins = *b"tandem-mq log 6\n";
    begins[14] = b'4' + first % 4;
    let (mut files, mut segment, mut number, mut synced) = (Memory::default(), begins.to_vec(), 1u64, 0);
    while let [kind, length, tail @ ..] = rest {
        let (bytes, tail) = tail.split_at(tail.len().min(usize::from(*length)));
        rest = tail;
        match kind % 8 {
            0 => segment.extend(bytes),
            1 => {
                segment.resize(segment.len() + 64, 0);
                let next = files.0.len() as u64 + 1;
                files.0.insert(next, std::mem::replace(&mut segment, begins.to_vec()));
            }
            2 => number = number.wrapping_add(1),
            3 => synced = number - 1,
            _ => {
                append(number, synced, bytes, &mut segment);
                number = number.saturating_add(1);
            }
        }
    }
    segment.resize(segment.len() + 64, 0);
    files.0.insert(files.0.len() as u64 + 1, segment);
    read(files);
}

fn read(mut files: Memory) {
    let before = files.clone();
    let mut records = Vec::new();
    let Ok(mut journal) = Journal::open(Lent(&mut files), SETTINGS, |record| records.push(record)) else {
        assert_eq!(files.0, before.0, "nothing was changed");
        return;
    };
    let more = Record::Numbers {
        message: MessageId(7),
        queue: QueueId(7),
    };
    journal.append(&more).expect("memory does not fail");
    journal.commit().expect("memory does not fail");
    journal.seal().expect("memory does not fail");
    drop(journal);
    let mut again = Vec::new();
    Journal::open(Lent(&mut files), SETTINGS, |record| again.push(record)).expect("it is ours");
    assert!(again.contains(&more));
    // What is read can be written, and is the same then.
    let mut copy = Memory::default();
    let mut journal = Journal::open(Lent(&mut copy), SETTINGS, |_| {}).expect("it is empty");
    for record in &records {
        journal.append(record).expect("memory does not fail");
    }
    journal.commit().expect("memory does not fail");
    drop(journal);
    let mut copied = Vec::new();
    Journal::open(Lent(&mut copy), SETTINGS, |record| copied.push(record)).expect("it is ours");
    // What lets go of something may have let go of a segment.
    if copy.0.contains_key(&1) && copy.0.len() <= 2 {
        assert_eq!(format!("{copied:?}"), format!("{records:?}"));
    }
}

fn append(number: u64, synced: u64, payload: &[u8], out: &mut Vec<u8>) {
    let length = (payload.len() as u32).to_le_bytes();
    let rest = [&number.to_le_bytes()[..], &synced.to_le_bytes(), payload].concat();
    let sum = crc32fast::hash(&[&length[..], &rest].concat());
    out.extend(length);
    out.extend(sum.to_le_bytes());
    out.extend(rest);
}
