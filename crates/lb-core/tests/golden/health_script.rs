//! A script of what befalls the servers of one backend, and what an observer saw of it: the text form, read by the test
//! of the core and by the program that lets the same befall the installed HAProxy.
//!
//! `case NAME ; SECTION ; OPTIONS` begins one; `server NAME ; WORDS` are HAProxy's own words after the address. Then come
//! steps, `MILLISECONDS what to whom`, and after `=` what was seen: a log line behind its severity, or the status words of
//! all servers when one has changed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tandem_lb_core::backend::{
    Backend, BackendSettings, CheckLog, Conduct, Input, NoServerLeft, Operation, Output, ProxyKind, ServerSettings,
    Spread,
};
use tandem_lb_core::health::{AdminChange, CheckResult, CheckSettings, CheckStatus};
use tandem_lb_core::log::state::Sessions;
use tandem_lb_core::{ServerId, ServerIdx};
use tandem_time::{Mono, Seed};

/// How much later or sooner than ours HAProxy's clock may be: it starts late, and each of its checks adds a millisecond.
/// Below the difference of any two intervals in the scripts.
const TOLERANCE: u64 = 200;

pub struct Case {
    pub name: String,
    pub section: String,
    pub options: String,
    pub servers: Vec<Server>,
    pub steps: Vec<Step>,
    pub seen: Vec<Seen>,
}

pub struct Server {
    pub name: String,
    pub words: String,
}

pub struct Step {
    pub at: u64,
    pub what: What,
    pub server: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Nobody listens any more.
    Close,
    Open,
    Admin(AdminChange),
    Weight(u16),
    Health(Operation),
    Checks(bool),
    /// From here on the words are noted; before, the first checks may or may not have ended.
    Look,
    End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub at: u64,
    pub sight: Sight,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    Line { severity: u8, text: String },
    Words(String),
}

/// All cases of a recording.
pub fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        if let Some(words) = line.strip_prefix("case ") {
            let [name, section, options] = parts(words);
            cases.push(Case {
                name,
                section,
                options,
                servers: Vec::new(),
                steps: Vec::new(),
                seen: Vec::new(),
            });
            continue;
        }
        let case = cases.last_mut().expect("a case comes first");
        if let Some(words) = line.strip_prefix("server ") {
            let [name, words] = parts(words);
            case.servers.push(Server { name, words });
        } else if let Some(seen) = line.strip_prefix("= ") {
            case.seen.push(Seen::parse(seen));
        } else {
            let step = case.step(line).unwrap_or_else(|| panic!("not a step: {line}"));
            case.steps.push(step);
        }
    }
    cases
}

fn parts<const N: usize>(words: &str) -> [String; N] {
    let mut parts = words.split(';').map(|p| p.trim().to_owned());
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

impl Case {
    fn step(&self, line: &str) -> Option<Step> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (&[at, what], rest) = words.split_first_chunk()?;
        let what = match (what, rest.get(1).copied()) {
            ("close", None) => What::Close,
            ("open", None) => What::Open,
            ("ready", None) => What::Admin(AdminChange::Ready),
            ("drain", None) => What::Admin(AdminChange::Drain),
            ("maint", None) => What::Admin(AdminChange::Maint),
            ("weight", Some(n)) => What::Weight(n.parse().ok()?),
            ("health", Some("up")) => What::Health(Operation::Running),
            ("health", Some("stopping")) => What::Health(Operation::Stopping),
            ("health", Some("down")) => What::Health(Operation::Down),
            ("checks", Some("on")) => What::Checks(true),
            ("checks", Some("off")) => What::Checks(false),
            ("look", None) => What::Look,
            ("end", None) => What::End,
            _ => return None,
        };
        let server = rest
            .first()
            .map_or(Some(0), |&name| self.servers.iter().position(|s| s.name == name))?;
        Some(Step {
            at: at.parse().ok()?,
            what,
            server,
        })
    }

    pub fn logs_checks(&self) -> bool {
        self.options.contains("log-health-checks")
    }

    fn backend(&self) -> Backend {
        let servers: Vec<ServerSettings> = (1..)
            .zip(&self.servers)
            .map(|(id, s)| s.settings(ServerId(id)))
            .collect();
        let settings = BackendSettings {
            name: Arc::from(self.name.as_str()),
            kind: if self.section == "listen" {
                ProxyKind::Listen
            } else {
                ProxyKind::Backend
            },
            policy: tandem_lb_core::balance::Policy::default(),
            log_checks: self.logs_checks(),
            spread: Spread::over(0, [servers.as_slice()])[0],
            servers,
        };
        Backend::new(settings, Seed::new(0), Mono::ZERO)
    }

    /// What ours shows of the same script, on a clock of its own.
    pub fn ours(&self) -> Vec<Seen> {
        let mut ours = Ours {
            backend: self.backend(),
            open: vec![true; self.servers.len()],
            names: self.servers.iter().map(|s| s.name.clone()).collect(),
            looks: false,
            seen: Vec::new(),
        };
        for step in &self.steps {
            while let Some(due) = ours.backend.poll_deadline().filter(|due| due.as_millis() < step.at) {
                ours.backend.on_deadline(due);
                ours.look(due);
            }
            ours.take(step);
        }
        ours.seen
    }
}

