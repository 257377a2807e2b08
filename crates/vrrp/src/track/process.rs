//! The processes of this host, as /proc shows them.

use std::fs;
use std::io;
use std::sync::Arc;

use tandem_vrrp_core::settings::{ParameterMatch, ProcessSettings};

/// Of a name, in bytes.
const KERNEL_KEEPS: usize = 15;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// What the kernel calls it: at most 15 bytes.
    pub(super) name: String,
    pub(super) zombie: bool,
    /// Program and arguments; empty for kernel threads.
    pub(super) words: Vec<String>,
}

/// All of them. One that ends meanwhile is left out.
pub(super) fn list() -> io::Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) {
            found.extend(read(pid));
        }
    }
    Ok(found)
}

pub(super) fn read(pid: u32) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let (name, zombie) = name_and_state(&String::from_utf8_lossy(&stat))?;
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = line
        .split(|byte| *byte == 0)
        .map(|w| String::from_utf8_lossy(w).into_owned());
    let mut words: Vec<String> = words.collect();
    if words.last().is_some_and(String::is_empty) {
        words.pop();
    }
    Some(Process {
        pid,
        name,
        zombie,
        words,
    })
}

/// proc(5): `pid (name) state …`, where the name may hold anything.
fn name_and_state(stat: &str) -> Option<(String, bool)> {
    let (before, after) = stat.rsplit_once(") ")?;
    let (_, name) = before.split_once('(')?;
    Some((name.to_owned(), after.starts_with('Z')))
}

impl Process {
    /// The program's name without folders.
    pub(super) fn program(&self) -> &str {
        self.words.first().map_or("", |word| base(word))
    }

    pub(super) fn is_meant(&self, settings: &ProcessSettings) -> bool {
        let Some((command, parameters)) = settings.command.split_first() else {
            return false;
        };
        let named = if settings.full_command {
            self.words.first().is_some_and(|word| **word == **command)
        } else {
            self.is_named(command)
        };
        let own = self.words.get(1..).unwrap_or_default();
        !self.zombie && named && fits(settings.parameters, parameters, own)
    }

    /// By the kernel's name, or by the program's where the kernel's was cut.
    pub(super) fn is_named(&self, name: &str) -> bool {
        if name.len() <= KERNEL_KEEPS {
            self.name == name
        } else {
            name.starts_with(&self.name) && self.is_cut() && self.program() == name
        }
    }

    /// The kernel's name may have gone on.
    pub(super) fn is_cut(&self) -> bool {
        self.name.len() == KERNEL_KEEPS
    }
}

pub(super) fn base(word: &str) -> &str {
    word.rsplit_once('/').map_or(word, |(_, name)| name)
}

fn fits(how: ParameterMatch, wanted: &[Arc<str>], own: &[String]) -> bool {
    let same = |(one, other): (&Arc<str>, &String)| **one == **other;
    let starts = own.len() >= wanted.len() && wanted.iter().zip(own).all(same);
    match how {
        ParameterMatch::Ignored => true,
        ParameterMatch::Exact => own.len() == wanted.len() && starts,
        ParameterMatch::Initial => starts,
        // As Keepalived: the last parameter may be the beginning of the process's.
        ParameterMatch::Partial => match wanted.split_last() {
            None => true,
            Some((last, others)) => {
                let begins = own.get(others.len()).is_some_and(|word| word.starts_with(&**last));
                begins && others.iter().zip(own).all(same)
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn process(name: &str, words: &[&str]) -> Process {
        Process {
            pid: 7,
            name: name.into(),
            zombie: false,
            words: words.iter().map(|w| (*w).to_owned()).collect(),
        }
    }

    fn settings(command: &[&str], parameters: ParameterMatch) -> ProcessSettings {
        ProcessSettings {
            command: command.iter().map(|w| Arc::from(*w)).collect(),
            parameters,
            full_command: false,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        }
    }

    #[test]
    fn a_name_may_hold_anything() {
        assert_eq!(name_and_state("1 (a) b) Z 0 1"), Some(("a) b".into(), true)));
        assert_eq!(name_and_state("1 (haproxy) S 0 1"), Some(("haproxy".into(), false)));
        assert_eq!(name_and_state("1 haproxy"), None);
    }

    #[test]
    fn this_process_is_listed() {
        let own = std::process::id();
        let all = list().expect("/proc is there");
        let me = all.iter().find(|p| p.pid == own).expect("this process runs");
        assert!(!me.zombie && !me.words.is_empty() && !me.name.is_empty());
    }

    #[test]
    fn long_names_are_cut_by_the_kernel() {
        let long = process("a-very-long-pro", &["/usr/bin/a-very-long-program"]);
        assert!(long.is_named("a-very-long-program") && long.is_named("a-very-long-pro"));
        assert!(!long.is_named("a-very-long-proxy"));
        assert!(!process("haproxy", &[]).is_named("haprox"));
    }

    #[test]
    fn parameters() {
        let own = process("haproxy", &["/usr/sbin/haproxy", "-W", "-f", "haproxy.cfg"]);
        let table = [
            (&["haproxy"][..], ParameterMatch::Ignored, true),
            (&["haprox"], ParameterMatch::Ignored, false),
            (&["haproxy", "-W"], ParameterMatch::Initial, true),
            (&["haproxy", "-W"], ParameterMatch::Exact, false),
            (&["haproxy", "-W", "-f", "haproxy.cfg"], ParameterMatch::Exact, true),
            (&["haproxy", "-W", "-f", "hap"], ParameterMatch::Partial, true),
            (&["haproxy", "-D"], ParameterMatch::Initial, false),
        ];
        for (command, how, expected) in table {
            assert_eq!(own.is_meant(&settings(command, how)), expected, "{command:?} {how:?}");
        }
    }
}
