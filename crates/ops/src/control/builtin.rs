//! The commands about the conversation itself, which every daemon has.

use std::time::Duration;

use super::Reply;
use super::command::Entry;
use super::session::{Level, Modes, Session, SeverityOutput};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    Echo,
    ExperimentalMode,
    ExpertMode,
    Help,
    LowerTo(Level),
    Prompt,
    Quit,
    Severities,
    ShowLevel,
    ShowSockets,
    Timeout,
    Wait,
}

pub(super) const BUILTINS: [(Entry, Builtin); 10] = [
    (entry("echo", "echo <text>", "print text"), Builtin::Echo),
    (entry("experimental-mode", "", ""), Builtin::ExperimentalMode),
    (entry("expert-mode", "", ""), Builtin::ExpertMode),
    (
        entry(
            "operator",
            "operator",
            "lower the level of the current CLI session to operator",
        ),
        Builtin::LowerTo(Level::Operator),
    ),
    (
        entry(
            "set severity-output",
            "set severity-output [none|number|string]",
            "set presence of severity level in feedback information",
        ),
        Builtin::Severities,
    ),
    (
        entry("set timeout", "set timeout [cli] <delay>", "change a timeout setting"),
        Builtin::Timeout,
    ),
    (
        entry(
            "show cli level",
            "show cli level",
            "display the level of the current CLI session",
        ),
        Builtin::ShowLevel,
    ),
    (
        entry("show cli sockets", "show cli sockets", "dump list of cli sockets"),
        Builtin::ShowSockets,
    ),
    (
        entry("user", "user", "lower the level of the current CLI session to user"),
        Builtin::LowerTo(Level::User),
    ),
    (
        entry(
            "wait",
            "wait <delay> [<condition>]",
            "wait that long before the next command, or until the condition holds",
        ),
        Builtin::Wait,
    ),
];

/// These stand at the end of every list.
pub(super) const ALWAYS: [(Entry, Builtin); 3] = [
    (
        entry("help", "help [<command>]", "list matching or all commands"),
        Builtin::Help,
    ),
    (
        entry("prompt", "prompt", "toggle interactive mode with prompt"),
        Builtin::Prompt,
    ),
    (entry("quit", "quit", "disconnect"), Builtin::Quit),
];

const fn entry(name: &'static str, usage: &'static str, about: &'static str) -> Entry {
    Entry { name, usage, about }
}

pub(super) fn lower(session: &mut Session, to: Level) -> Reply {
    if session.level < to {
        return Reply::error("Permission denied");
    }
    session.level = to;
    Reply::Done
}

pub(super) fn severities(session: &mut Session, word: &str) -> Reply {
    session.severities = match word {
        "none" => SeverityOutput::None,
        "number" => SeverityOutput::Number,
        "string" => SeverityOutput::Word,
        _ => return Reply::error("one of 'none', 'number', 'string' is a required argument"),
    };
    Reply::Done
}

/// Switches a mode, or says how it is. What is neither on nor off is off, as in HAProxy.
pub(super) fn mode(session: &mut Session, name: &str, which: fn(&mut Modes) -> &mut bool, word: &str) -> Reply {
    if session.level < Level::Admin {
        return Reply::error("Permission denied");
    }
    let mode = which(&mut session.modes);
    if word.is_empty() {
        return Reply::info(format!("{name} is {}", if *mode { "ON" } else { "OFF" }));
    }
    *mode = word == "on";
    Reply::Done
}

pub(super) fn timeout(session: &mut Session, what: &str, delay: &str) -> Reply {
    if what != "cli" {
        return Reply::error("'set timeout' only supports 'cli'.");
    }
    if delay.is_empty() {
        return Reply::error("Expects an integer value.");
    }
    match duration(delay, Duration::from_secs(1)).filter(|d| !d.is_zero()) {
        Some(patience) => {
            session.patience = patience;
            Reply::Done
        }
        None => Reply::error("Invalid timeout value."),
    }
}

/// A number and a unit; without a unit it counts in `plain`. HAProxy's timers end after 24.8 days.
pub fn duration(text: &str, plain: Duration) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = match unit {
        "" => plain,
        "us" => Duration::from_micros(1),
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        "h" => Duration::from_secs(3_600),
        "d" => Duration::from_secs(86_400),
        _ => return None,
    };
    let time = unit.checked_mul(number.parse().ok()?)?;
    (time <= LONGEST).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::super::session::{Manner, Mode};
    use super::*;

    #[test]
    fn delays() {
        let read = |text| duration(text, Duration::from_secs(1)).map(|d| d.as_micros());
        assert_eq!(read("10"), Some(10_000_000));
        assert_eq!(read("10ms"), Some(10_000));
        assert_eq!(read("2m"), Some(120_000_000));
        assert_eq!(read("25d"), None);
        assert_eq!(read("x"), None);
        assert_eq!(read("1y"), None);
        assert_eq!(read(""), None);
        assert_eq!(read("99999999999"), None);
    }

    #[test]
    fn how_conversations_go_on() {
        use Mode::{Brief, Prompting, Silent};
        let manner = |mode, is_timed| Manner { mode, is_timed };
        for (before, words, after) in [
            (manner(Brief, false), "", Some(manner(Prompting, false))),
            (manner(Prompting, true), "", Some(manner(Brief, true))),
            (manner(Silent, false), "", Some(manner(Brief, false))),
            (manner(Brief, true), "i", Some(manner(Silent, true))),
            (manner(Silent, false), "p", Some(manner(Prompting, false))),
            (manner(Prompting, false), "n", Some(manner(Brief, false))),
            (manner(Brief, false), "timed", Some(manner(Prompting, true))),
            (manner(Prompting, true), "timed", Some(manner(Prompting, false))),
            (manner(Brief, false), "timed i", Some(manner(Silent, true))),
            (manner(Prompting, false), "x", None),
            (manner(Prompting, false), "timed x", None),
        ] {
            let list: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            assert_eq!(before.after(&list), after, "{before:?} {words}");
        }
    }

    #[test]
    fn the_level_only_sinks() {
        let mut session = Session {
            level: Level::Admin,
            severities: SeverityOutput::None,
            modes: Modes::default(),
            manner: Manner::default(),
            addressed: None,
            may_take_descriptors: false,
            descriptor: None,
            patience: Duration::from_secs(1),
        };
        assert!(matches!(lower(&mut session, Level::User), Reply::Done));
        assert!(matches!(lower(&mut session, Level::Operator), Reply::Message(..)));
        assert_eq!(session.level, Level::User);
    }
}
