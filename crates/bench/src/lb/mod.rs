//! `tandem-bench lb`: the same load through HAProxy and through ours, in turn, with the same configuration.
//!
//! One proxy runs at a time, started anew for each run, so that none remembers what came before. Rates are of the whole
//! machine (clients, proxy and servers share its processors); the processor's time is the proxy's own, from the kernel.

mod clients;
mod load;
mod proxy;
mod servers;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use crate::machine::Machine;
use crate::{print, program, progress};
use clients::{Clients, Waits};
use load::Load;
use proxy::{Contender, Proxy};
use servers::Servers;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this; may be given again
    #[arg(long, value_name = "LOAD")]
    only: Vec<Load>,
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
    /// Measure this program in the place of ours
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
}

/// What one run showed.
#[derive(Clone, Debug, Default, Serialize)]
struct Figures {
    /// A second: bytes, exchanges or connections.
    rate: Option<f64>,
    /// Seconds of the proxy for each of them.
    processor: Option<f64>,
    waits: Option<Waits>,
    /// Bytes for each open connection.
    memory: Option<f64>,
}

/// All runs of one load, of each contender.
#[derive(Debug, Serialize)]
struct Row {
    load: Load,
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
    let mut versions = contenders
        .iter()
        .map(|c| program::version(&c.path, "-v"))
        .collect::<Result<Vec<_>>>()?;
    versions.dedup();
    let files = raise_file_limit()?;
    versions.push(format!("{} threads each, {files} open files allowed", args.threads));
    let report = Report {
        machine: Machine::look(versions),
        contenders: contenders.iter().map(|c| c.name).collect(),
        rows: measure(args, &contenders)?,
    };
    if args.json {
        print(&(serde_json::to_string_pretty(&report)? + "\n"));
    } else {
        print(&table::text(&report));
    }
    Ok(())
}

/// Ours last: the others are what it is compared with.
fn contenders(args: &Args) -> Result<Vec<Contender>> {
    let mut contenders = Vec::new();
    match program::theirs("haproxy") {
        Some(path) => {
            contenders.push(Contender {
                name: "HAProxy",
                path: path.clone(),
                extra: ["", ""],
            });
            contenders.push(Contender {
                name: "HAProxy splice",
                path,
                extra: [
                    // Its own choice, a quarter of the connections, would not fit a usual limit of descriptors.
                    "    maxpipes 128\n",
                    "    option splice-request\n    option splice-response\n",
                ],
            });
        }
        None => progress("SKIP haproxy: it is not installed, so there is nothing to compare with"),
    }
    contenders.push(Contender {
        name: "tandem-lb",
        path: match &args.program {
            Some(path) => path.clone(),
            None => program::ours("tandem-lb")?,
        },
        extra: ["", ""],
    });
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

fn measure(args: &Args, contenders: &[Contender]) -> Result<Vec<Row>> {
    let loads = if args.only.is_empty() {
        &load::ALL[..]
    } else {
        &args.only
    };
    let servers = Servers::start()?;
    let clients = Builder::new_current_thread().enable_all().build()?;
    let mut rows = Vec::new();
    for &load in loads {
        progress(&format!("{}/{} {load}", rows.len() + 1, loads.len()));
        let mut runs = vec![Vec::new(); contenders.len()];
        for number in 0..args.repeat {
            // In turn, and each begins as often as the others.
            let mut order: Vec<usize> = (0..contenders.len()).collect();
            order.rotate_left(number as usize % contenders.len());
            for each in order {
                let contender = &contenders[each];
                let figures = one(args, &clients, contender, servers, load);
                runs[each].push(figures.with_context(|| format!("{load} through {}", contender.name))?);
            }
        }
        rows.push(Row { load, runs });
    }
    Ok(rows)
}

fn one(args: &Args, runtime: &Runtime, contender: &Contender, servers: Servers, load: Load) -> Result<Figures> {
    let proxy = Proxy::start(contender, servers, usize::try_from(args.threads)?)?;
    let empty = proxy.memory()?;
    let clients = runtime.block_on(Clients::connect(load, proxy.address(load)))?;
    if let Load::Idle { connections } = load {
        // Whatever it does about idle connections, it has had the time.
        std::thread::sleep(Duration::from_secs(1));
        return Ok(Figures {
            memory: Some((proxy.memory()? - empty) / connections as f64),
            ..Figures::default()
        });
    }
    let before = proxy.processor_time()?;
    let work = runtime.block_on(clients.work(Duration::from_secs(args.seconds)))?;
    let spent = proxy.processor_time()?.saturating_sub(before);
    Ok(Figures {
        rate: Some(work.units / work.took.as_secs_f64()),
        processor: Some(spent.as_secs_f64() / work.units),
        waits: work.waits,
        memory: None,
    })
}
