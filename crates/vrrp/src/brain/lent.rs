//! What macvlans with a virtual MAC address need to be set under /proc/sys, of them and of the interfaces below; and what
//! keeps an interface silent about addresses that have left it and stay on this host.
//!
//! Some of these settings are the kernel's to change only when nobody else is changing any network, so they are written by
//! the thread that may wait for that, between its other errands: before the addresses come, and given back after they and
//! the macvlan are gone.
//!
//! What was set before is noted in a file first, because connections may outlive a process of ours, and addresses outlive
//! one that was killed. The next process gives back what nobody needs any more. Each network has a file of its own: an eth0
//! in another one is another interface.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tandem_sys::netns::own_network;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// For a new macvlan.
    Lend {
        vmac: Arc<str>,
        base: Arc<str>,
        /// It was made before a crash, so what is set may be what we set.
        found: bool,
    },
    /// For an address that goes from this interface to the loopback.
    Silence {
        base: Arc<str>,
        /// It went there before a start of ours, so what is set may be what we set.
        found: bool,
    },
    /// Of all interfaces but those that still need it.
    GiveBack { needed: BTreeSet<Arc<str>> },
}

/// Of the interface below. It does not answer for the addresses above it, and asks with none of them: either would tell
/// others the wrong MAC address.
const BELOW: [(&str, &str); 2] = [("ipv4/conf/{}/arp_ignore", "1"), ("ipv4/conf/{}/arp_announce", "2")];

/// Of the macvlan: it answers for its own addresses only, hears this host's other addresses, and has no address that
/// nobody gave it.
const ABOVE: [(&str, &str); 6] = [
    ("ipv4/conf/{}/arp_ignore", "1"),
    ("ipv4/conf/{}/arp_filter", "0"),
    ("ipv4/conf/{}/accept_local", "1"),
    ("ipv4/conf/{}/promote_secondaries", "1"),
    ("ipv6/conf/{}/addr_gen_mode", "1"),
    ("ipv6/conf/{}/accept_ra", "0"),
];

const RP_FILTER: &str = "ipv4/conf/{}/rp_filter";

#[derive(Debug)]
pub(super) struct Lent {
    root: PathBuf,
    /// What was set of the interfaces below before us.
    before: BTreeMap<(Arc<str>, &'static str), String>,
    note: Note,
}

/// What was set before us, for the next process.
#[derive(Debug)]
struct Note {
    file: PathBuf,
    /// After the next start of the host everything is as it was.
    boot: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    boot: String,
    /// The interface, what is set of it, and to what.
    before: Vec<(String, String, String)>,
}

impl Note {
    fn read(&self) -> Option<Noted> {
        let noted: Noted = serde_json::from_slice(&fs::read(&self.file).ok()?).ok()?;
        (noted.boot == self.boot).then_some(noted)
    }

    /// Written under another name first, so that a crash leaves the old one or the new one.
    fn write(&self, before: &BTreeMap<(Arc<str>, &'static str), String>) -> io::Result<()> {
        if before.is_empty() {
            return match fs::remove_file(&self.file) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                outcome => outcome,
            };
        }
        let lines = before.iter();
        let noted = Noted {
            boot: self.boot.clone(),
            before: lines
                .map(|((base, what), value)| (base.to_string(), (*what).to_owned(), value.clone()))
                .collect(),
        };
        let beside = self.file.with_extension("new");
        fs::write(&beside, serde_json::to_vec(&noted)?)?;
        fs::rename(&beside, &self.file)
    }
}

fn file_name(network: Option<u64>) -> String {
    network.map_or_else(|| "lent".to_owned(), |number| format!("lent-{number}"))
}

impl Lent {
    /// `folder`: where the process before has left its note.
    pub(super) fn new(folder: &Path) -> Lent {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let note = Note {
            file: folder.join(file_name(own_network().ok())),
            boot: boot.trim().to_owned(),
        };
        Lent::within(PathBuf::from("/proc/sys/net"), note)
    }

    fn within(root: PathBuf, note: Note) -> Lent {
        let noted = note.read().map_or_else(Vec::new, |noted| noted.before);
        let ours = |(base, what, value): (String, String, String)| {
            let known = BELOW.into_iter().find(|(known, _)| **known == *what);
            // A name that leads elsewhere is none of an interface.
            let (what, _) = known.filter(|_| !base.contains('/') && !base.starts_with('.'))?;
            Some(((base.into(), what), value))
        };
        let before = noted.into_iter().filter_map(ours).collect();
        Lent { root, before, note }
    }

