//! Opening: read up to where the log was torn, refuse what is damaged before that.

use std::collections::VecDeque;
use std::io;

use tandem_mq_core::Record;

use super::index::Index;
use super::{BEFORE, FAMILY, Journal, MAGIC, Segment, Settings};
use crate::code;
use crate::files::Files;
use crate::frame::{self, Found, Frame, HEAD};

/// A record that is looked for after a broken one is at most so many numbers later.
const NEAR: u64 = 1 << 32;

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("segment {segment}: {source}")]
    Disk { segment: u64, source: io::Error },
    #[error("segment {0} is not a journal of this program")]
    Foreign(u64),
    #[error(
        "segment {0} was written by another version of this program. Nothing was changed. Let that version deliver what \
         is in it, or set another folder, or move this one away: its messages stay in it"
    )]
    Version(u64),
    #[error(
        "segment {segment}, byte {at}: record {record} is damaged, though it had been stored safely. \
         Nothing was changed. Restore the folder from a copy, or take the disk for broken"
    )]
    Damaged { segment: u64, at: u64, record: u64 },
}

/// How far one segment can be read.
struct Read {
    /// The byte after the last good record.
    end: usize,
    /// The number that should come next.
    next: u64,
}

impl<F: Files> Journal<F> {
    /// Reads what is there, gives each record to `take` in order, and is ready to be written to.
    pub fn open(mut files: F, settings: Settings, mut take: impl FnMut(Record)) -> Result<Journal<F>, OpenError> {
        let disk = |segment| move |source| OpenError::Disk { segment, source };
        let numbers = files.list().map_err(disk(0))?;
        let mut index = Index::default();
        let mut segments = VecDeque::new();
        let mut next = None;
        let mut end = 0;
        let mut written = 0;
        let (mut known, mut older) = (0, Vec::new());
        let mut rest = numbers.into_iter();
        // Each segment is read once: the one after is needed to judge the end of the one before.
        let mut ahead = read_next(&mut files, &mut rest)?;
        while let Some((number, data)) = ahead {
            let read = read_segment(number, &data, next, |record, size| {
                index.apply(&record, number, size);
                take(record);
            })?;
            ahead = read_next(&mut files, &mut rest)?;
            // A whole segment ends in what was never written; the next one begins with the next number.
            let torn = ahead.as_ref().is_some_and(|(_, later)| !begins_with(later, read.next));
            if let Some((later, data)) = &ahead
                && is_unknown(data)
            {
                return Err(OpenError::Version(*later));
            }
            refuse_damage(number, &data, &read, ahead.as_ref().filter(|_| torn))?;
            segments.push_back(Segment {
                number,
                size: data.len() as u64,
            });
            (next, end) = (Some(read.next), read.end);
            written = end_of_data(&data);
            known += usize::from(is_known(&data));
            if data.starts_with(BEFORE) {
                older.push(number);
            }
            if torn {
                break;
            }
        }
        index.prune();
        let torn = ahead.map(|(number, _)| number);
        for torn in torn.into_iter().chain(rest) {
            files.remove(torn).map_err(disk(torn))?;
        }
        // Somebody had begun with it.
        if older.len() < known {
            for number in older.drain(..) {
                renew(&mut files, number).map_err(disk(number))?;
            }
        }
        let Some(last) = segments.back() else {
            return Journal::begin(files, settings, index);
        };
        let number = last.number;
        let mut active = files.open(number).map_err(disk(number))?;
        // What was torn must not be taken for a record when something is written before it.
        if written > end {
            let zeros = vec![0; written - end];
            files.write(&mut active, end as u64, &zeros).map_err(disk(number))?;
            files.sync(&mut active).map_err(disk(number))?;
        }
        let next = next.unwrap_or(1);
        let mut journal = Journal {
            files,
            settings,
            segments,
            active,
            at: end as u64,
            next,
            synced: next - 1,
            batch: Vec::new(),
            payload: Vec::new(),
            index,
            older,
            poisoned: false,
        };
        if end == 0 {
            journal.batch.extend_from_slice(journal.magic());
            if !journal.older.is_empty() {
                journal.older.push(number);
            }
        }
        Ok(journal)
    }

    fn begin(mut files: F, settings: Settings, index: Index) -> Result<Journal<F>, OpenError> {
        let size = settings.segment;
        let active = files.create(1, size);
        let active = active.map_err(|source| OpenError::Disk { segment: 1, source })?;
        Ok(Journal {
            files,
            settings,
            segments: VecDeque::from([Segment { number: 1, size }]),
            active,
            at: 0,
            next: 1,
            synced: 0,
            batch: MAGIC.to_vec(),
            payload: Vec::new(),
            index,
            older: Vec::new(),
            poisoned: false,
        })
    }
}

