//! `tandem-bench lb`: the same load through HAProxy and through ours, in turn, with the same configuration.
//!
//! One proxy runs at a time, started anew for each run, so that none remembers what came before. Rates are of the whole
//! machine (clients, proxy and servers share its processors); the processor's time is the proxy's own, from the kernel.

pub(crate) mod bare;
mod chores;
mod clients;
mod configuration;
mod goals;
mod load;
mod plot;
mod proxy;
mod servers;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use tandem_lab::programs;
use tokio::runtime::{Builder, Runtime};

use crate::machine::Machine;
use crate::{print, program, progress};
use chores::Chore;
use clients::{Clients, Waits};
use load::{Doing, Load};
use proxy::{Contender, Kind, Proxy};
use servers::Servers;

const HAPROXY: &str = "HAProxy";
const SPLICE: &str = "HAProxy splice";
const OURS: &str = "tandem-lb";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this; may be given again
    #[arg(long, value_name = "LOAD")]
    only: Vec<Load>,
    /// Only what the goals are about, in less than ten minutes
    #[arg(long, conflicts_with = "only")]
    quick: bool,
    /// Every load, also through the floor and nginx, and what operators wait for
    #[arg(long, conflicts_with_all = ["only", "quick"])]
    all: bool,
    /// How long each run takes
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often each is measured: the table shows the median, ratios are of runs beside each other
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
    /// Threads of each proxy
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    threads: u64,
    /// Print every run as JSON
    #[arg(long)]
    json: bool,
    /// Write a picture of the ratios
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Keep what was measured in this file, and go on from there
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Measure this program in the place of ours
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
}

/// What one run showed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Figures {
    /// A second: bytes, exchanges or connections.
    rate: Option<f64>,
    /// Seconds of the proxy for each of them.
    processor: Option<f64>,
    waits: Option<Waits>,
    /// Bytes for each connection that does nothing.
    memory: Option<f64>,
}

/// All runs of one load, of each contender; of those that cannot do it there are none.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    load: String,
    runs: Vec<Vec<Figures>>,
}

/// The same of what operators wait for.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    chore: Chore,
    runs: Vec<Vec<f64>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Measured {
    contenders: Vec<String>,
    rows: Vec<Row>,
    tasks: Vec<Task>,
}

#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    measured: Measured,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let contenders = contenders(args)?;
    let files = raise_file_limit()?;
    let machine = Machine::look(versions(&contenders, args.threads, files)?);
    let report = Report {
        machine,
        measured: measure(args, &contenders)?,
    };
    if let Some(file) = &args.svg {
        fs::write(file, plot::draw(&report.measured)).with_context(|| file.display().to_string())?;
    }
    if args.json {
        print(&(serde_json::to_string_pretty(&report)? + "\n"));
    } else {
        print(&table::text(&report));
    }
    Ok(())
}

fn versions(contenders: &[Contender], threads: u64, files: u64) -> Result<Vec<String>> {
    let told = contenders
        .iter()
        .filter(|c| matches!(c.kind, Kind::Haproxy(_) | Kind::Nginx));
    let mut versions = told
        .map(|c| program::version(&c.path, "-v"))
        .collect::<Result<Vec<_>>>()?;
    versions.dedup();
    versions.push(format!("{threads} threads each, {files} open files allowed"));
    Ok(versions)
}

/// Ours last: the others are what it is compared with.
fn contenders(args: &Args) -> Result<Vec<Contender>> {
    let mut contenders = Vec::new();
    let mut add = |name, path: &Path, kind| {
        contenders.push(Contender {
            name,
            path: path.to_owned(),
            kind,
        });
    };
    match programs::installed("haproxy") {
        Ok(path) => {
            add(HAPROXY, &path, Kind::Haproxy(["", ""]));
            // Its own choice of pipes, a quarter of the connections, would not fit a usual limit of descriptors.
            let forced = [
                "    maxpipes 128\n",
                "    option splice-request\n    option splice-response\n",
            ];
            add(SPLICE, &path, Kind::Haproxy(forced));
        }
        Err(_) => progress("SKIP haproxy: it is not installed, so there is nothing to compare with"),
    }
    if args.all {
        match programs::installed("nginx") {
            Ok(path) => add("nginx", &path, Kind::Nginx),
            Err(_) => progress("SKIP nginx: it is not installed"),
        }
        let this = std::env::current_exe()?;
        add("direct", &this, Kind::Direct);
        add("bare copy", &this, Kind::Bare("copy"));
        add("bare splice", &this, Kind::Bare("splice"));
    }
    let ours = match &args.program {
        Some(path) => path.clone(),
        None => program::ours("tandem-lb")?,
    };
    add(OURS, &ours, Kind::Haproxy(["", ""]));
    Ok(contenders)
}

