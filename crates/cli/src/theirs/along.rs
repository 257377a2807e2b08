//! Files that the configuration names: those given beside it are brought along, others are used where they are or missed.
//!
//! Which of the given ones a path means is told by its end: its name, and of several of one name the folders before it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::pair::site::{FOLDER, Paper};

/// In the folder of the host that they are for.
#[derive(Clone, Debug, Default)]
pub struct Along {
    brought: Vec<Brought>,
    /// What two given files could be meant by, or two paths by one.
    pub unclear: Vec<String>,
}

#[derive(Clone, Debug)]
struct Brought {
    /// As it was given.
    given: String,
    paper: Paper,
    /// Who asked for it.
    meant_by: Option<String>,
}

impl Along {
    /// A file that was given beside the configuration.
    pub fn bring(&mut self, given: &str, bytes: Vec<u8>) {
        let base = base(given);
        let same = self.brought.iter().filter(|other| self::base(&other.given) == base);
        let name = match same.count() {
            0 => format!("along/{base}"),
            earlier => format!("along/{earlier}/{base}"),
        };
        let runs = bytes.starts_with(b"#!");
        self.brought.push(Brought {
            given: given.to_owned(),
            paper: Paper { name, bytes, runs },
            meant_by: None,
        });
    }

    /// What the given file that this path means says.
    pub fn bytes_of(&mut self, path: &str) -> Option<Vec<u8>> {
        let found = self.find(path)?;
        Some(self.brought[found].paper.bytes.clone())
    }

    /// Where the copy of the file that this path means is.
    pub fn copy_of(&mut self, path: &str) -> Option<String> {
        let found = self.find(path)?;
        Some(format!("{FOLDER}/{}", self.brought[found].paper.name))
    }

    /// The text with the copies in the place of every path in it that was brought along; `None` when none was. A path is all of
    /// what stands there: the folder that a relative one begins in is not known, and its name tells enough.
    pub fn lead(&mut self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut has_changed = false;
        for word in text.split_inclusive(|c: char| c.is_whitespace() || "(),'\"".contains(c)) {
            // What another machine has is not what was given here.
            if word.contains("://") {
                out += word;
                continue;
            }
            for part in word.split_inclusive(|c| !is_of_path(c)) {
                let end = part.trim_end_matches(|c| !is_of_path(c)).len();
                // An option may have its value right behind it.
                let start = match part.starts_with('-') {
                    true => part[..end].find('/').unwrap_or(end),
                    false => 0,
                };
                let path = &part[start..end];
                let copy = path.contains('/').then(|| self.copy_of(path)).flatten();
                has_changed |= copy.is_some();
                out += &part[..start];
                out += copy.as_deref().unwrap_or(path);
                out += &part[end..];
            }
        }
        has_changed.then_some(out)
    }

    /// Of a copy, by where it will be.
    pub fn paper(&self, path: &str) -> Option<Vec<u8>> {
        let name = path.strip_prefix(FOLDER)?.strip_prefix('/')?;
        let found = self.brought.iter().find(|brought| brought.paper.name == name)?;
        Some(found.paper.bytes.clone())
    }

    /// What of it is in such a folder: by the folder's name, where any was given from one that is called so.
    pub fn names_in(&self, folder: &str) -> impl Iterator<Item = String> {
        let called = base(folder.trim_end_matches('/')).to_owned();
        let is_in = |given: &str, called: &str| given.rsplit('/').nth(1) == Some(called);
        let any = self.brought.iter().any(|brought| is_in(&brought.given, &called));
        let those = self
            .brought
            .iter()
            .filter(move |brought| !any || is_in(&brought.given, &called));
        those.map(|brought| base(&brought.given).to_owned())
    }

    /// What somebody asked for, by the names it was given under.
    pub fn used(&self) -> impl Iterator<Item = &str> {
        let used = self.brought.iter().filter(|brought| brought.meant_by.is_some());
        used.map(|brought| brought.given.as_str())
    }

    /// All that is to be written for the host.
    pub fn papers(&self) -> Vec<Paper> {
        self.brought.iter().map(|brought| brought.paper.clone()).collect()
    }

    /// The given scripts, with the names they were given under.
    pub fn scripts(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let scripts = self.brought.iter().filter(|brought| brought.paper.runs);
        scripts.map(|brought| (brought.given.as_str(), brought.paper.bytes.as_slice()))
    }

    /// Given, and named by nobody. A script may be run by another one.
    pub fn unused(&self) -> impl Iterator<Item = &str> {
        let named = |brought: &&Brought| {
            let name = base(&brought.given);
            brought.meant_by.is_some()
                || self
                    .scripts()
                    .any(|(given, text)| given != brought.given && says(text, name))
        };
        let unused = self.brought.iter().filter(move |brought| !named(brought));
        unused.map(|brought| brought.given.as_str())
    }

    fn find(&mut self, path: &str) -> Option<usize> {
        let name = base(path);
        let alike = |brought: &Brought| match base(&brought.given) == name {
            true => in_common(&brought.given, path),
            false => 0,
        };
        let most = self.brought.iter().map(alike).max().filter(|most| *most > 0)?;
        let mut best = (0..self.brought.len()).filter(|number| alike(&self.brought[*number]) == most);
        let found = best.next()?;
        if let Some(other) = best.next() {
            let (one, other) = (&self.brought[found].given, &self.brought[other].given);
            let why = format!("{path} may be {one} or {other}: give them in folders that are called as on the host");
            self.say(why);
        }
        let brought = &mut self.brought[found];
        let known = brought.meant_by.get_or_insert_with(|| path.to_owned());
        if !may_be_one(known, path) {
            let given = &brought.given;
            let why = format!(
                "{given} would stand for {known} and for {path}: give each in a folder that is called as on the host"
            );
            self.say(why);
        } else if path.starts_with('/') {
            path.clone_into(known);
        }
        Some(found)
    }

