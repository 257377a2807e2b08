//! Commands about HAProxy's inside: those that have an answer here, in its form, and one clear line each for the others.

use std::collections::BTreeMap;
use std::fs;

use nix::sys::utsname::uname;
use nix::unistd::{getgid, getuid};
use tandem_ops::control::{Call, Reply};

use super::Room;

/// What cannot be answered, and why: the words that name a command of HAProxy 2.6 or later, and the line.
pub(super) const ABSENT: &[(&str, &str)] = &[
    (
        "debug dev",
        "Nobody can make this process hang, crash or write into its memory from outside.",
    ),
    ("disable dynamic-cookie", COOKIES),
    ("enable dynamic-cookie", COOKIES),
    (
        "httpclient",
        "There is no HTTP client here: connections are relayed as they are.",
    ),
    (
        "set anon",
        "Nothing is made anonymous here: give away the output of commands with care.",
    ),
    ("set dynamic-cookie-key", COOKIES),
    (
        "show anon",
        "Nothing is made anonymous here: give away the output of commands with care.",
    ),
];

const COOKIES: &str = "Cookies are of HTTP: backends here are in TCP mode.";

/// The line for a command that is in [`ABSENT`].
pub(super) fn absent(_: &Room, call: &Call) -> Reply {
    let words = call.words();
    let is_named = |name: &str| {
        name.split(' ')
            .eq(words.iter().take(name.split(' ').count()).map(String::as_str))
    };
    let found = ABSENT.iter().find(|(name, _)| is_named(name));
    Reply::error(found.map_or("Not here.", |(_, why)| why))
}

/// Where and as what this process runs.
pub(super) fn dev(room: &Room, _: &Call) -> Reply {
    let mut text = "Platform info\n".to_owned();
    if let Ok(system) = uname() {
        let words = [
            ("system", system.sysname()),
            ("release", system.release()),
            ("version", system.version()),
            ("architecture", system.machine()),
        ];
        text.extend(words.map(|(name, word)| format!("  {name}: {}\n", word.to_string_lossy())));
    }
    let process = room.stats.process();
    let arguments = std::env::args().collect::<Vec<_>>().join(" ");
    text.push_str(&format!(
        "Process info\n  version: tandem-lb {}\n  pid: {}\n  cmdline: {arguments}\n  threads: {}\n  files: {}\n  user: {}\n  group: {}\n",
        env!("CARGO_PKG_VERSION"),
        std::process::id(),
        process.workers,
        process.files,
        getuid(),
        getgid()
    ));
    Reply::Output(text)
}

/// No task is measured, as in HAProxy with profiling off.
pub(super) fn profiling(_: &Room, call: &Call) -> Reply {
    const STATUS: &str = "Per-task CPU profiling              : off           # set profiling tasks {on|auto|off}\n\
                          Memory usage profiling              : off           # set profiling memory {on|off}\n";
    const TASKS: &str =
        "Tasks activity:\n  function                      calls   cpu_tot   cpu_avg   lat_tot   lat_avg\n";
    Reply::Output(match call.arg(0) {
        "status" => STATUS.to_owned(),
        "tasks" => TASKS.to_owned(),
        "memory" => String::new(),
        _ => STATUS.to_owned() + TASKS,
    })
}

pub(super) fn set_profiling(_: &Room, call: &Call) -> Reply {
    match (call.arg(0), call.arg(1)) {
        ("tasks" | "memory", "off") => Reply::Done,
        ("tasks", "on" | "auto") => Reply::error("Task profiling not compiled in."),
        ("tasks", _) => Reply::error("Expects 'on', 'auto', or 'off'."),
        ("memory", _) => Reply::error("Memory profiling not compiled in."),
        _ => Reply::error("Expects either 'tasks' or 'memory'."),
    }
}

/// How many wait for their turn; who they are, the runtime does not tell.
pub(super) fn tasks(room: &Room, _: &Call) -> Reply {
    let workers = room.stats.process().workers;
    Reply::Output(format!(
        "Running tasks: 0 ({workers} threads)\n  function                     places     %    lat_tot   lat_avg\n"
    ))
}

/// What is traced goes to the log, by the level of the start (`-d`); there are no sources to switch.
pub(super) fn show_trace(_: &Room, call: &Call) -> Reply {
    match call.arg(0) {
        "" => Reply::Output(SOURCES.to_owned()),
        _ => Reply::error("No such trace source"),
    }
}

pub(super) fn trace(_: &Room, call: &Call) -> Reply {
    match call.arg(0) {
        "" => Reply::Output(format!(
            "{SOURCES} [.] 0          : not a source, will immediately stop all traces\n"
        )),
        "0" => Reply::Output("All traces now stopped\n".to_owned()),
        _ => Reply::error("No such trace source"),
    }
}

const SOURCES: &str = "Supported trace sources and states (.=stopped, w=waiting, R=running) :\n";

/// Nothing is cached: what a client sends is relayed.
pub(super) fn cache(_: &Room, _: &Call) -> Reply {
    Reply::Done
}

/// Who computes what TLS needs.
pub(super) fn providers(_: &Room, _: &Call) -> Reply {
    Reply::Output("Loaded providers : \n\t- ring\n".to_owned())
}

/// The files that are mapped into memory, with their places.
pub(super) fn libraries(_: &Room, _: &Call) -> Reply {
    match fs::read_to_string("/proc/self/maps") {
        Ok(maps) => Reply::Output(mapped(&maps)),
        Err(error) => Reply::error(format!("Cannot read /proc/self/maps: {error}.")),
    }
}

fn mapped(maps: &str) -> String {
    let mut files: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for line in maps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(range), Some(path)) = (words.next(), words.nth(4).filter(|path| path.starts_with('/'))) else {
            continue;
        };
        let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
        let Some((start, end)) = range
            .split_once('-')
            .and_then(|(a, b)| Some((hexadecimal(a)?, hexadecimal(b)?)))
        else {
            continue;
        };
        let whole = files.entry(path).or_insert((start, end));
        *whole = (whole.0.min(start), whole.1.max(end));
    }
    let line = |(path, (start, end)): (&str, (u64, u64))| {
        format!("{start:#014x}-{:#014x} ({:#09x}) {path}\n", end - 1, end - start)
    };
    files.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_one_line() {
        let maps = "55aa00000000-55aa00001000 r--p 00000000 00:01 7 /bin/x\n\
                    55aa00001000-55aa00004000 r-xp 00001000 00:01 7 /bin/x\n\
                    7ffe00000000-7ffe00001000 rw-p 00000000 00:00 0 [stack]\n\
                    7f0000000000-7f0000000010 r--p 00000000 00:01 8 /lib/y.so\n";
        let lines =
            "0x55aa00000000-0x55aa00003fff (0x0004000) /bin/x\n0x7f0000000000-0x7f000000000f (0x0000010) /lib/y.so\n";
        assert_eq!(mapped(maps), lines);
    }

    #[test]
    fn names_are_in_order_and_each_is_a_command() {
        assert!(ABSENT.is_sorted_by_key(|(name, _)| *name));
        for (name, _) in ABSENT {
            assert!(
                super::super::commands::COMMANDS.iter().any(|c| c.name == *name),
                "{name}"
            );
        }
    }
}
