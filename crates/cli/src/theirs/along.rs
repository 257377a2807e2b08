//! Files that the configuration names: those given beside it are brought along, others are used where they are or missed.

use std::path::Path;

use crate::pair::site::{FOLDER, Paper};

/// Programs that tell of processes: the hosts of a lab have theirs in common, so each host has its own answer.
pub const TELLERS: [&str; 7] = ["killall", "pidof", "pgrep", "pkill", "ps", "systemctl", "service"];
/// Where such programs and scripts name them.
const FOLDERS: [&str; 4] = ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"];

/// In the folder of the host that they are for.
#[derive(Clone, Debug, Default)]
pub struct Along {
    pub papers: Vec<Paper>,
}

impl Along {
    pub fn new() -> Along {
        let teller = |name: &&str| Paper::program(&format!("bin/{name}"), include_str!("teller.sh"));
        // Under their own names a router answers some of them itself.
        let all = TELLERS.iter().chain(&["lab"]);
        Along {
            papers: all.map(teller).collect(),
        }
    }

    /// A file that was given beside the configuration.
    pub fn bring(&mut self, name: &str, bytes: Vec<u8>) {
        let is_script = bytes.starts_with(b"#!");
        let bytes = match String::from_utf8(bytes) {
            Ok(text) if is_script => own_tellers(text).into_bytes(),
            Ok(text) => text.into_bytes(),
            Err(other) => other.into_bytes(),
        };
        self.papers.push(Paper {
            name: format!("along/{name}"),
            bytes,
            runs: is_script,
        });
    }

    /// Where the copy of a file with such a name is.
    pub fn copy_of(&self, path: &str) -> Option<String> {
        let name = format!("along/{}", Path::new(path).file_name()?.to_str()?);
        let has = self.papers.iter().any(|paper| paper.name == name);
        has.then(|| format!("{FOLDER}/{name}"))
    }

    /// The text with the copies in the place of every path in it that was brought along; `None` when none was.
    pub fn lead(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        let mut has_changed = false;
        while let Some(start) = rest.find('/') {
            let length = rest[start..].find(|c: char| c.is_whitespace() || "(),'\"".contains(c));
            let end = length.map_or(rest.len(), |length| start + length);
            let path = &rest[start..end];
            let copy = self.copy_of(path);
            has_changed |= copy.is_some();
            out += &rest[..start];
            out += copy.as_deref().unwrap_or(path);
            rest = &rest[end..];
        }
        has_changed.then(|| out + rest)
    }
}

/// A script that names such a program with its folder means ours.
fn own_tellers(text: String) -> String {
    let named = TELLERS
        .iter()
        .flat_map(|teller| FOLDERS.map(|folder| (format!("{folder}{teller}"), *teller)));
    named.fold(text, |text, (path, teller)| text.replace(&path, teller))
}

/// Whether it would be found on this machine.
pub fn is_program(word: &str) -> bool {
    if word.contains('/') {
        return Path::new(word).is_file();
    }
    TELLERS.contains(&word) || tandem_lab::programs::installed(word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_found_by_its_name() {
        let mut along = Along::new();
        along.bring("check.sh", b"#!/bin/sh\n/usr/bin/killall -0 haproxy\n".to_vec());
        let copy = format!("{FOLDER}/along/check.sh");
        assert_eq!(
            along.copy_of("/etc/keepalived/check.sh").as_deref(),
            Some(copy.as_str())
        );
        assert_eq!(
            along.lead("/bin/sh /etc/keepalived/check.sh 3"),
            Some(format!("/bin/sh {copy} 3"))
        );
        assert_eq!(along.lead("src,map(/x/check.sh,0)"), Some(format!("src,map({copy},0)")));
        assert_eq!(along.lead("/etc/other.sh a/b"), None);
        let brought = along.papers.last().expect("it was brought");
        assert_eq!(brought.bytes, b"#!/bin/sh\nkillall -0 haproxy\n");
        assert!(brought.runs);
    }
}