impl Server {
    fn settings(&self, id: ServerId) -> ServerSettings {
        let number = |key| {
            let mut words = self.words.split_whitespace().skip_while(move |w| *w != key);
            words.nth(1).map(|n| n.parse::<u64>().expect("a number"))
        };
        let time = |key| number(key).map(Duration::from_millis);
        let count = |key| number(key).map(|n| u32::try_from(n).expect("a small number"));
        let has = |word| self.words.split_whitespace().any(|w| w == word);
        ServerSettings {
            place: ServerIdx(id.0 - 1),
            name: Arc::from(self.name.as_str()),
            id,
            guid: None,
            weight: 1,
            backup: has("backup"),
            disabled: has("disabled"),
            is_nowhere: false,
            maxconn: 0,
            conduct: Conduct::default(),
            agent: None,
            tracks: None,
            minconn: 0,
            hash_key: tandem_lb_core::balance::HashKey::Id,
            at: None,
            check: has("check").then(|| CheckSettings {
                inter: time("inter").unwrap_or(Duration::from_secs(2)),
                fastinter: time("fastinter"),
                downinter: time("downinter"),
                rise: count("rise").unwrap_or(2),
                fall: count("fall").unwrap_or(3),
                connect_timeout: Duration::from_secs(1),
            }),
        }
    }
}

/// A runtime whose network answers at once.
struct Ours {
    backend: Backend,
    open: Vec<bool>,
    names: Vec<String>,
    looks: bool,
    seen: Vec<Seen>,
}

impl Ours {
    fn take(&mut self, step: &Step) {
        let server = ServerIdx(u32::try_from(step.server).expect("few servers"));
        let input = match step.what {
            What::Close => return self.open[step.server] = false,
            What::Open => return self.open[step.server] = true,
            What::End => return,
            What::Look => {
                self.looks = true;
                return self.look(Mono::from_millis(step.at));
            }
            What::Admin(change) => Input::Admin { server, change },
            What::Weight(weight) => Input::Weight { server, weight },
            What::Health(to) => Input::Health { server, to },
            What::Checks(enabled) => Input::Checks { server, enabled },
        };
        let now = Mono::from_millis(step.at);
        self.backend.handle(input, now);
        self.look(now);
    }

    fn look(&mut self, now: Mono) {
        while let Some(output) = self.backend.poll_output() {
            let (severity, text) = match output {
                Output::StartCheck { server } => {
                    let result = self.result_of(server);
                    self.backend.handle(Input::CheckDone { server, result }, now);
                    continue;
                }
                Output::Publish(_) | Output::EndSessions { .. } | Output::StartAgent { .. } => continue,
                Output::Changed(change) => (change.severity(), change.text(Sessions::default()).to_string()),
                Output::CheckLogged(log) => (CheckLog::SEVERITY, log.to_string()),
                Output::NoServerLeft(nobody) => (NoServerLeft::SEVERITY, nobody.to_string()),
            };
            let sight = Sight::Line {
                severity: severity as u8,
                text,
            };
            self.seen.push(Seen {
                at: now.as_millis(),
                sight,
            });
        }
        if !self.looks {
            return;
        }
        let words = (0..).zip(&self.names).map(|(place, name)| {
            let report = self.backend.report(ServerIdx(place), now).expect("it has this server");
            (name.clone(), report.status.to_string())
        });
        see_words(&mut self.seen, now.as_millis(), words);
    }

    fn result_of(&self, server: ServerIdx) -> CheckResult {
        if self.open[server.place()] {
            return CheckResult::new(CheckStatus::L4Ok, Duration::ZERO);
        }
        CheckResult::new(CheckStatus::L4Connection, Duration::ZERO).with_info("Connection refused")
    }
}

/// Notes the status words of all servers if they are not those noted last.
pub fn see_words(seen: &mut Vec<Seen>, at: u64, words: impl IntoIterator<Item = (String, String)>) {
    let row: Vec<String> = words.into_iter().map(|(name, word)| format!("{name}={word}")).collect();
    let sight = Sight::Words(row.join(" "));
    let last = seen.iter().rev().find(|s| matches!(s.sight, Sight::Words(_)));
    if last.is_none_or(|last| last.sight != sight) {
        seen.push(Seen { at, sight });
    }
}

impl Seen {
    fn parse(line: &str) -> Seen {
        let (at, rest) = line.split_once(' ').expect("a time and what was seen");
        let sight = match rest.strip_prefix('<').and_then(|r| r.split_once("> ")) {
            Some((severity, text)) => Sight::Line {
                severity: severity.parse().expect("a severity"),
                text: text.to_owned(),
            },
            None => Sight::Words(rest.to_owned()),
        };
        Seen {
            at: at.parse().expect("a time"),
            sight,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sight {
            Sight::Line { severity, text } => write!(f, "= {} <{severity}> {text}", self.at),
            Sight::Words(words) => write!(f, "= {} {words}", self.at),
        }
    }
}

/// Where the two part ways, if they do. Lines and words are two sequences: nobody can see which of them came first.
pub fn difference(case: &str, theirs: &[Seen], ours: &[Seen]) -> Option<String> {
    let lines = |s: &&Seen| matches!(s.sight, Sight::Line { .. });
    let words = |s: &&Seen| matches!(s.sight, Sight::Words(_));
    let of_lines = part_ways(theirs.iter().filter(lines), ours.iter().filter(lines));
    let of_words = part_ways(theirs.iter().filter(words), ours.iter().filter(words));
    of_lines.or(of_words).map(|d| format!("case {case}:\n{d}"))
}

fn part_ways<'a>(theirs: impl Iterator<Item = &'a Seen>, ours: impl Iterator<Item = &'a Seen>) -> Option<String> {
    let (mut theirs, mut ours) = (theirs, ours);
    let show = |s: Option<&Seen>| s.map_or("nothing".to_owned(), Seen::to_string);
    loop {
        match (theirs.next(), ours.next()) {
            (None, None) => return None,
            (Some(t), Some(o)) if t.sight == o.sight && t.at.abs_diff(o.at) <= TOLERANCE => {}
            (t, o) => return Some(format!("  HAProxy {}\n  ours    {}", show(t), show(o))),
        }
    }
}
