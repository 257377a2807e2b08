//! Questions about processes that need no process to answer: `killall -0 NAME`, `pidof NAME`, `pgrep NAME`.
//!
//! The guides' check script is `killall -0 haproxy`. Run as an ordinary user it is refused for root's process and would fail
//! for ever; answered from /proc it has the same exit status and needs no privilege. Whatever has another option than those
//! known here is run as it is.

use super::process::{Process, base};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// A process of every one of these names.
    All(Vec<String>),
    /// A process of any of these names that is not a zombie.
    Any(Vec<String>),
    /// A process whose name contains this, or is it.
    Like { text: String, exact: bool },
}

impl Question {
    /// `None` for any other command.
    pub(super) fn read(command: &[impl AsRef<str>]) -> Option<Question> {
        let mut words = command.iter().map(AsRef::as_ref);
        match base(words.next()?) {
            "killall" => killall(words.collect()),
            "pidof" => pidof(words.collect()),
            "pgrep" => pgrep(words.collect()),
            _ => None,
        }
    }

    /// The exit status that the command would have had.
    pub(super) fn answer(&self, processes: &[Process]) -> i32 {
        let found = match self {
            Question::All(names) => names.iter().all(|name| processes.iter().any(|p| p.is_named(name))),
            Question::Any(names) => {
                let alive = |p: &&Process| !p.zombie;
                let is = |p: &Process| names.iter().any(|name| p.is_named(name) || p.program() == name);
                processes.iter().filter(alive).any(is)
            }
            Question::Like { text, exact } => {
                let own = std::process::id();
                let others = processes.iter().filter(|p| p.pid != own);
                let mut others = others;
                others.any(|p| {
                    if *exact {
                        p.is_named(text)
                    } else {
                        p.name.contains(text)
                    }
                })
            }
        };
        i32::from(!found)
    }
}

fn killall(words: Vec<&str>) -> Option<Question> {
    let mut names = Vec::new();
    let mut asks_only = false;
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word {
            "-0" | "-s0" | "--signal=0" => asks_only = true,
            "-s" | "--signal" if words.next() == Some("0") => asks_only = true,
            "-q" | "--quiet" => {}
            name if is_a_name(name) => names.push(name.to_owned()),
            _ => return None,
        }
    }
    (asks_only && !names.is_empty()).then_some(Question::All(names))
}

fn pidof(words: Vec<&str>) -> Option<Question> {
    let mut names = Vec::new();
    for word in words {
        match word {
            "-s" | "-q" => {}
            name if is_a_name(name) => names.push(name.to_owned()),
            _ => return None,
        }
    }
    (!names.is_empty()).then_some(Question::Any(names))
}

fn pgrep(words: Vec<&str>) -> Option<Question> {
    let mut exact = false;
    let mut text = None;
    for word in words {
        match word {
            "-x" | "--exact" => exact = true,
            "-c" | "--count" | "-o" | "-n" => {}
            name if is_plain(name) && text.is_none() => text = Some(name.to_owned()),
            _ => return None,
        }
    }
    text.map(|text| Question::Like { text, exact })
}

/// No path and no option: those who compare whole names take any other character for itself.
fn is_a_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | ':' | '@');
    !name.is_empty() && !name.starts_with('-') && name.chars().all(plain)
}

/// Nothing that a pattern could mean either.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && !name.starts_with('-') && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Question> {
        Question::read(&line.split_whitespace().collect::<Vec<_>>())
    }

    fn process(name: &str, program: &str, zombie: bool) -> Process {
        Process {
            pid: u32::MAX,
            name: name.into(),
            zombie,
            words: vec![program.into()],
        }
    }

    #[test]
    fn what_is_understood() {
        let haproxy = || vec!["haproxy".to_owned()];
        for line in [
            "killall -0 haproxy",
            "/usr/bin/killall -0 haproxy",
            "killall -s 0 -q haproxy",
        ] {
            assert_eq!(read(line), Some(Question::All(haproxy())), "{line}");
        }
        for name in ["kubelet.exe", "g++", "php-fpm8.2", "nginx:master", "getty@tty1"] {
            let names = || vec![name.to_owned()];
            assert_eq!(read(&format!("killall -0 {name}")), Some(Question::All(names())));
            assert_eq!(read(&format!("pidof {name}")), Some(Question::Any(names())));
            let strict = name.contains(['.', '+', ':', '@']);
            assert_eq!(read(&format!("pgrep {name}")).is_none(), strict);
        }
        assert_eq!(read("pidof haproxy"), Some(Question::Any(haproxy())));
        for (line, exact) in [("pgrep haproxy", false), ("/bin/pgrep -x haproxy", true)] {
            let text = "haproxy".to_owned();
            assert_eq!(read(line), Some(Question::Like { text, exact }), "{line}");
        }
    }

    #[test]
    fn what_is_run_instead() {
        for line in [
            "killall haproxy",
            "killall -9 haproxy",
            "killall -0",
            "killall -0 -u root haproxy",
            "killall -0 /usr/sbin/haproxy",
            "pidof",
            "pgrep -f haproxy",
            "pgrep ^haproxy$",
            "pgrep one two",
            "/usr/local/bin/check.sh",
            "kill -0 1",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn the_same_status_as_the_program() {
        let running = [
            process("haproxy", "/usr/sbin/haproxy", false),
            process("mysqld", "/usr/sbin/mysqld", true),
        ];
        let status = |line: &str| read(line).map(|question| question.answer(&running));
        assert_eq!(status("killall -0 haproxy"), Some(0));
        assert_eq!(status("killall -0 haprox"), Some(1));
        assert_eq!(status("killall -0 haproxy nginx"), Some(1), "each name needs a process");
        assert_eq!(status("pidof nginx haproxy"), Some(0), "any name will do");
        assert_eq!(status("pidof mysqld"), Some(1), "a zombie serves nobody");
        assert_eq!(status("pgrep prox"), Some(0));
        assert_eq!(status("pgrep -x prox"), Some(1));
    }
}