/// As far as it goes; what is started inherits it.
fn raise_file_limit() -> Result<u64> {
    const WANTED: u64 = 65_536;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if hard < WANTED && setrlimit(Resource::RLIMIT_NOFILE, WANTED, WANTED).is_ok() {
        return Ok(WANTED);
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(WANTED), hard)?;
    Ok(hard.min(WANTED))
}

fn loads(args: &Args) -> Vec<Load> {
    let quick = || load::QUICK.iter().filter_map(|name| name.parse().ok()).collect();
    match (args.quick, args.only.is_empty()) {
        (true, _) => quick(),
        (false, false) => args.only.clone(),
        (false, true) => load::ALL.to_vec(),
    }
}

fn measure(args: &Args, contenders: &[Contender]) -> Result<Measured> {
    let mut measured = earlier(args, contenders)?;
    let servers = Servers::start()?;
    let clients = Builder::new_current_thread().enable_all().build()?;
    let loads = loads(args);
    for (number, load) in loads.iter().enumerate() {
        if measured.rows.iter().any(|row| row.load == load.to_string()) {
            continue;
        }
        progress(&format!("{}/{} {load}", number + 1, loads.len()));
        let one = |contender: &Contender| {
            if !contender.kind.can(load.setup) {
                return Ok(None);
            }
            one(args, &clients, contender, servers, *load).map(Some)
        };
        let runs = in_turn(args.repeat, contenders, one).with_context(|| load.to_string())?;
        measured.rows.push(Row {
            load: load.to_string(),
            runs,
        });
        keep(args, &measured)?;
    }
    if args.only.is_empty() {
        chores(args, contenders, servers, &mut measured)?;
    }
    Ok(measured)
}

fn chores(args: &Args, contenders: &[Contender], servers: Servers, measured: &mut Measured) -> Result<()> {
    for chore in Chore::ALL {
        if measured.tasks.iter().any(|task| task.chore == chore) {
            continue;
        }
        progress(chore.name());
        let one = |contender: &Contender| {
            let can = [HAPROXY, OURS].contains(&contender.name);
            can.then(|| chore.measure(contender, servers)).transpose()
        };
        let repeat = if chore == Chore::Table { 1 } else { args.repeat };
        let runs = in_turn(repeat, contenders, one).with_context(|| chore.name())?;
        measured.tasks.push(Task { chore, runs });
        keep(args, measured)?;
    }
    Ok(())
}

/// Each as often as the others, and each begins as often.
fn in_turn<T>(
    repeat: u32,
    contenders: &[Contender],
    mut one: impl FnMut(&Contender) -> Result<Option<T>>,
) -> Result<Vec<Vec<T>>> {
    let mut runs: Vec<Vec<T>> = contenders.iter().map(|_| Vec::new()).collect();
    for number in 0..repeat {
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        order.rotate_left(number as usize % contenders.len());
        for each in order {
            let contender = &contenders[each];
            runs[each].extend(one(contender).with_context(|| contender.name)?);
        }
    }
    Ok(runs)
}

/// What an earlier run has kept.
fn earlier(args: &Args, contenders: &[Contender]) -> Result<Measured> {
    let names: Vec<String> = contenders.iter().map(|c| c.name.to_owned()).collect();
    let kept = args.resume.as_ref().and_then(|file| fs::read_to_string(file).ok());
    let Some(kept) = kept else {
        return Ok(Measured {
            contenders: names,
            ..Measured::default()
        });
    };
    let kept: Measured = serde_json::from_str(&kept)?;
    ensure!(kept.contenders == names, "what was kept is about other programs");
    Ok(kept)
}

fn keep(args: &Args, measured: &Measured) -> Result<()> {
    if let Some(file) = &args.resume {
        fs::write(file, serde_json::to_string(measured)?).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

fn one(args: &Args, runtime: &Runtime, contender: &Contender, servers: Servers, load: Load) -> Result<Figures> {
    let proxy = Proxy::start(contender, load.setup, servers, args.threads)?;
    let empty = proxy.memory()?;
    let clients = runtime.block_on(Clients::connect(load, proxy.places()))?;
    let mut figures = Figures::default();
    if clients.idle() > 0 {
        // Whatever it does about idle connections, it has had the time.
        std::thread::sleep(Duration::from_secs(1));
        let grown = proxy.memory()?.zip(empty).map(|(now, empty)| now - empty);
        figures.memory = grown.map(|grown| grown / clients.idle() as f64);
    }
    if let Doing::Idle { .. } = load.doing {
        return Ok(figures);
    }
    let before = proxy.processor_time()?;
    let work = runtime.block_on(clients.work(Duration::from_secs(args.seconds)))?;
    let spent = proxy.processor_time()?.zip(before);
    let spent = spent.map(|(now, before)| now.saturating_sub(before));
    Ok(Figures {
        rate: Some(work.units / work.took.as_secs_f64()),
        processor: spent.map(|spent| spent.as_secs_f64() / work.units),
        waits: work.waits,
        ..figures
    })
}
