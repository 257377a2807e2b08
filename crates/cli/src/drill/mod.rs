//! `tandem drill`: a failure, rehearsed under load in a lab, with a verdict and a report.
//!
//! A drill is a row of a table (`drills.toml`); the pair, the load and what can be done to them are shared with `tandem lab`.

mod beside;
pub mod catalog;
pub mod judge;
mod page;
pub mod rehearsal;
mod report;
pub mod text;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use tandem_lab::Ground;

use crate::file;
use crate::pair::wishes::WishArgs;
use crate::say::say;
use crate::theirs::Theirs;
use catalog::Drill;
use report::Report;

#[derive(clap::Args)]
#[command(
    after_help = "Exit status: 0 every drill passed, 1 one did not, 2 one could not be held.\n\
    Examples:\n  tandem drill --list\n  tandem drill balancer-killed --html report.html\n  tandem drill --all --beside --repeat 10"
)]
pub struct Args {
    /// Which drills; --list names them
    names: Vec<String>,
    /// All of them, one after the other
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Say which drills there are
    #[arg(long)]
    list: bool,
    /// Drills of your own, in the form of drills.toml, beside ours
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Your own pair instead of ours: the first host's haproxy.cfg (or its TOML form) and keepalived.conf (or its), and what
    /// those name
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "config_b", conflicts_with_all = ["adverts", "brokers", "beside"])]
    config_a: Vec<PathBuf>,
    /// The second host's
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "config_a")]
    config_b: Vec<PathBuf>,
    /// The reports as JSON
    #[arg(long)]
    json: bool,
    /// Write the reports as one page that needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    wishes: WishArgs,
    /// Each drill with ours and with HAProxy and Keepalived, in turn, as one table
    #[arg(long, conflicts_with_all = ["html", "balancers", "routers"])]
    beside: bool,
    /// With --beside: how often each; the table shows the median and the worst
    #[arg(long, value_name = "N", default_value_t = 3, requires = "beside", value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,
    /// Times may be longer than a drill expects by this factor, where the machine has other things to do
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    patience: f64,
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text
        .parse()
        .ok()
        .filter(|factor: &f64| factor.is_finite() && *factor > 0.0);
    factor.ok_or_else(|| "a factor is a number above 0, such as 2 or 1.5".into())
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut drills = catalog::ours()?;
    if let Some(file) = &args.file {
        let (name, text) = read(file)?;
        drills.extend(catalog::read(&text).context(name.clone())?);
        catalog::tell_apart(&drills).context(name)?;
    }
    if args.list {
        return list(&drills);
    }
    let chosen = choose(args, &drills)?;
    let wishes = args.wishes.read();
    let theirs = match args.config_a.is_empty() {
        true => None,
        false => Some(Theirs::read([&args.config_a, &args.config_b], wishes.cast)?),
    };
    // Namespaces are entered while there is one thread.
    let ground = Ground::enter().map_err(|refusal| anyhow!("no network namespaces here: {refusal}"))?;
    if args.beside {
        return beside::run(&ground, &chosen, &wishes, args.repeat, args.patience, args.json);
    }
    let (chosen, others): (Vec<&Drill>, Vec<&Drill>) = chosen
        .into_iter()
        .partition(|drill| !args.all || drill.suits(wishes.cast));
    for drill in others {
        writeln!(
            std::io::stderr(),
            "{}: left out: Keepalived knows no handover",
            drill.name
        )?;
    }
    if let Some(theirs) = theirs.as_ref().filter(|_| !args.json) {
        say(&format!("{}{}", theirs.describe(), text::changes(&theirs.changes)))?;
    }
    let mut reports = Vec::new();
    let held = chosen.into_iter().try_for_each(|drill| {
        let report = match &theirs {
            None => rehearsal::rehearse(&ground, drill, &wishes, args.patience),
            Some(theirs) => match theirs.pace.fit(drill, wishes.cast) {
                Ok(fitted) => rehearsal::rehearse_theirs(&ground, &fitted, &wishes, theirs, args.patience),
                Err(why) => {
                    writeln!(std::io::stderr(), "{}: left out: {why}", drill.name)?;
                    return Ok(());
                }
            },
        };
        let report = report.with_context(|| format!("drill {}", drill.name))?;
        if !args.json {
            say(&text::write(&report))?;
        }
        reports.push(report);
        Ok(())
    });
    // Those that were held have their reports, whatever became of the next.
    write(args, &reports)?;
    held.map(|()| match reports.iter().all(|report| report.passed) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(1),
    })
}

/// More than anybody writes by hand: what is read becomes many times as much.
const LARGEST: usize = 256 << 10;

fn read(file: &Path) -> anyhow::Result<(String, String)> {
    let (name, bytes) = file::read(file)?;
    if bytes.len() > LARGEST {
        bail!(
            "{name}: drills are at most {} KiB; is this the file that was meant?",
            LARGEST >> 10
        );
    }
    let text = String::from_utf8(bytes).with_context(|| format!("{name} is no text"))?;
    Ok((name, text))
}

fn write(args: &Args, reports: &[Report]) -> anyhow::Result<()> {
    if let Some(file) = &args.html {
        std::fs::write(file, page::write(reports)).with_context(|| file.display().to_string())?;
    }
    if args.json {
        say(&format!("{}\n", serde_json::to_string(reports)?))?;
    }
    Ok(())
}

fn choose<'a>(args: &Args, drills: &'a [Drill]) -> anyhow::Result<Vec<&'a Drill>> {
    if args.all {
        return Ok(drills.iter().collect());
    }
    if args.names.is_empty() {
        bail!("which drill? `tandem drill --list` names them; --all holds every one");
    }
    let find = |name: &String| {
        let found = drills.iter().find(|drill| drill.name == *name);
        found.with_context(|| format!("there is no drill `{name}`; `tandem drill --list` names them"))
    };
    args.names.iter().map(find).collect()
}

fn list(drills: &[Drill]) -> anyhow::Result<ExitCode> {
    for drill in drills {
        let guide = if drill.guide { " (in operators' guides)" } else { "" };
        say(&format!("{:18} {}{guide}\n", drill.name, drill.about))?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_drills_has_an_end() {
        let file = std::env::temp_dir().join(format!("tandem-drills-{}", std::process::id()));
        let read_of = |size| {
            std::fs::write(&file, " ".repeat(size)).expect("the temporary folder is writable");
            read(&file)
        };
        assert!(read_of(LARGEST).is_ok());
        assert!(read_of(LARGEST + 1).is_err_and(|why| why.to_string().contains("at most 256 KiB")));
        std::fs::remove_file(&file).expect("ours");
    }

    #[test]
    fn patience_is_a_number_that_times_can_be_held_against() {
        assert_eq!(factor("1.5"), Ok(1.5));
        for text in ["NaN", "inf", "0", "-1", "much"] {
            assert!(factor(text).is_err(), "{text}");
        }
    }
}
