//! Scenarios that two programs play side by side: what each of them notes must be the same, but for what is otherwise on
//! purpose.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::both::{OURS, THEIRS};
use crate::{Haproxy, Lb, Stage};

/// One scene, and what of it is known to be otherwise.
#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    /// What happens, for the list that people read.
    pub story: &'static str,
    /// What follows the head of [`Room::head`]: first lines of its `defaults`. [`Stage`] says what stands in braces.
    pub config: &'static str,
    /// What stands in the file `{path}.file` before the program starts.
    pub file: &'static str,
    pub play: fn(&Stage),
    pub known: &'static [OnPurpose],
}

/// A line that the two note otherwise, on purpose. A `*` stands for anything, an empty text for no line.
#[derive(Clone, Copy, Debug)]
pub struct OnPurpose {
    pub theirs: &'static str,
    pub ours: &'static str,
    pub why: &'static str,
}

/// All that one of them noted in a scene.
type Noted = Vec<String>;

/// The different outcomes that a scenario had so far.
#[derive(Default)]
struct Takes {
    theirs: Vec<Noted>,
    ours: Vec<Noted>,
    played: usize,
    failures: usize,
}

/// Many scenes wait for a timeout or a check, so more of them are under way than there are processors.
const AT_ONCE: usize = 6;

/// Clients race with what they talk to, in both programs, so each of them has more than one right outcome: a scenario that
/// differs is played again, so often in all.
const TAKES: usize = 6;
/// Whoever waited in vain for something has had the time; once more may be the machine's fault.
const FAILURES: usize = 2;

/// Plays them all and tells every difference. Without HAProxy nothing can be compared, and ours is only played.
#[track_caller]
pub fn compare(scenarios: &[Scenario]) {
    let wanted = std::env::var("TANDEM_SCENARIO").ok();
    let chosen = scenarios
        .iter()
        .filter(|s| wanted.as_ref().is_none_or(|w| s.name.contains(w.as_str())));
    let waiting: Mutex<VecDeque<&Scenario>> = Mutex::new(chosen.collect());
    let differ = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                while let Some(scenario) = next() {
                    let mut takes = Takes::default();
                    if takes.play(scenario).is_err() {
                        differ
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push((scenario, takes));
                    }
                }
            });
        }
    });
    let mut told = String::new();
    // One after the other: what is in each other's way differs most.
    for (scenario, mut takes) in differ.into_inner().unwrap_or_else(PoisonError::into_inner) {
        if let Err(differences) = takes.play_until_alike(scenario) {
            write!(told, "\n== {} ==\n{takes}{differences}", scenario.name).expect("a string takes it");
        }
    }
    assert!(told.is_empty(), "{told}");
}

impl Scenario {
    /// To be filled in.
    pub const EMPTY: Scenario = Scenario {
        name: "",
        story: "",
        config: "",
        file: "",
        play: |_| {},
        known: &[],
    };

    /// What each of them noted, played at the same time; `None` where HAProxy is not installed.
    fn run(&self) -> Result<Option<(Noted, Noted)>, String> {
        let (theirs, ours) = thread::scope(|scope| {
            let theirs = scope.spawn(|| self.side(THEIRS));
            let ours = self.side(OURS);
            (theirs.join().unwrap_or_else(|_| Err("it failed".to_owned())), ours)
        });
        let ours = ours.map_err(|said| format!("{OURS}: {said}\n"));
        match (theirs.map_err(|said| format!("{THEIRS}: {said}\n")), ours) {
            (Err(theirs), Err(ours)) => Err(theirs + &ours),
            (Err(said), _) | (_, Err(said)) => Err(said),
            (Ok(theirs), Ok(ours)) => Ok(theirs.zip(ours)),
        }
    }

    /// What one of them noted; `None` where it is not installed.
    fn side(&self, name: &'static str) -> Result<Option<Noted>, String> {
        let noted = catch_unwind(AssertUnwindSafe(|| {
            let stage = Stage::set(name, self.config, self.file);
            let config = stage.config(self.config);
            let (lb, haproxy);
            let program = if name == OURS {
                lb = Lb::start(&config);
                lb.pid()
            } else {
                haproxy = Haproxy::start(&config, stage.room().socket())?;
                haproxy.pid()
            };
            let stage = stage.with(program);
            (self.play)(&stage);
            Some(stage.close())
        }));
        noted.map_err(|cause| {
            let text = cause.downcast_ref::<String>().map(String::as_str);
            text.or(cause.downcast_ref::<&str>().copied())
                .unwrap_or("it failed")
                .to_owned()
        })
    }

