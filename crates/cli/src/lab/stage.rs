//! The pair and its load, and what the words of a person do to them.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{anyhow, bail};
use serde_json::{Value, json};
use tandem_lab::{Ground, Host};

use crate::load::{Amount, Load};
use crate::pair::act::{Act, HELP, Side};
use crate::pair::{Pair, Wishes};
use crate::span_of_time;

const AMOUNT: Amount = Amount {
    clients: 8,
    pause: Duration::from_millis(20),
};
/// What lies in a broker that is away is not waited for longer.
const SETTLE: Duration = Duration::from_secs(3);

pub struct Stage {
    /// Ends before the pair.
    load: Option<Load>,
    pair: Pair,
    /// What was done, for the page.
    done: Vec<String>,
}

pub enum Next {
    Say(String),
    End,
}

/// The time that `wait 2s` says.
pub fn pause(line: &str) -> anyhow::Result<Option<Duration>> {
    let Some(time) = line.trim().strip_prefix("wait ") else {
        return Ok(None);
    };
    span_of_time::parse(time.trim()).map(Some).map_err(|why| anyhow!(why))
}

impl Stage {
    pub fn build(ground: &Ground, wishes: &Wishes) -> anyhow::Result<Stage> {
        Ok(Stage {
            load: None,
            pair: Pair::build(ground, wishes)?,
            done: Vec::new(),
        })
    }

    pub fn describe(&self) -> String {
        self.pair.describe()
    }

    pub fn host(&self, side: Side) -> &Host {
        self.pair.host(side)
    }

    pub fn obey(&mut self, line: &str) -> anyhow::Result<Next> {
        let words = line.split_once('#').map_or(line, |(words, _)| words).trim();
        let said = match words {
            "" => String::new(),
            "help" => format!(
                "{HELP}load on|off                         clients send and are counted\nstate | wait 2s | quit\n"
            ),
            "quit" | "exit" => return Ok(Next::End),
            "state" => self.state_text(),
            "load on" => self.begin_load()?,
            "load off" => self.end_load()?,
            _ => {
                let act: Act = words.parse().map_err(|why: String| anyhow!(why))?;
                self.pair.perform(&act)?;
                String::new()
            }
        };
        if !matches!(words, "" | "help" | "state") {
            self.done.push(words.to_owned());
        }
        Ok(Next::Say(said))
    }

    fn begin_load(&mut self) -> anyhow::Result<String> {
        if self.load.is_some() {
            bail!("the load is on already");
        }
        self.load = Some(Load::start(&self.pair, AMOUNT)?);
        Ok(String::new())
    }

    fn end_load(&mut self) -> anyhow::Result<String> {
        let Some(load) = self.load.take() else {
            bail!("there is no load");
        };
        let book = load.finish(SETTLE);
        let acked = book.fates.values().filter(|fate| fate.acked.is_some()).count();
        Ok(format!(
            "{acked} acknowledged, {} of them did not come out, {} connections broke\n",
            book.missing().count(),
            book.breaks.len()
        ))
    }

    pub fn end(&mut self) {
        if let Some(load) = self.load.take() {
            load.finish(Duration::ZERO);
        }
    }

    fn state_text(&mut self) -> String {
        let mut out = format!("address: {}\n", self.holders());
        for (part, word) in self.pair.state() {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{:14} {word}", part.to_string());
        }
        if let Some(load) = &self.load {
            let ledger = &load.ledger;
            let _ = writeln!(
                out,
                "load: {} acknowledged, {} connections broke",
                ledger.acked(),
                ledger.broken()
            );
        }
        out
    }

    /// For the page.
    pub fn state(&mut self) -> Value {
        let parts: Vec<Value> = self
            .pair
            .state()
            .into_iter()
            .map(|(part, word)| json!({ "part": part.to_string(), "state": word }))
            .collect();
        let load = self.load.as_ref().map(|load| {
            let ledger = &load.ledger;
            json!({ "acknowledged": ledger.acked(), "broken": ledger.broken() })
        });
        json!({ "address": self.holders(), "parts": parts, "load": load, "done": self.done })
    }

    fn holders(&self) -> String {
        let names: Vec<String> = self.pair.holders().iter().map(Side::to_string).collect();
        if names.is_empty() {
            "nobody".into()
        } else {
            names.join(" and ")
        }
    }
}
