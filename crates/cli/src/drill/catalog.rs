//! The drills as a table: each is a row of `drills.toml`, or of a file of the same form.

use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::load::Amount;
use crate::load::ledger::Account;
use crate::pair::act::{Act, Node, Part, Side};
use crate::pair::cast::{Cast, Origin};

const OURS: &str = include_str!("drills.toml");

#[derive(Clone, Debug, PartialEq)]
pub struct Drill {
    pub name: String,
    /// One of the four that operators' guides give as scripts.
    pub guide: bool,
    pub about: String,
    pub steps: Vec<Step>,
    pub lasts: Duration,
    pub amount: Amount,
    pub expected: Expected,
    /// What is added to `gap` for each millisecond between adverts.
    pub gap_adverts: f64,
    /// Its steps of two brokers stand for those of all.
    pub every_broker: bool,
}

impl Drill {
    /// With so many brokers: of a drill of every broker the third follows the second as that the first.
    pub fn of_brokers(&self, count: usize) -> Drill {
        if !self.every_broker {
            return self.clone();
        }
        let of = |node: usize| {
            let steps = self
                .steps
                .iter()
                .filter(move |step| step.act.node() == Some(Node(node)));
            steps.collect::<Vec<_>>()
        };
        let mut steps: Vec<Step> = self
            .steps
            .iter()
            .filter(|step| step.act.node().is_none())
            .cloned()
            .collect();
        let mut lasts = self.lasts;
        for (first, second) in of(0).into_iter().zip(of(1)) {
            let later = second.at.saturating_sub(first.at);
            let step = |number: u32| Step {
                at: first.at + later * number,
                act: first.act.of_broker(Node(number as usize)),
            };
            steps.extend((0..u32::try_from(count).unwrap_or(0)).map(step));
            lasts = lasts.max(self.lasts + later * u32::try_from(count.saturating_sub(2)).unwrap_or(0));
        }
        steps.sort_by_key(|step| step.at);
        Drill {
            steps,
            lasts,
            ..self.clone()
        }
    }

    /// Whether a pair of this cast can hold it.
    pub fn suits(&self, cast: Cast) -> bool {
        let needed = self.steps.iter().filter_map(|step| step.act.needs_our_router());
        needed.into_iter().all(|side| cast.routers.0[side.0] == Origin::Ours)
    }

