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
            Question::All(names) => names.iter().all(|name| processes.iter().any(|p| has_name(p, name))),
            Question::Any(names) => {
                let alive = |p: &&Process| !p.zombie;
                let is = |p: &Process| names.iter().any(|name| has_name(p, name) || p.program() == name);
                processes.iter().filter(alive).any(is)
            }
            Question::Like { text, exact } => {
                let own = std::process::id();
                // It knows the kernel's names only.
                let is = |p: &Process| if *exact { p.name == *text } else { p.name.contains(text) };
                processes.iter().filter(|p| p.pid != own).any(is)
            }
        };
        i32::from(!found)
    }
}

/// Of a name that the kernel may have cut the program says the rest.
fn has_name(process: &Process, name: &str) -> bool {
    match process.program() {
        "" => process.is_named(name) || process.is_cut() && name.starts_with(&process.name),
        program if process.is_cut() && name.len() >= process.name.len() => program == name,
        _ => process.name == name,
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
    use std::fs;
    use std::io::ErrorKind;
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    use super::super::process;
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
    /// Processes that only sleep, under names of their own. One of them is dead and not waited for.
    struct Asleep {
        folder: std::path::PathBuf,
        children: Vec<Child>,
    }

    impl Asleep {
        fn new(names: &[&str], dead: &str) -> Asleep {
            let folder = std::env::temp_dir().join(format!("tandem-asked-{}", std::process::id()));
            fs::create_dir_all(&folder).expect("the temporary folder is writable");
            let mut asleep = Asleep {
                folder,
                children: Vec::new(),
            };
            for name in names {
                asleep.start("/bin/sleep", name, "600");
            }
            asleep.start("/bin/sleep", dead, "0");
            let over = Instant::now() + Duration::from_secs(20);
            let pids: Vec<u32> = asleep.children.iter().map(Child::id).collect();
            let (last, alive) = pids.split_last().expect("one is dead");
            // Each has its name when it has begun the new program.
            let is = |pid: &u32, begun: &dyn Fn(&Process) -> bool| process::read(*pid).is_some_and(|p| begun(&p));
            while !(alive.iter().all(|pid| is(pid, &|p| p.words.len() == 2)) && is(last, &|p| p.zombie)) {
                assert!(Instant::now() < over, "{pids:?} do not sleep");
                std::thread::yield_now();
            }
            asleep
        }

        fn start(&mut self, program: &str, name: &str, argument: &str) {
            let path = self.folder.join(name);
            fs::copy(program, &path).expect("a copy");
            // Another thread that forks has our file open for writing for a moment.
            let over = Instant::now() + Duration::from_secs(20);
            let child = loop {
                match Command::new(&path).arg(argument).spawn() {
                    Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < over => {}
                    outcome => break outcome.expect("it runs"),
                }
            };
            self.children.push(child);
        }
    }

    impl Drop for Asleep {
        fn drop(&mut self) {
            for child in &mut self.children {
                child.kill().and_then(|()| child.wait()).ok();
            }
            fs::remove_dir_all(&self.folder).ok();
        }
    }

    /// Those of them that this machine has.
    #[test]
    fn the_same_status_as_the_programs_themselves() {
        let id = std::process::id() % 100_000;
        let [one, two, dead] = ["tqa", "tqb", "tqz"].map(|word| format!("{word}{id}"));
        let long = format!("tandem-asked-{id:05}");
        assert!(long.len() > 15, "longer than the kernel keeps");
        let _asleep = Asleep::new(&[&one, &two, &long], &dead);
        let absent = format!("tqc{id}");
        let names = [
            one.clone(),
            absent.clone(),
            format!("{one} {two}"),
            format!("{one} {absent}"),
            long.clone(),
            long[..15].to_owned(),
            dead.clone(),
            format!("{one} {dead}"),
            one[..one.len() - 1].to_owned(),
        ];
        let programs = [
            "killall -0",
            "killall -q -s 0",
            "pidof",
            "pidof -s",
            "pgrep",
            "pgrep -x",
            "pgrep -c",
        ];
        let mut other = Vec::new();
        for (program, names) in programs.iter().flat_map(|p| names.iter().map(move |n| (p, n))) {
            let line = format!("{program} {names}");
            let Some(question) = read(&line) else { continue };
            let mut words = line.split_whitespace();
            let mut command = Command::new(words.next().expect("a program"));
            let Ok(output) = command.args(words).output() else {
                continue;
            };
            let ours = question.answer(&process::list().expect("/proc"));
            if Some(ours) != output.status.code() {
                other.push(format!("{line}: {ours}, not {output:?}"));
            }
        }
        assert!(other.is_empty(), "{}", other.join("\n"));
    }
}
