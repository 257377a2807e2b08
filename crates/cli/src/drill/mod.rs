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
use serde::Serialize;
use tandem_lab::Ground;

use crate::file;
use crate::pair::cast::Cast;
use crate::pair::wishes::WishArgs;
use crate::say::say;
use crate::theirs::given::Daemons;
use crate::theirs::{Files, Theirs};
use catalog::Drill;

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
    /// What `@id` lines in the first host's keepalived.conf call it
    #[arg(long, value_name = "ID", default_value = "lb1", requires = "config_a")]
    id_a: String,
    /// The second host's
    #[arg(long, value_name = "ID", default_value = "lb2", requires = "config_a")]
    id_b: String,
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
    let from = Files {
        files: [&args.config_a, &args.config_b],
        daemons: Daemons::Both,
        ids: [&args.id_a, &args.id_b],
    };
    let theirs = match args.config_a.is_empty() {
        true => None,
        false => Some(Theirs::read(&from, wishes.cast)?),
    };
    if args.beside {
        return beside::run(&enter(None)?, &chosen, &wishes, args.repeat, args.patience, args.json);
    }
    let (chosen, left_out) = fit(chosen, theirs.as_ref(), wishes.cast, args.all)?;
    let html = args.html.as_deref().map(Page::begin).transpose()?;
    let ground = enter(theirs.as_ref()).inspect_err(|_| html.iter().for_each(Page::give_up))?;
    for LeftOut { drill, why } in &left_out {
        writeln!(std::io::stderr(), "{drill}: left out: {why}")?;
    }
    if let Some(theirs) = &theirs {
        for warning in &theirs.warnings {
            writeln!(std::io::stderr(), "{warning}")?;
        }
        if !args.json {
            say(&format!("{}{}", theirs.describe(), text::changes(&theirs.changes)))?;
        }
    }
    let mut reports = Vec::new();
    let held = chosen.iter().try_for_each(|drill| {
        let report = match &theirs {
            None => rehearsal::rehearse(&ground, drill, &wishes, args.patience),
            Some(theirs) => rehearsal::rehearse_theirs(&ground, drill, &wishes, theirs, args.patience),
        };
        let report = report.with_context(|| format!("drill {}", drill.name))?;
        if !args.json {
            say(&text::write(&report))?;
        }
        reports.push(report);
        Ok(())
    });
    // Those that were held have their reports, whatever became of the next.
    if let Some(page) = html {
        page.write(&page::write(&reports, &left_out))?;
    }
    if args.json {
        let reports = reports.iter().map(serde_json::to_value);
        let all: Result<Vec<_>, _> = reports.chain(left_out.iter().map(serde_json::to_value)).collect();
        say(&format!("{}\n", serde_json::to_string(&all?)?))?;
    }
    held.map(|()| match reports.iter().all(|report| report.passed) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(1),
    })
}

/// A drill of `--all` that this pair cannot hold.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub drill: String,
    #[serde(rename = "left_out")]
    pub why: String,
}

/// The drills as this pair can hold them. One that was asked for by its name is held or refused.
fn fit(
    chosen: Vec<&Drill>,
    theirs: Option<&Theirs>,
    cast: Cast,
    all: bool,
) -> anyhow::Result<(Vec<Drill>, Vec<LeftOut>)> {
    let (mut fitted, mut left_out) = (Vec::new(), Vec::new());
    for drill in chosen {
        let outcome = match theirs {
            _ if all && !drill.suits(cast) => Err("Keepalived knows no handover".into()),
            None => Ok(drill.clone()),
            Some(theirs) => theirs.pace.fit(drill, cast),
        };
        match outcome {
            Ok(drill) => fitted.push(drill),
            Err(why) if !all => bail!("{} cannot be held: {why}", drill.name),
            Err(why) => left_out.push(LeftOut {
                drill: drill.name.clone(),
                why,
            }),
        }
    }
    if fitted.is_empty() {
        bail!("none of the drills can be held");
    }
    Ok((fitted, left_out))
}

/// Namespaces are entered while there is one thread. Somebody's own files have programs run, and those get no rights.
fn enter(theirs: Option<&Theirs>) -> anyhow::Result<Ground> {
    let ground = match theirs {
        None => Ground::enter(),
        Some(_) => Ground::enter_unprivileged(),
    };
    ground.map_err(|refusal| anyhow!("no network namespaces here: {refusal}"))
}

/// Opened before the namespaces are entered: there may be no right to afterwards.
struct Page {
    file: std::fs::File,
    /// Where nothing was before.
    made: Option<PathBuf>,
}

impl Page {
    fn begin(path: &Path) -> anyhow::Result<Page> {
        let made = (!path.exists()).then(|| path.to_owned());
        let file = std::fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path)
            .with_context(|| path.display().to_string())?;
        Ok(Page { file, made })
    }

    /// Nothing is to be written.
    fn give_up(&self) {
        if let Some(path) = &self.made {
            // An empty file is no harm, and why there is no page is said.
            let _ = std::fs::remove_file(path);
        }
    }

    fn write(mut self, text: &str) -> anyhow::Result<()> {
        self.file.set_len(0)?;
        Ok(self.file.write_all(text.as_bytes())?)
    }
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
    fn a_drill_that_is_asked_for_is_held_or_refused() {
        let mut drills = catalog::ours().expect("the table is whole");
        drills.retain(|drill| ["handover", "stick-tables"].contains(&drill.name.as_str()));
        let keepalived = Cast {
            routers: crate::pair::cast::Both([crate::pair::cast::Origin::Original; 2]),
            ..Cast::OURS
        };
        let of = |all| fit(drills.iter().collect(), None, keepalived, all);
        assert!(of(true).is_err_and(|why| why.to_string().contains("none of the drills")));
        let (fitted, left_out) = fit(drills.iter().collect(), None, Cast::OURS, true).expect("both are held");
        assert_eq!((fitted.len(), left_out), (2, Vec::new()));
    }

    #[test]
    fn patience_is_a_number_that_times_can_be_held_against() {
        assert_eq!(factor("1.5"), Ok(1.5));
        for text in ["NaN", "inf", "0", "-1", "much"] {
            assert!(factor(text).is_err(), "{text}");
        }
    }
}
