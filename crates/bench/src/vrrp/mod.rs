//! `tandem-bench vrrp`: the same things happen to a pair of ours and to a pair of Keepalived, in turn, on the same topology.

mod event;
mod goals;
mod plot;
mod setting;
mod table;
mod trial;

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use clap::ValueEnum;
use serde::Serialize;
use tandem_lab::{Ground, programs};

use crate::machine::Machine;
use crate::{print, program, progress};
use event::Event;
use setting::Setting;
use trial::{Contender, Figures};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this; may be given again
    #[arg(long, value_name = "EVENT")]
    only: Vec<Event>,
    /// Only with these adverts; may be given again
    #[arg(long, value_name = "SETTING")]
    setting: Vec<Setting>,
    /// How often each is measured: the table shows the median and, in parentheses, the worst
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
    /// Print every run as JSON
    #[arg(long)]
    json: bool,
    /// Draw the clients' gaps into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Measure this program in the place of ours
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
}

/// All runs of one event at one setting, of each contender.
#[derive(Debug, Serialize)]
struct Row {
    setting: Setting,
    event: Event,
    runs: Vec<Vec<Figures>>,
}

#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    contenders: Vec<&'static str>,
    rows: Vec<Row>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let contenders = contenders(args)?;
    let versions = contenders
        .iter()
        .map(|c| program::version(&c.path, "--version"))
        .collect::<Result<_>>()?;
    let machine = Machine::look(versions);
    // Namespaces are entered while there is one thread.
    let ground = Ground::enter().map_err(|refusal| anyhow!("no network namespaces here: {refusal}"))?;
    if ground.is_unprivileged() {
        progress("not root: no real-time priority and no locked memory for either daemon");
    }
    let report = Report {
        machine,
        contenders: contenders.iter().map(|c| c.name).collect(),
        rows: measure(args, &ground, &contenders)?,
    };
    if let Some(file) = &args.svg {
        std::fs::write(file, plot::draw(&report)).with_context(|| file.display().to_string())?;
    }
    if args.json {
        print(&(serde_json::to_string_pretty(&report)? + "\n"));
    } else {
        print(&table::text(&report));
    }
    let kept = goals::judge(&report).iter().all(|goal| goal.broken.is_empty());
    ensure!(kept, "not every promise was kept");
    Ok(())
}

/// Ours first.
fn contenders(args: &Args) -> Result<Vec<Contender>> {
    let path = match &args.program {
        Some(path) => path.clone(),
        None => program::ours("tandem-vrrp")?,
    };
    let mut contenders = vec![Contender {
        name: "tandem-vrrp",
        path,
        minds_children: false,
    }];
    match programs::installed("keepalived") {
        Ok(path) => contenders.push(Contender {
            name: "Keepalived",
            path,
            minds_children: true,
        }),
        Err(_) => progress("SKIP keepalived: it is not installed, so there is nothing to compare with"),
    }
    Ok(contenders)
}

fn measure(args: &Args, ground: &Ground, contenders: &[Contender]) -> Result<Vec<Row>> {
    let settings = chosen(&args.setting);
    let events = chosen(&args.only);
    let total = settings.len() * events.len();
    let mut rows = Vec::new();
    for setting in settings {
        for &event in &events {
            progress(&format!(
                "{}/{total} {}: {}",
                rows.len() + 1,
                setting.name(),
                event.name()
            ));
            let mut runs = vec![Vec::new(); contenders.len()];
            for number in 0..args.repeat {
                let phase = setting.interval() * number / args.repeat;
                // In turn, and each begins as often as the other.
                let mut order: Vec<usize> = (0..contenders.len()).collect();
                order.rotate_left(number as usize % contenders.len());
                for each in order {
                    runs[each].push(trial::run(ground, &contenders[each], setting, event, phase)?);
                }
            }
            rows.push(Row { setting, event, runs });
        }
    }
    Ok(rows)
}

/// All of them where none was named.
fn chosen<T: ValueEnum + Copy>(named: &[T]) -> Vec<T> {
    if named.is_empty() {
        return T::value_variants().to_vec();
    }
    named.to_vec()
}

impl Row {
    /// A figure of every run of one contender that has it.
    fn figures<'a>(
        &'a self,
        contender: usize,
        figure: impl Fn(&Figures) -> Option<f64> + 'a,
    ) -> impl Iterator<Item = f64> + 'a {
        self.runs[contender].iter().filter_map(figure)
    }
}
