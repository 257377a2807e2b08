//! Opening: read up to where the log was torn, refuse what is damaged before that.

use std::collections::VecDeque;
use std::io;

use tandem_mq_core::Record;

use super::ahead::Spare;
use super::index::Index;
use super::{Journal, SEAL, Segment, Settings, Version};
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
    /// What it begins with is whole: a later record in it says that it was on disk.
    has_head: bool,
    /// The last record is a seal.
    sealed: bool,
}

impl Read {
    /// Where nothing can be read.
    fn nothing(next: Option<u64>) -> Read {
        Read {
            end: 0,
            next: next.unwrap_or(1),
            has_head: false,
            sealed: false,
        }
    }
}

impl<F: Files> Journal<F> {
    /// Reads what is there, gives each record to `take` in order, and is ready to be written to.
    pub fn open(mut files: F, settings: Settings, mut take: impl FnMut(Record)) -> Result<Journal<F>, OpenError> {
        let disk = |segment| move |source| OpenError::Disk { segment, source };
        let numbers = files.list().map_err(disk(0))?;
        let mut index = Index::default();
        let mut segments = VecDeque::new();
        let mut last = Read::nothing(None);
        let mut next = None;
        let mut written = 0;
        let (mut versions, mut needed) = (Vec::new(), None);
        let mut rest = numbers.into_iter();
        // Each segment is read once: the one after is needed to judge the end of the one before.
        let mut ahead = read_next(&mut files, &mut rest)?;
        while let Some((number, data)) = ahead {
            let read = read_segment(number, &data, next, |record, size| {
                index.apply(&record, number, size);
                needed = needed.max(Some(Version::needed(&record)));
                take(record);
            })?;
            ahead = read_next(&mut files, &mut rest)?;
            // A whole segment ends in what was never written; the next one begins with the next number.
            let torn = ahead.as_ref().is_some_and(|(_, later)| !begins_with(later, read.next));
            let after = ahead.as_ref().filter(|(_, data)| Version::is_unknown(data));
            if let Some((later, _)) = after {
                return Err(OpenError::Version(*later));
            }
            refuse_damage(number, &data, &read, ahead.as_ref().filter(|_| torn))?;
            segments.push_back(Segment {
                number,
                size: data.len() as u64,
            });
            written = end_of_data(&data);
            versions.extend(Version::of(&data).map(|version| (number, version)));
            next = Some(read.next);
            last = read;
            if torn {
                break;
            }
        }
        index.prune();
        let Some(active) = segments.back().map(|segment| segment.number) else {
            return Journal::begin(files, settings, index);
        };
        let spares = spares(&mut files, active, last.next, ahead, &mut rest)?;
        // Somebody had begun with the newest, or an older program has written what only that can read.
        let version = versions.iter().map(|(_, version)| *version).max().max(needed);
        let version = version.unwrap_or(Version::NOW);
        for (number, _) in versions.iter().filter(|(_, is)| *is < version) {
            version.write(&mut files, *number).map_err(disk(*number))?;
        }
        let end = last.end;
        let file = ready(&mut files, active, end, written).map_err(disk(active))?;
        Ok(Journal {
            files,
            settings,
            active: file,
            begins: 0,
            at: end as u64,
            next: last.next,
            synced: last.next - 1,
            batch: if end == 0 { version.magic().to_vec() } else { Vec::new() },
            payload: Vec::new(),
            index,
            version,
            most_head: usize::MAX,
            spares,
            stuck: false,
            unwritten: false,
            sealed: last.sealed,
            headless: segments.len() > 1 && !last.has_head,
            segments,
            poisoned: false,
        })
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
            begins: 0,
            at: 0,
            next: 1,
            synced: 0,
            batch: Version::NOW.magic().to_vec(),
            payload: Vec::new(),
            index,
            version: Version::NOW,
            most_head: usize::MAX,
            spares: VecDeque::new(),
            stuck: false,
            unwritten: false,
            sealed: true,
            headless: false,
            poisoned: false,
        })
    }
}