/// Calls `each` for every whole frame from the beginning of a segment.
pub(super) fn frames<'a>(data: &'a [u8], mut each: impl FnMut(Frame<'a>)) {
    let mut at = MAGIC.len();
    while let Some(Found::Frame(found)) = data.get(at..).map(frame::read) {
        at += HEAD + found.payload.len();
        each(found);
    }
}

fn is_known(data: &[u8]) -> bool {
    data.starts_with(MAGIC) || data.starts_with(BEFORE)
}

/// Ours, and of a version that is none of those.
fn is_unknown(data: &[u8]) -> bool {
    let version = data.get(FAMILY.len()).is_some_and(|byte| *byte != 0);
    data.starts_with(FAMILY) && version && !is_known(data)
}

/// What is written from now on the version before cannot read: it says so from the first segment on.
pub(super) fn renew<F: Files>(files: &mut F, number: u64) -> io::Result<()> {
    let mut file = files.open(number)?;
    files.write(&mut file, 0, MAGIC)?;
    files.sync(&mut file)
}

fn read_segment(
    segment: u64,
    data: &[u8],
    expected: Option<u64>,
    mut take: impl FnMut(Record, usize),
) -> Result<Read, OpenError> {
    let magic = data.get(..MAGIC.len()).unwrap_or_default();
    if !is_known(data) {
        // A segment that was made and never written to, or whose first write was torn.
        let torn = |of: &[u8; 16]| magic.iter().zip(of).all(|(byte, right)| *byte == 0 || byte == right);
        return match torn(MAGIC) || torn(BEFORE) {
            true => Ok(Read {
                end: 0,
                next: expected.unwrap_or(1),
            }),
            false if is_unknown(data) => Err(OpenError::Version(segment)),
            false => Err(OpenError::Foreign(segment)),
        };
    }
    let mut at = MAGIC.len();
    let mut next = expected;
    while let Some(Found::Frame(found)) = data.get(at..).map(frame::read) {
        if next.is_some_and(|next| next != found.number) {
            break;
        }
        let damaged = || OpenError::Damaged {
            segment,
            at: at as u64,
            record: found.number,
        };
        let record = code::decode(found.payload).map_err(|_| damaged())?;
        take(record, found.payload.len());
        next = Some(found.number + 1);
        at += HEAD + found.payload.len();
    }
    Ok(Read {
        end: at,
        next: next.unwrap_or(1),
    })
}

/// The next segment, as it lies there.
fn read_next<F: Files>(
    files: &mut F,
    numbers: &mut impl Iterator<Item = u64>,
) -> Result<Option<(u64, Vec<u8>)>, OpenError> {
    let Some(number) = numbers.next() else {
        return Ok(None);
    };
    let data = files.read(number);
    let data = data.map_err(|source| OpenError::Disk {
        segment: number,
        source,
    })?;
    Ok(Some((number, data)))
}

fn begins_with(data: &[u8], number: u64) -> bool {
    let mut first = None;
    frames(data, |found| first = first.or(Some(found.number)));
    is_known(data) && first == Some(number)
}

/// A later record that was written when the missing one was safe already: then that one is not torn, it is damaged.
/// `later` is the next segment, when it does not begin with the record that should come next.
fn refuse_damage(segment: u64, data: &[u8], read: &Read, later: Option<&(u64, Vec<u8>)>) -> Result<(), OpenError> {
    let damaged = |segment, at| OpenError::Damaged {
        segment,
        at,
        record: read.next,
    };
    if proves(data, read.end, read.next) {
        return Err(damaged(segment, read.end as u64));
    }
    let Some((next, _)) = later.filter(|(_, later)| proves(later, 0, read.next)) else {
        return Ok(());
    };
    // If something lies where the record should be, it is that; otherwise it should be in the next segment.
    let here = data
        .get(read.end..)
        .is_some_and(|rest| frame::read(rest) != Found::Empty);
    Err(if here {
        damaged(segment, read.end as u64)
    } else {
        damaged(*next, 0)
    })
}

/// Whether a whole frame lies somewhere that says `record` was safe.
fn proves(data: &[u8], from: usize, record: u64) -> bool {
    // No frame begins among the zeros, though one may end there.
    let last = end_of_data(data).min(data.len().saturating_sub(HEAD));
    (from..last).any(|at| {
        let eight = |at: usize| {
            data[at..at + 8]
                .iter()
                .rev()
                .fold(0u64, |n, byte| n << 8 | u64::from(*byte))
        };
        let (number, synced) = (eight(at + 8), eight(at + 16));
        let plausible = synced >= record && number > synced && number - record < NEAR;
        plausible && matches!(frame::read(&data[at..]), Found::Frame(_))
    })
}

/// Where the zeros begin that nobody has written to. Most of a segment is that, so it is looked at in large steps.
fn end_of_data(data: &[u8]) -> usize {
    const STEP: usize = 4096;
    let written = data.chunks(STEP).rposition(|chunk| chunk != &[0; STEP][..chunk.len()]);
    written.map_or(0, |chunk| data.len().min((chunk + 1) * STEP))
}