    pub(super) fn carry_out(&mut self, setting: &Setting) -> Result<(), String> {
        match setting {
            Setting::Lend { vmac, base, found } => self
                .lend(vmac, base, *found)
                .map_err(|error| format!("{base}: the MAC address of {vmac} may be told wrongly: {error}")),
            Setting::Silence { base, found } => BELOW
                .into_iter()
                .try_for_each(|(what, value)| self.set_below(base, what, value, *found))
                .map_err(|error| format!("{base}: it may answer for addresses that have left: {error}")),
            Setting::GiveBack { needed } => self
                .give_back(needed)
                .map_err(|error| format!("what interfaces need no more is not noted: {error}")),
        }
    }

    fn lend(&mut self, vmac: &str, base: &Arc<str>, found: bool) -> io::Result<()> {
        // The sum of all and its own decides, and 2 lets through what all of 1 would not: answers leave by the interface below.
        let all = self.read(RP_FILTER, "all").unwrap_or_default();
        let own = if all == "0" { "0" } else { "2" };
        let mut outcome = self.write(RP_FILTER, vmac, own);
        for (what, value) in ABOVE {
            outcome = outcome.and(self.write(what, vmac, value));
        }
        for (what, value) in BELOW {
            outcome = outcome.and(self.set_below(base, what, value, found));
        }
        outcome
    }

    /// What a crash has left set goes back to what interfaces begin with here.
    fn set_below(&mut self, base: &Arc<str>, what: &'static str, value: &str, found: bool) -> io::Result<()> {
        let now = self.read(what, base)?;
        let is_set = now == value;
        let key = (base.clone(), what);
        let mut noted = Ok(());
        if (!is_set || found) && !self.before.contains_key(&key) {
            let before = if is_set { self.read(what, "default")? } else { now };
            self.before.insert(key, before);
            noted = self.note.write(&self.before);
        }
        // What is not noted is needed all the same.
        let written = if is_set { Ok(()) } else { self.write(what, base, value) };
        written.and(noted)
    }

    fn give_back(&mut self, needed: &BTreeSet<Arc<str>>) -> io::Result<()> {
        let back: Vec<_> = self
            .before
            .extract_if(.., |(base, _), _| !needed.contains(base))
            .collect();
        if back.is_empty() {
            return Ok(());
        }
        for ((base, what), value) in back {
            // An interface that is gone needs nothing back.
            self.write(what, &base, &value).ok();
        }
        self.note.write(&self.before)
    }

    fn path(&self, what: &str, interface: &str) -> PathBuf {
        self.root.join(what.replace("{}", interface))
    }

    fn read(&self, what: &str, interface: &str) -> io::Result<String> {
        Ok(fs::read_to_string(self.path(what, interface))?.trim().to_owned())
    }

    /// A kernel without IPv6 has no settings of it.
    fn write(&self, what: &str, interface: &str, value: &str) -> io::Result<()> {
        let path = self.path(what, interface);
        // What is not there is not made, as it would be outside /proc.
        let outcome = fs::OpenOptions::new().write(true).truncate(true).open(&path);
        match outcome.and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes())) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
            Ok(()) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder in place of /proc/sys/net, with the interfaces that these tests have.
    fn folder(name: &str) -> Lent {
        let root = std::env::temp_dir().join(format!("tandem-lent-{name}-{}", std::process::id()));
        for interface in ["all", "default", "eth0", "eth1", "vrrp.51", "vrrp.52"] {
            let settings = root.join("ipv4/conf").join(interface);
            fs::create_dir_all(&settings).expect("a folder");
            for what in ["arp_ignore", "arp_announce", "rp_filter", "arp_filter"] {
                fs::write(settings.join(what), "0\n").expect("a file");
            }
        }
        again(root)
    }

    /// As the next process finds it.
    fn again(root: PathBuf) -> Lent {
        let note = Note {
            file: root.join("lent"),
            boot: "this".into(),
        };
        Lent::within(root, note)
    }

    fn lend(lent: &mut Lent, vmac: &str, base: &str, found: bool) {
        let (vmac, base) = (vmac.into(), base.into());
        lent.carry_out(&Setting::Lend { vmac, base, found })
            .expect("all of it is there");
    }

    fn give_back(lent: &mut Lent, needed: &[&str]) {
        let needed = needed.iter().map(|name| Arc::from(*name)).collect();
        lent.carry_out(&Setting::GiveBack { needed })
            .expect("all of it is there");
    }