    /// What it promises of this cast, with so many milliseconds between adverts: only two routers of ours keep connections
    /// when one of them leaves.
    pub fn promised_by(&self, cast: Cast, interval: u32) -> Expected {
        let by_adverts = Duration::from_secs_f64((f64::from(interval) * self.gap_adverts / 1000.0).max(0.0));
        let leaves = |step: &Step| matches!(step.act, Act::Stop(Part::Router(_)) | Act::HandOver(_));
        let breaks = cast.routers.0 != [Origin::Ours; 2] && self.steps.iter().any(leaves);
        Expected {
            breaks: self.expected.breaks.filter(|_| !breaks),
            gap: self.expected.gap.map(|gap| gap + by_adverts),
            ..self.expected.clone()
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub at: Duration,
    pub act: Act,
}

/// Beside that nothing acknowledged is ever lost, and that there is service after the last step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    pub gap: Option<Duration>,
    pub client_gap: Option<Duration>,
    pub breaks: Option<usize>,
    pub holder: Option<Side>,
    /// How often the address moves.
    pub moves: Option<usize>,
    /// So long after the first step the address has left the host that had it.
    pub held: Option<Duration>,
    /// Each broker's part of the messages, in per cent.
    pub share: Option<u8>,
    /// Every client has one broker, whichever host it comes to.
    pub stuck: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    drill: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Row {
    name: String,
    #[serde(default)]
    guide: bool,
    about: String,
    steps: Vec<String>,
    lasts: f64,
    #[serde(default = "Row::usual_clients")]
    clients: u8,
    #[serde(default = "Row::usual_pause")]
    pause: u64,
    gap: Option<u64>,
    client_gap: Option<u64>,
    breaks: Option<usize>,
    holder: Option<String>,
    moves: Option<usize>,
    held: Option<u64>,
    share: Option<u8>,
    #[serde(default)]
    stuck: bool,
    #[serde(default)]
    gap_adverts: f64,
    #[serde(default)]
    every_broker: bool,
}

pub fn ours() -> anyhow::Result<Vec<Drill>> {
    read(OURS)
}

pub fn read(text: &str) -> anyhow::Result<Vec<Drill>> {
    let table: Table = toml::from_str(text)?;
    table.drill.into_iter().map(Row::read).collect()
}

/// A name stands for one drill.
pub fn tell_apart(drills: &[Drill]) -> anyhow::Result<()> {
    for (number, drill) in drills.iter().enumerate() {
        if drills[..number].iter().any(|other| other.name == drill.name) {
            bail!(
                "there is a drill `{0}` already: call this one otherwise, such as `my-{0}`",
                drill.name
            );
        }
    }
    Ok(())
}

impl Row {
    fn usual_clients() -> u8 {
        8
    }

    fn usual_pause() -> u64 {
        20
    }

    fn read(self) -> anyhow::Result<Drill> {
        let name = self.name;
        let steps: anyhow::Result<Vec<Step>> = self.steps.iter().map(|step| Step::read(step)).collect();
        let steps = steps.with_context(|| format!("drill {name}"))?;
        if self.clients == 0 || self.clients > 200 {
            bail!("drill {name}: 1 to 200 clients");
        }
        let lasts = seconds(self.lasts).with_context(|| format!("drill {name}: lasts"))?;
        if steps.iter().any(|step| step.at > lasts) || !steps.is_sorted_by_key(|step| step.at) {
            bail!("drill {name}: its steps are not in order, or come after its end");
        }
        let holder = self.holder.map(|side| side.parse::<Side>()).transpose();
        Ok(Drill {
            guide: self.guide,
            about: self.about,
            steps,
            lasts,
            amount: Amount {
                clients: self.clients,
                pause: Duration::from_millis(self.pause),
                account: Account::Whole,
                stuck: self.stuck,
            },
            expected: Expected {
                gap: self.gap.map(Duration::from_millis),
                client_gap: self.client_gap.map(Duration::from_millis),
                breaks: self.breaks,
                moves: self.moves,
                held: self.held.map(Duration::from_millis),
                share: self.share,
                stuck: self.stuck,
                holder: holder.map_err(|why| anyhow::anyhow!("drill {name}: {why}"))?,
            },
            gap_adverts: self.gap_adverts,
            every_broker: self.every_broker,
            name,
        })
    }
}

impl Step {
    fn read(text: &str) -> anyhow::Result<Step> {
        let (at, act) = text
            .split_once(' ')
            .with_context(|| format!("`{text}`: SECONDS, then what to do"))?;
        let at = at
            .parse::<f64>()
            .with_context(|| format!("`{at}` is no number of seconds"))?;
        Ok(Step {
            at: seconds(at)?,
            act: act.parse().map_err(|why: String| anyhow::anyhow!(why))?,
        })
    }
}

fn seconds(count: f64) -> anyhow::Result<Duration> {
    const MOST: f64 = 3600.0;
    if !(0.0..=MOST).contains(&count) {
        bail!("{count} is not a number of seconds up to an hour");
    }
    Ok(Duration::from_secs_f64(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let drills = ours().unwrap();
        let names = |guide: bool| {
            let of_kind = drills.iter().filter(|drill| drill.guide == guide);
            of_kind.map(|drill| drill.name.as_str()).collect::<Vec<_>>()
        };
        // The four scripts that guides give, and what else can happen to a pair.
        assert_eq!(
            names(true),
            ["disk-use", "balancer-stop", "cluster-failover", "performance"]
        );
        assert_eq!(
            names(false),
            [
                "broker-killed",
                "broker-paused",
                "all-brokers-killed",
                "balancer-without-brokers",
                "balancer-drained",
                "balancer-killed",
                "balancer-paused",
                "both-balancers-killed",
                "router-stopped",
                "router-killed",
                "host-cut-off",
                "one-way-partition",
                "restart-in-turn",
                "handover",
                "stick-tables",
                "rolling-brokers",
                "reload",
            ]
        );
        tell_apart(&drills).unwrap();
        let twice: Vec<Drill> = drills.iter().chain(&drills[3..4]).cloned().collect();
        let error = tell_apart(&twice).unwrap_err().to_string();
        assert!(error.contains(&format!("`{}`", drills[3].name)), "{error}");
    }

    #[test]
    fn a_mistake_names_its_drill() {
        let row = |steps: &str, more: &str| {
            format!("[[drill]]\nname = \"x\"\nabout = \"\"\nsteps = [{steps}]\nlasts = 2.0\n{more}")
        };
        assert!(read(&row("\"1 kill lb1\"", "holder = \"lb2\"")).is_ok());
        for (steps, more) in [
            ("\"1 explode lb1\"", ""),
            ("\"soon kill lb1\"", ""),
            ("\"3 kill lb1\"", ""),
            ("\"1.5 kill lb1\", \"1 kill lb2\"", ""),
            ("\"-1 kill lb1\"", ""),
            ("", "holder = \"lb7\""),
            ("", "clients = 0"),
        ] {
            let error = read(&row(steps, more)).map(|_| ()).unwrap_err();
            assert!(format!("{error:#}").contains("drill x"), "{error:#}");
        }
        assert!(read(&row("", "gaps = 3")).is_err(), "an unknown field");
    }
}
