//! Of which version a journal is. It stays of the one that began it until something must be written that this one cannot
//! read, so that whoever goes back to an older program can; from then on all its segments say the newer one, and no older
//! program takes such a record for damage.
//!
//! 4 knows neither messages that wait for their time nor policies, 5 no policies, 6 neither how often a message was tried nor
//! which ids came, nor what policies say of that and of some more.

use std::io;

use tandem_mq_core::Record;

use crate::files::Files;

/// What every version begins with.
const FAMILY: &[u8; 14] = b"tandem-mq log ";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u8);

impl Version {
    pub(super) const NOW: Version = Version(b'7');
    const OLDEST: Version = Version(b'4');
    /// How much of a segment says its version.
    pub(super) const LENGTH: usize = 16;

    /// What a segment of it begins with.
    pub(super) fn magic(self) -> [u8; Version::LENGTH] {
        let mut magic = [b'\n'; Version::LENGTH];
        magic[..FAMILY.len()].copy_from_slice(FAMILY);
        magic[FAMILY.len()] = self.0;
        magic
    }

    /// That of a segment, if we can read it.
    pub(super) fn of(segment: &[u8]) -> Option<Version> {
        Version::all().find(|version| segment.starts_with(&version.magic()))
    }

    /// Whether a segment is of this program, but of none of these versions.
    pub(super) fn is_unknown(segment: &[u8]) -> bool {
        let version = segment.get(FAMILY.len()).is_some_and(|byte| *byte != 0);
        segment.starts_with(FAMILY) && version && Version::of(segment).is_none()
    }

    /// Whether only a part of the first page may have come to the disk, or nothing.
    pub(super) fn is_torn(segment: &[u8]) -> bool {
        let begins = segment.get(..Version::LENGTH).unwrap_or(segment);
        let torn = |of: Version| {
            begins
                .iter()
                .zip(of.magic())
                .all(|(byte, right)| *byte == 0 || *byte == right)
        };
        Version::all().any(torn)
    }

    /// The first that can read a record.
    pub(super) fn needed(record: &Record) -> Version {
        match record {
            Record::Tried { .. } | Record::Doubles(_) => Version(b'7'),
            Record::PolicyMade(policy) if !policy.is_plain() => Version(b'7'),
            Record::PolicyMade(_) | Record::PolicyGone(_) => Version(b'6'),
            Record::Put { message, .. } if message.schedule.is_some() => Version(b'5'),
            Record::All(records) => records.iter().map(Version::needed).max().unwrap_or(Version::OLDEST),
            _ => Version::OLDEST,
        }
    }

    /// Makes a segment that is there say this one.
    pub(super) fn write<F: Files>(self, files: &mut F, segment: u64) -> io::Result<()> {
        let mut file = files.open(segment)?;
        files.write(&mut file, 0, &self.magic())?;
        files.sync(&mut file)
    }

    fn all() -> impl Iterator<Item = Version> {
        (Version::OLDEST.0..=Version::NOW.0).map(Version)
    }
}