/// What comes after the last segment that can be read: the files that are made ahead. Others are torn, and go. All that is
/// there is looked at before anything is changed.
fn spares<F: Files>(
    files: &mut F,
    active: u64,
    record: u64,
    mut ahead: Option<(u64, Vec<u8>)>,
    rest: &mut impl Iterator<Item = u64>,
) -> Result<VecDeque<Spare<F::File>>, OpenError> {
    let disk = |segment| move |source| OpenError::Disk { segment, source };
    let mut later = Vec::new();
    while let Some((number, data)) = ahead {
        let is_unused = end_of_data(&data) == 0;
        if !is_unused {
            refuse_later(number, &data, record)?;
        }
        later.push((number, is_unused.then_some(data.len() as u64)));
        ahead = read_next(files, rest)?;
    }
    let mut spares = VecDeque::new();
    for (number, unused) in later {
        match unused.filter(|_| number == active + 1 + spares.len() as u64) {
            Some(size) => spares.push_back(Spare {
                file: files.open(number).map_err(disk(number))?,
                size,
            }),
            None => files.remove(number).map_err(disk(number))?,
        }
    }
    Ok(spares)
}

/// The last segment, to be written to from `end` on, where something lies up to `written`.
fn ready<F: Files>(files: &mut F, active: u64, end: usize, written: usize) -> io::Result<F::File> {
    let mut file = files.open(active)?;
    // What was torn must not be taken for a record when something is written before it.
    if written > end {
        files.write(&mut file, end as u64, &vec![0; written - end])?;
    }
    // What has been read may not have been on disk yet, and the next record will say that it is.
    files.sync(&mut file)?;
    Ok(file)
}

/// Calls `each` for every whole frame from the beginning of a segment.
pub(super) fn frames<'a>(data: &'a [u8], mut each: impl FnMut(Frame<'a>)) {
    let mut at = Version::LENGTH;
    while let Some(Found::Frame(found)) = data.get(at..).map(frame::read) {
        at += HEAD + found.payload.len();
        each(found);
    }
}

/// The first record of a segment.
fn first(data: &[u8]) -> Option<Frame<'_>> {
    match data.get(Version::LENGTH..).map(frame::read) {
        Some(Found::Frame(first)) => Some(first),
        _ => None,
    }
}

fn read_segment(
    segment: u64,
    data: &[u8],
    expected: Option<u64>,
    mut take: impl FnMut(Record, usize),
) -> Result<Read, OpenError> {
    if Version::of(data).is_none() {
        return read_nothing(segment, data, expected);
    }
    let mut at = Version::LENGTH;
    let mut read = Read::nothing(expected);
    let begins = first(data).map(|first| first.number);
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
        read.has_head |= begins.is_some_and(|begins| found.synced >= begins);
        read.sealed = record == SEAL;
        take(record, found.payload.len());
        next = Some(found.number + 1);
        at += HEAD + found.payload.len();
    }
    Ok(Read {
        end: at,
        next: next.unwrap_or(1),
        ..read
    })
}

/// A segment that does not begin as ours do.
fn read_nothing(segment: u64, data: &[u8], expected: Option<u64>) -> Result<Read, OpenError> {
    // It was made and never written to, or its first write was torn.
    if Version::is_torn(data) {
        return Ok(Read::nothing(expected));
    }
    if Version::is_unknown(data) {
        return Err(OpenError::Version(segment));
    }
    // What comes after is ours.
    Err(match first(data) {
        Some(first) => OpenError::Damaged {
            segment,
            at: 0,
            record: first.number,
        },
        None => OpenError::Foreign(segment),
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
    Version::of(data).is_some() && first(data).is_some_and(|first| first.number == number)
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

/// The same of a segment that comes after what is torn.
fn refuse_later(segment: u64, data: &[u8], record: u64) -> Result<(), OpenError> {
    if Version::is_unknown(data) {
        return Err(OpenError::Version(segment));
    }
    if !proves(data, 0, record) {
        return Ok(());
    }
    Err(OpenError::Damaged { segment, at: 0, record })
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
