//! From a command's text to its answer.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::builtin::{self, ALWAYS, BUILTINS, Builtin};
use super::command::{self, Entry, named};
use super::session::{Level, Session};
use super::words::words;
use super::{Call, Command, Reply};

/// The command of this name gets every command whose first word begins so, with all its words: they are for another
/// process. A first word alone that it has nothing against is put before all that follow.
const ADDRESSED: &str = "@";

/// The commands of a daemon, what they work on, and the sockets that lead here.
pub struct Console<S: 'static> {
    commands: &'static [Command<S>],
    state: S,
    /// As `show cli sockets` names them, each with its level.
    sockets: RefCell<Vec<(String, Level)>>,
    prompt: Prompt<S>,
    began: Instant,
    objection: Option<Objection<S>>,
}

/// What interactive clients see when it is their turn.
pub type Prompt<S> = fn(&S) -> &'static str;

/// Answers instead of a command that must not be carried out now.
pub type Objection<S> = fn(&S, &Command<S>) -> Option<Reply>;

/// What to do about a command.
pub(super) enum Answer {
    Reply(Reply),
    /// Nothing, not even the line that ends an answer: the conversation goes on in another way.
    Switched,
    /// Nothing, for so long.
    Wait(Duration),
    Quit,
}

impl<S> Console<S> {
    pub fn new(commands: &'static [Command<S>], state: S, sockets: Vec<(String, Level)>) -> Console<S> {
        Console {
            commands,
            state,
            sockets: RefCell::new(sockets),
            prompt: |_| "> ",
            began: Instant::now(),
            objection: None,
        }
    }

    pub fn with_prompt(self, prompt: Prompt<S>) -> Console<S> {
        Console { prompt, ..self }
    }

    /// Asked before each of the daemon's commands.
    pub fn with_objection(self, objection: Objection<S>) -> Console<S> {
        Console {
            objection: Some(objection),
            ..self
        }
    }