    fn judge(&self, theirs: &Noted, ours: &Noted) -> Result<(), String> {
        if theirs == ours && self.known.is_empty() {
            return Ok(());
        }
        let mut only_theirs = without(theirs, ours);
        let mut only_ours = without(ours, theirs);
        let mut told = String::new();
        // Lines of checks come when checks are due, so their order says nothing.
        let in_order = |lines: &[String]| {
            lines
                .iter()
                .filter(|line| !line.starts_with("log "))
                .cloned()
                .collect::<Vec<_>>()
        };
        let (theirs, ours) = (in_order(theirs), in_order(ours));
        let is_other_order = only_theirs.is_empty() && only_ours.is_empty() && theirs != ours;
        for known in self.known {
            if !(take(&mut only_theirs, known.theirs) & take(&mut only_ours, known.ours)) {
                writeln!(told, "? not seen: {known:?}").expect("a string takes it");
            }
        }
        let mut tell = |sign: &str, lines: &[String]| {
            for line in lines {
                writeln!(told, "{sign} {line}").expect("a string takes it");
            }
        };
        tell("HAProxy  ", &only_theirs);
        tell("tandem-lb", &only_ours);
        if is_other_order {
            tell("HAProxy has this order:  ", &theirs);
            tell("tandem-lb has this order:", &ours);
        }
        if told.is_empty() { Ok(()) } else { Err(told) }
    }
}

impl Takes {
    fn play_until_alike(&mut self, scenario: &Scenario) -> Result<(), String> {
        loop {
            let outcome = self.play(scenario);
            if outcome.is_ok() || self.played >= TAKES || self.failures >= FAILURES {
                return outcome;
            }
        }
    }

    /// Once more; well when something that one has shown by now is what the other has.
    fn play(&mut self, scenario: &Scenario) -> Result<(), String> {
        self.played += 1;
        let noted = scenario.run().inspect_err(|_| self.failures += 1)?;
        let Some((theirs, ours)) = noted else { return Ok(()) };
        let outcome = scenario.judge(&theirs, &ours);
        let is_alike = outcome.is_ok()
            || self.theirs.iter().any(|earlier| scenario.judge(earlier, &ours).is_ok())
            || self.ours.iter().any(|earlier| scenario.judge(&theirs, earlier).is_ok());
        for (seen, noted) in [(&mut self.theirs, theirs), (&mut self.ours, ours)] {
            if !seen.contains(&noted) {
                seen.push(noted);
            }
        }
        if is_alike { Ok(()) } else { outcome }
    }
}

impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (theirs, ours) = (self.theirs.len(), self.ours.len());
        writeln!(
            f,
            "played {} times: {theirs} different outcomes of {THEIRS}, {ours} of {OURS}, none of them alike; the last:",
            self.played
        )
    }
}

/// The lines of one that the other does not have, as often as it does not.
fn without(these: &[String], those: &[String]) -> Vec<String> {
    let mut those: Vec<&String> = those.iter().collect();
    let mut rest = these.to_vec();
    rest.retain(|line| match those.iter().position(|other| *other == line) {
        Some(place) => {
            those.swap_remove(place);
            false
        }
        None => true,
    });
    rest
}

/// Takes out every line like this; whether there was one, or none was meant.
fn take(lines: &mut Vec<String>, pattern: &str) -> bool {
    let before = lines.len();
    lines.retain(|line| !is_like(line, pattern));
    pattern.is_empty() || lines.len() < before
}

fn is_like(line: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut is_open = false;
    for piece in pieces {
        is_open = true;
        match rest.find(piece) {
            Some(place) => rest = &rest[place + piece.len()..],
            None => return false,
        }
    }
    rest.is_empty() || is_open && (pattern.ends_with('*') || line.ends_with(pattern.rsplit('*').next().unwrap_or("")))
}
