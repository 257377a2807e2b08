//! The pair and its load, and what the words of a person do to them.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{anyhow, bail};
use serde_json::{Value, json};
use tandem_lab::{Ground, Host};

use crate::load::ledger::Account;
use crate::load::scene::Scene;
use crate::load::{Amount, Load};
use crate::pair::act::{Act, HELP, Side};
use crate::pair::{Pair, Wishes};
use crate::span_of_time;

const AMOUNT: Amount = Amount {
    clients: 8,
    pause: Duration::from_millis(20),
    account: Account::Open,
    stuck: false,
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

/// One line without its comment.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// `wait 2s`: nothing is done to the stage meanwhile, and others may.
    Wait(Duration),
    Words(&'a str),
}

impl Line<'_> {
    pub fn read(line: &str) -> anyhow::Result<Line<'_>> {
        let words = line.split_once('#').map_or(line, |(words, _)| words).trim();
        match words.strip_prefix("wait ") {
            Some(time) => span_of_time::parse(time.trim())
                .map(Line::Wait)
                .map_err(|why| anyhow!(why)),
            None => Ok(Line::Words(words)),
        }
    }
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

    pub fn obey(&mut self, words: &str) -> anyhow::Result<Next> {
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
        let ledger = load.finish(SETTLE);
        Ok(format!(
            "{} acknowledged, {} of them did not come out, {} connections broke\n",
            ledger.acked(),
            ledger.missing(),
            ledger.broken()
        ))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_no_part_of_a_line() {
        let read = |line| Line::read(line).unwrap();
        assert_eq!(
            read("wait 2s # until it is noticed"),
            Line::Wait(Duration::from_secs(2))
        );
        assert_eq!(read(" kill lb1 # its cable, too"), Line::Words("kill lb1"));
        assert_eq!(read("# wait 2s"), Line::Words(""));
        assert!(Line::read("wait long").is_err());
    }
}