    #[test]
    fn what_another_still_needs_is_not_given_back() {
        let mut lent = folder("needed");
        lend(&mut lent, "vrrp.51", "eth0", false);
        lend(&mut lent, "vrrp.52", "eth0", false);
        let ignores = |lent: &Lent| lent.read(BELOW[0].0, "eth0").expect("it is there");
        assert_eq!(ignores(&lent), "1");
        give_back(&mut lent, &["eth0"]);
        assert_eq!(ignores(&lent), "1", "one of the two is left");
        give_back(&mut lent, &["eth1"]);
        assert_eq!(ignores(&lent), "0");
        fs::remove_dir_all(&lent.root).expect("ours");
    }

    #[test]
    fn an_interface_is_silent_for_as_long_as_it_needs_to_be() {
        let mut lent = folder("silent");
        let silence = |lent: &mut Lent| {
            let (base, found) = ("eth0".into(), false);
            lent.carry_out(&Setting::Silence { base, found })
        };
        let told = |lent: &Lent| BELOW.map(|(what, _)| lent.read(what, "eth0").expect("it is there"));
        for _ in 0..2 {
            silence(&mut lent).expect("all of it is there");
            assert_eq!(told(&lent), ["1", "2"]);
        }
        give_back(&mut lent, &["eth0"]);
        assert_eq!(told(&lent), ["1", "2"], "another address needs it");
        give_back(&mut lent, &[]);
        assert_eq!(told(&lent), ["0", "0"]);
        fs::remove_dir_all(&lent.root).expect("ours");
    }

    #[test]
    fn what_was_so_before_stays_so_and_what_a_crash_left_does_not() {
        let mut lent = folder("before");
        let path = |lent: &Lent, interface| lent.path(BELOW[0].0, interface);
        for interface in ["eth0", "eth1"] {
            fs::write(path(&lent, interface), "1\n").expect("a file");
        }
        lend(&mut lent, "vrrp.51", "eth0", false);
        lend(&mut lent, "vrrp.52", "eth1", true);
        give_back(&mut lent, &[]);
        assert_eq!(lent.read(BELOW[0].0, "eth0").expect("there"), "1");
        assert_eq!(lent.read(BELOW[0].0, "eth1").expect("there"), "0");
        fs::remove_dir_all(&lent.root).expect("ours");
    }

    /// A process that is stopped leaves connections behind that still need it.
    #[test]
    fn the_next_process_knows_what_was_so_before() {
        let mut lent = folder("next");
        let announces = |lent: &Lent| lent.read(BELOW[1].0, "eth0").expect("there");
        fs::write(lent.path(BELOW[1].0, "eth0"), "1\n").expect("a file");
        let silence = |lent: &mut Lent, found| {
            let base = "eth0".into();
            lent.carry_out(&Setting::Silence { base, found })
                .expect("all of it is there");
        };
        silence(&mut lent, false);
        assert_eq!(announces(&lent), "2");

        let mut next = again(lent.root.clone());
        silence(&mut next, true);
        let mut last = again(lent.root.clone());
        give_back(&mut last, &["eth0"]);
        assert_eq!(announces(&last), "2", "connections are still there");
        give_back(&mut last, &[]);
        assert_eq!(announces(&last), "1");
        assert!(!last.note.file.exists(), "nothing is left to be known");

        silence(&mut last, false);
        let another_boot = Note {
            file: last.note.file.clone(),
            boot: "next".into(),
        };
        assert_eq!(Lent::within(last.root.clone(), another_boot).before.len(), 0);
        fs::remove_dir_all(&last.root).expect("ours");
    }

    /// Two networks on one host, each with an eth0, and processes that share a folder.
    #[test]
    fn what_is_noted_of_one_network_says_nothing_of_another() {
        let here = Lent::new(Path::new("/nowhere"));
        let number = own_network().expect("every thread is in one");
        assert_eq!(here.note.file, Path::new("/nowhere").join(format!("lent-{number}")));
        assert_ne!(file_name(Some(number)), file_name(Some(number + 1)));
    }

    #[test]
    fn both_filters_decide_together() {
        let mut lent = folder("filters");
        lend(&mut lent, "vrrp.51", "eth0", false);
        assert_eq!(lent.read(RP_FILTER, "vrrp.51").expect("there"), "0");
        fs::write(lent.path(RP_FILTER, "all"), "1\n").expect("a file");
        lend(&mut lent, "vrrp.52", "eth0", false);
        assert_eq!(lent.read(RP_FILTER, "vrrp.52").expect("there"), "2");
        fs::remove_dir_all(&lent.root).expect("ours");
    }
}
