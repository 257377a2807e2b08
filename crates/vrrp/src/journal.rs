//! A note of what we hold, for the process that comes after a crash.
//!
//! Addresses that are found on an interface may be anybody's: another program's, the operator's, or ours from before a
//! reboot. They are ours when the journal of this boot names them and was touched a moment ago. The file's time is the
//! heartbeat, so that beating costs no write.
//!
//! And what a process of ours left to its host at its end, because it owned it, is the host's to the next one as well,
//! whatever that one's configuration says: as to one that has read it again.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tandem_vrrp_core::settings::{Family, InstanceId, InstanceSettings, RouterSettings};

/// How often the heartbeat comes.
pub(crate) const BEAT: Duration = Duration::from_secs(1);

/// A service manager has restarted us by then. If it took longer, a rival is master and is heard.
const FRESH: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    boot: String,
}

/// Instances whose addresses a process before us held when it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    /// In this boot: what is there of their addresses is what it left.
    pub(crate) held: BTreeSet<InstanceId>,
    /// A moment ago: they may be resumed.
    pub(crate) fresh: BTreeSet<InstanceId>,
    /// They owned their addresses.
    pub(crate) owners: BTreeSet<InstanceId>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    boot: String,
    held: BTreeSet<String>,
    #[serde(default)]
    owners: BTreeSet<String>,
}

impl Journal {
    pub(crate) fn new(folder: &Path) -> io::Result<Journal> {
        fs::create_dir_all(folder)?;
        Ok(Journal {
            path: folder.join("journal"),
            boot: fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned(),
        })
    }

    /// What of these settings the last process held when it ended without a word.
    pub(crate) fn before(&self, settings: &RouterSettings) -> Before {
        let Some((note, age)) = self.read() else {
            return Before::default();
        };
        let named = |names: &BTreeSet<String>| -> BTreeSet<InstanceId> {
            let instances = settings.instances.iter();
            instances.filter(|i| names.contains(&name(i))).map(|i| i.id).collect()
        };
        let held = named(&note.held);
        // A clock that was set back makes it look as if from the future: not fresh either.
        let is_fresh = age.is_some_and(|age| age <= FRESH);
        Before {
            fresh: if is_fresh { held.clone() } else { BTreeSet::new() },
            held,
            owners: named(&note.owners),
        }
    }

    /// With its age. What is not there, not whole, or not of this boot is no journal.
    fn read(&self) -> Option<(Note, Option<Duration>)> {
        let beaten = fs::metadata(&self.path).and_then(|m| m.modified()).ok()?;
        let age = SystemTime::now().duration_since(beaten).ok();
        let note: Note = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        (note.boot == self.boot).then_some((note, age))
    }

    /// Written under another name first, so that a crash leaves the old one or the new one.
    pub(crate) fn write<'a>(
        &self,
        held: impl Iterator<Item = &'a InstanceSettings>,
        owners: impl Iterator<Item = &'a InstanceSettings>,
    ) -> io::Result<()> {
        let note = Note {
            boot: self.boot.clone(),
            held: held.map(name).collect(),
            owners: owners.map(name).collect(),
        };
        let beside = self.path.with_extension("new");
        fs::write(&beside, serde_json::to_vec(&note)?)?;
        fs::rename(&beside, &self.path)
    }

    pub(crate) fn beat(&self) -> io::Result<()> {
        File::options()
            .write(true)
            .open(&self.path)?
            .set_modified(SystemTime::now())
    }

    /// Nothing is held any more, and that was meant.
    pub(crate) fn close<'a>(&self, owners: impl Iterator<Item = &'a InstanceSettings>) -> io::Result<()> {
        let mut owners = owners.peekable();
        if owners.peek().is_some() {
            return self.write(std::iter::empty(), owners);
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }
}

/// What a reload, too, recognises an instance by; its name may change.
fn name(instance: &InstanceSettings) -> String {
    let family = match instance.family {
        Family::V4 => 4,
        Family::V6 => 6,
    };
    let source = || instance.source.map(|source| source.to_string());
    let place = instance.interface.as_deref().map(str::to_owned).or_else(source);
    format!("{}/{family}/{}", instance.vrid, place.as_deref().unwrap_or("-"))
}

#[cfg(test)]
mod tests {
    use tandem_vrrp_core::settings::Vrid;

    use super::*;

    fn settings() -> RouterSettings {
        let instance = |id: u32, vrid: u8| {
            let vrid = Vrid::new(vrid).expect("not 0");
            InstanceSettings::new(InstanceId(id), &format!("VI_{id}"), vrid, Family::V4)
        };
        RouterSettings {
            instances: vec![instance(0, 51), instance(1, 52)],
            ..RouterSettings::default()
        }
    }

    fn journal(name: &str) -> Journal {
        let folder = std::env::temp_dir().join(format!("tandem-vrrp-{name}-{}", std::process::id()));
        Journal::new(&folder).expect("the temporary folder is writable")
    }

    fn none() -> std::slice::Iter<'static, InstanceSettings> {
        [].iter()
    }

    fn done(journal: &Journal) {
        let folder = journal.path.parent().expect("it is in a folder");
        fs::remove_dir_all(folder).expect("ours");
    }

    #[test]
    fn what_was_held_a_moment_ago_is_ours() {
        let (journal, settings) = (journal("fresh"), settings());
        assert_eq!(journal.before(&settings), Before::default());
        journal.write(settings.instances[1..].iter(), none()).expect("writable");
        let second = BTreeSet::from([InstanceId(1)]);
        assert_eq!(journal.before(&settings).fresh, second);
        journal.close(none()).expect("ours");
        assert_eq!(journal.before(&settings), Before::default());
        journal.close(none()).expect("nothing to close");
        done(&journal);
    }

    #[test]
    fn who_owned_its_addresses_is_known_after_a_good_end() {
        let (journal, settings) = (journal("owners"), settings());
        let owners = || settings.instances[..1].iter();
        let first = BTreeSet::from([InstanceId(0)]);
        journal.write(settings.instances.iter(), owners()).expect("writable");
        assert_eq!(journal.before(&settings).owners, first);
        journal.close(owners()).expect("writable");
        let closed = Before {
            owners: first,
            ..Before::default()
        };
        assert_eq!(journal.before(&settings), closed);
        let older = format!("{{\"boot\":\"{}\",\"held\":[]}}", journal.boot);
        fs::write(&journal.path, older).expect("writable");
        assert_eq!(journal.before(&settings), Before::default());
        done(&journal);
    }

    #[test]
    fn what_is_old_or_of_another_boot_is_not() {
        let (mut journal, settings) = (journal("stale"), settings());
        journal.write(settings.instances.iter(), none()).expect("writable");
        let file = File::options().write(true).open(&journal.path).expect("written");
        file.set_modified(SystemTime::now() - Duration::from_secs(31))
            .expect("ours");
        let before = journal.before(&settings);
        assert!(before.fresh.is_empty(), "a rival is master by now");
        assert_eq!(before.held.len(), 2, "what is there is ours all the same");
        journal.beat().expect("ours");
        assert_eq!(journal.before(&settings).fresh.len(), 2);
        journal.boot = "another".into();
        assert_eq!(journal.before(&settings), Before::default());
        done(&journal);
    }

    #[test]
    fn half_a_journal_is_none() {
        let (journal, settings) = (journal("half"), settings());
        fs::write(&journal.path, b"{\"boot\":").expect("writable");
        assert_eq!(journal.before(&settings), Before::default());
        done(&journal);
    }
}