    pub(super) fn prompt(&self) -> &'static str {
        (self.prompt)(&self.state)
    }

    /// How long this process has answered: days, hours, minutes and seconds, in HAProxy's form.
    pub(super) fn uptime(&self) -> String {
        uptime(self.began.elapsed().as_secs())
    }

    /// Answers a command that came through another console, for whoever gave it there.
    pub fn forward(&self, words: &[String], call: &Call) -> Reply {
        match self.answer_words(&mut call.session(), words.to_vec(), call.payload().map(str::to_owned)) {
            Answer::Reply(reply) => reply,
            Answer::Switched => Reply::Done,
            Answer::Wait(_) | Answer::Quit => {
                Reply::error("That is for the conversation itself, and not for a process.")
            }
        }
    }

    /// From now on these lead here.
    pub fn reached_by(&self, sockets: Vec<(String, Level)>) {
        self.sockets.replace(sockets);
    }

    pub(super) fn answer(&self, session: &mut Session, text: &str, payload: Option<String>) -> Answer {
        self.answer_words(session, words(text), payload)
    }

    fn answer_words(&self, session: &mut Session, words: Vec<String>, payload: Option<String>) -> Answer {
        let Some(command) = self.addressing() else {
            return self.answer_here(session, words, payload);
        };
        let is_addressed = words.first().is_some_and(|word| word.starts_with(ADDRESSED));
        let mut words = words;
        if !is_addressed && let Some(process) = &session.addressed {
            let is_for_us = words.first().is_none_or(|word| word == "prompt" || word == "quit");
            if is_for_us {
                return self.answer_here(session, words, payload);
            }
            words.insert(0, process.clone());
        }
        match words.first().map(String::as_str) {
            Some(ADDRESSED | "@master") => {
                words.remove(0);
                if words.is_empty() {
                    session.addressed = None;
                    return Answer::Switched;
                }
                self.answer_here(session, words, payload)
            }
            Some(word) if word.starts_with(ADDRESSED) => {
                let (target, is_alone) = (word.to_owned(), words.len() == 1);
                let reply = (command.run)(&self.state, &Call::new(words, 0, payload, session));
                if is_alone && matches!(reply, Reply::Done) {
                    session.addressed = Some(target);
                    return Answer::Switched;
                }
                Answer::Reply(reply)
            }
            _ => self.answer_here(session, words, payload),
        }
    }

    /// What commands get that are for another process, where there may be others.
    fn addressing(&self) -> Option<&Command<S>> {
        self.commands.iter().find(|c| c.name == ADDRESSED)
    }

    fn answer_here(&self, session: &mut Session, words: Vec<String>, payload: Option<String>) -> Answer {
        let mut builtins = BUILTINS.iter().chain(&ALWAYS);
        if let Some((_, builtin)) = builtins.find(|(entry, _)| named(entry.name, &words).is_some())
            && !self.waits_for_something(*builtin, &words)
        {
            return self.builtin(*builtin, session, &words);
        }
        let own = self.commands.iter();
        let found = own
            .filter_map(|c| named(c.name, &words).map(|n| (n, c)))
            .max_by_key(|(n, _)| *n);
        Answer::Reply(match found {
            None => Reply::info(command::unknown(&self.entries(), &always(), &words)),
            Some((_, command)) if session.level < command.level => Reply::error("Permission denied"),
            Some((n, command)) => {
                let objection = self.objection.and_then(|object| object(&self.state, command));
                objection.unwrap_or_else(|| (command.run)(&self.state, &Call::new(words, n, payload, session)))
            }
        })
    }

    /// Time is everybody's; what else may be waited for, the daemon knows.
    fn waits_for_something(&self, builtin: Builtin, words: &[String]) -> bool {
        builtin == Builtin::Wait && words.len() > 2 && self.commands.iter().any(|c| c.name == "wait")
    }

    fn builtin(&self, builtin: Builtin, session: &mut Session, words: &[String]) -> Answer {
        let word = |n: usize| words.get(n).map_or("", String::as_str);
        Answer::Reply(match builtin {
            Builtin::Quit => return Answer::Quit,
            Builtin::Wait => match builtin::duration(word(1), Duration::from_millis(1)) {
                Some(delay) => return Answer::Wait(delay),
                None => Reply::error("Expects a duration in milliseconds."),
            },
            Builtin::Echo => Reply::Output(words[1..].join(" ") + "\n"),
            Builtin::ExperimentalMode => builtin::mode(session, word(0), |m| &mut m.experimental, word(1)),
            Builtin::ExpertMode => builtin::mode(session, word(0), |m| &mut m.expert, word(1)),
            Builtin::Help => Reply::Output(command::help(&self.entries(), &always(), &words[1..])),
            Builtin::LowerTo(level) => builtin::lower(session, level),
            Builtin::Prompt => {
                let Some(manner) = session.manner.after(&words[1..]) else {
                    return Answer::Reply(Reply::error("Expects 'n', 'i', 'p', 'timed', or nothing to switch."));
                };
                session.manner = manner;
                if self.addressing().is_some() {
                    return Answer::Switched;
                }
                Reply::Done
            }
            Builtin::Severities => builtin::severities(session, word(2)),
            Builtin::ShowLevel => Reply::info(session.level.name()),
            Builtin::ShowSockets => Reply::Output(self.sockets()),
            Builtin::Timeout => builtin::timeout(session, word(2), word(3)),
        })
    }

    fn sockets(&self) -> String {
        let mut text = "# socket lvl processes\n".to_owned();
        for (name, level) in self.sockets.borrow().iter() {
            text.push_str(&format!("{name} {} all\n", level.name()));
        }
        text
    }

    /// All but those that stand at the end of every list, by name.
    fn entries(&self) -> Vec<Entry> {
        let own = self.commands.iter().filter(|c| c.is_shown()).map(Command::entry);
        let mut entries: Vec<Entry> = own
            .chain(BUILTINS.iter().map(|(entry, _)| *entry).filter(|e| !e.usage.is_empty()))
            .collect();
        entries.sort_by_key(|entry| entry.usage);
        entries
    }
}

fn uptime(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    format!("[{days}:{:02}:{:02}:{:02}]", hours % 24, minutes % 60, seconds % 60)
}

fn always() -> [Entry; 3] {
    ALWAYS.map(|(entry, _)| entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptimes() {
        for (seconds, expected) in [(0, "[0:00:00:00]"), (61, "[0:00:01:01]"), (1_000_000, "[11:13:46:40]")] {
            assert_eq!(uptime(seconds), expected);
        }
    }
}