    fn say(&mut self, why: String) {
        if !self.unclear.contains(&why) {
            self.unclear.push(why);
        }
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// How many names two paths end with alike.
fn in_common(one: &str, other: &str) -> usize {
    let names = |path| str::rsplit(path, '/');
    names(one).zip(names(other)).take_while(|(a, b)| a == b).count()
}

fn is_of_path(c: char) -> bool {
    c.is_alphanumeric() || "/._-+~%${}".contains(c)
}

/// A relative path means whatever ends like it.
fn may_be_one(one: &str, other: &str) -> bool {
    let known = |path: &str| {
        let names = path.split('/').filter(|name| !name.is_empty() && *name != ".");
        names.filter(|name| !name.starts_with('$')).count()
    };
    let is_relative = |path: &str| !path.starts_with('/');
    let least = match (is_relative(one), is_relative(other)) {
        (true, true) => known(one).min(known(other)),
        (true, false) => known(one),
        (false, true) => known(other),
        (false, false) => return one == other,
    };
    in_common(one, other) >= least
}

pub fn says(text: &[u8], name: &str) -> bool {
    text.windows(name.len().max(1)).any(|part| part == name.as_bytes())
}

/// Whether it would be found on this machine.
pub fn is_program(word: &str) -> bool {
    if word.contains('/') {
        return Path::new(word).is_file();
    }
    tandem_lab::programs::installed(word).is_ok()
}

/// Whether whoever the lab runs as may read and run it: root is nobody in particular there.
pub fn may_be_run(path: &str) -> bool {
    let Ok(of) = Path::new(path).metadata() else {
        return true;
    };
    let (user, mode) = (nix::unistd::geteuid(), of.permissions().mode());
    let needed = match user.as_raw() == of.uid() && !user.is_root() {
        true => 0o500,
        false if of.gid() == nix::unistd::getegid().as_raw() && !user.is_root() => 0o050,
        false => 0o005,
    };
    mode & needed == needed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_found_by_its_name() {
        let mut along = Along::default();
        along.bring("lb1/check.sh", b"#!/bin/sh\n/usr/bin/killall -0 haproxy\n".to_vec());
        let copy = format!("{FOLDER}/along/check.sh");
        assert_eq!(along.unused().collect::<Vec<_>>(), ["lb1/check.sh"]);
        assert_eq!(
            along.lead("/bin/sh /etc/keepalived/check.sh 3"),
            Some(format!("/bin/sh {copy} 3"))
        );
        assert_eq!(
            along.lead("src,map(/etc/keepalived/check.sh,0)"),
            Some(format!("src,map({copy},0)"))
        );
        assert_eq!(along.lead("/etc/other.sh a/b"), None);
        assert_eq!(
            along.lead("exec --with=/etc/keepalived/check.sh -f/etc/keepalived/check.sh;"),
            Some(format!("exec --with={copy} -f{copy};"))
        );
        assert_eq!(along.unused().count(), 0);
        let papers = along.papers();
        assert_eq!(
            papers[0].bytes, b"#!/bin/sh\n/usr/bin/killall -0 haproxy\n",
            "as it was given"
        );
        assert!(papers[0].runs);
        assert!(along.unclear.is_empty());
    }

    #[test]
    fn a_relative_path_is_one_and_what_another_machine_has_is_none() {
        let mut along = Along::default();
        along.bring("503.http", b"HTTP".to_vec());
        let copy = format!("{FOLDER}/along/503.http");
        for (text, led) in [
            ("errors/503.http", "COPY"),
            ("map(errors/503.http)", "map(COPY)"),
            (
                "sh -c \"cd /etc/haproxy/errors; cat ./503.http|x\"",
                "sh -c \"cd /etc/haproxy/errors; cat COPY|x\"",
            ),
            ("$DIR/503.http", "COPY"),
            ("/etc/haproxy/errors/503.http", "COPY"),
        ] {
            assert_eq!(along.lead(text), Some(led.replace("COPY", &copy)), "{text}");
        }
        for text in ["503.http", "https://host:8080/503.http", "errors/503.https"] {
            assert_eq!(along.lead(text), None, "{text}");
        }
        assert_eq!(along.unclear, [""; 0], "one file all the same");
        along.lead("/srv/503.http");
        assert_eq!(along.unclear.len(), 1, "that is another");
        assert!(!may_be_one("errors/503.http", "/etc/other/503.http"));
    }

    #[test]
    fn files_of_one_name_are_told_apart_by_their_folders() {
        let mut along = Along::default();
        along.bring("certs/one/fullchain.pem", b"1".to_vec());
        along.bring("certs/two/fullchain.pem", b"2".to_vec());
        for (folder, number) in [("one", b"1"), ("two", b"2")] {
            let path = format!("/etc/letsencrypt/live/{folder}/fullchain.pem");
            assert_eq!(along.bytes_of(&path).as_deref(), Some(&number[..]));
        }
        let copies: Vec<String> = along.papers().into_iter().map(|paper| paper.name).collect();
        assert_eq!(copies, ["along/fullchain.pem", "along/1/fullchain.pem"]);
        assert!(along.unclear.is_empty());
        along.copy_of("/x/fullchain.pem");
        assert!(along.unclear[0].contains("may be certs/one/fullchain.pem or certs/two"));

        let mut alone = Along::default();
        alone.bring("notify.sh", b"#!/bin/sh\n".to_vec());
        alone.copy_of("/etc/master/notify.sh");
        alone.copy_of("/etc/backup/notify.sh");
        assert!(alone.unclear[0].contains("/etc/master/notify.sh and for /etc/backup/notify.sh"));
    }
}
