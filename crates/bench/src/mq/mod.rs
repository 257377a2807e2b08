//! `tandem-bench mq`: the same client program does the same to a broker of the distribution and to ours, in turn.
//!
//! Each protocol has its peer: AMQP 0-9-1 with confirms RabbitMQ (durable queues), STOMP with receipts ActiveMQ (persistent
//! messages), MQTT with QoS 1 Mosquitto (messages in memory, on both sides). One broker runs at a time, on an empty folder;
//! every queue has a consumer that acknowledges each message. Rates are of the whole machine, which clients and broker
//! share; the processor's time is the broker's own, from the kernel.

mod amqp;
mod broker;
mod crowd;
mod goals;
mod load;
mod mqtt;
mod recovery;
mod stomp;
mod table;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use crate::machine::Machine;
use crate::{print, progress};
use amqp::Amqp;
use broker::{Broker, Program};
use crowd::Work;
use load::Load;
use mqtt::Mqtt;
use recovery::Recovery;
use stomp::Stomp;
use wire::{Talk, Wire};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this: PUBLISHERSxSIZE, as in 16x100b; may be given again
    #[arg(long, value_name = "LOAD")]
    only: Vec<Load>,
    /// Two loads, once, and no recovery: two minutes
    #[arg(long, conflicts_with_all = ["only", "repeat"])]
    quick: bool,
    /// How long each run takes
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often each is measured: the table shows the median, ratios are of runs beside each other
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
    /// Print every run as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Protocol {
    Amqp,
    Stomp,
    Mqtt,
}

impl Protocol {
    const ALL: [Protocol; 3] = [Protocol::Amqp, Protocol::Stomp, Protocol::Mqtt];

    const fn name(self) -> &'static str {
        match self {
            Protocol::Amqp => "AMQP 0-9-1",
            Protocol::Stomp => "STOMP",
            Protocol::Mqtt => "MQTT QoS 1",
        }
    }

    /// Whom ours is compared with.
    const fn peer(self) -> Program {
        match self {
            Protocol::Amqp => Program::RabbitMq,
            Protocol::Stomp => Program::ActiveMq,
            Protocol::Mqtt => Program::Mosquitto,
        }
    }

    async fn work(self, to: SocketAddr, load: Load, time: Duration) -> Result<Work> {
        let name = load.to_string();
        match self {
            Protocol::Amqp => crowd::work::<Amqp>(to, load, &name, time).await,
            Protocol::Stomp => crowd::work::<Stomp>(to, load, &name, time).await,
            Protocol::Mqtt => crowd::work::<Mqtt>(to, load, &name, time).await,
        }
    }

    /// Logs in, and says what the broker calls itself.
    async fn ask(self, to: SocketAddr) -> Result<String> {
        let mut wire = Wire::connect(to).await?;
        Ok(match self {
            Protocol::Amqp => Amqp::begin(&mut wire).await?.1,
            Protocol::Stomp => Stomp::begin(&mut wire).await?.1,
            Protocol::Mqtt => Mqtt::begin(&mut wire).await?.1,
        })
    }
}

/// What one run of a load showed.
#[derive(Clone, Copy, Debug, Serialize)]
struct Figures {
    /// Confirmed messages a second.
    rate: f64,
    /// Seconds of the broker for each of them, until all had been delivered.
    processor: f64,
    /// In milliseconds.
    p99: f64,
}

/// What one start of a broker showed.
#[derive(Clone, Copy, Debug, Serialize)]
struct Start {
    /// Until somebody is let in, on an empty folder, in seconds.
    ready: f64,
    /// Bytes, when nobody has done anything yet.
    idle: f64,
}

/// All runs in one protocol: of the peer, then of ours.
#[derive(Debug, Serialize)]
struct Pairing {
    protocol: Protocol,
    programs: [&'static str; 2],
    starts: [Vec<Start>; 2],
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    load: String,
    runs: [Vec<Figures>; 2],
}

#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    pairings: Vec<Pairing>,
    recovery: Vec<Recovery>,
}

/// The peer and ours.
struct Contenders {
    protocol: Protocol,
    both: [(Program, PathBuf); 2],
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let contenders = contenders()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let machine = Machine::look(versions(&runtime, &contenders)?);
    let mut pairings = Vec::new();
    for each in &contenders {
        pairings.push(measure(args, &runtime, each)?);
    }
    let recovery = match args.quick || !args.only.is_empty() {
        true => Vec::new(),
        false => recovery::measure(&runtime, &Program::Ours.find()?, args.repeat)?,
    };
    let report = Report {
        machine,
        pairings,
        recovery,
    };
    if args.json {
        print(&(serde_json::to_string_pretty(&report)? + "\n"));
    } else {
        print(&table::text(&report));
    }
    Ok(())
}

/// Those whose peer is installed.
fn contenders() -> Result<Vec<Contenders>> {
    let ours = Program::Ours.find()?;
    let mut contenders = Vec::new();
    for protocol in Protocol::ALL {
        let peer = protocol.peer();
        match peer.find() {
            Ok(path) => contenders.push(Contenders {
                protocol,
                both: [(peer, path), (Program::Ours, ours.clone())],
            }),
            Err(why) => progress(&format!("SKIP {}: {why}", peer.name())),
        }
    }
    Ok(contenders)
}

/// What each says of itself when somebody logs in; MQTT has no words for it.
fn versions(runtime: &Runtime, contenders: &[Contenders]) -> Result<Vec<String>> {
    let version = |contenders: &Contenders| {
        let [(program, path), _] = &contenders.both;
        if *program == Program::Mosquitto {
            return crate::program::version(path, "-h");
        }
        let mut broker = Broker::start(*program, path)?;
        let asked = runtime.block_on(broker.ready(async |to| contenders.protocol.ask(to).await));
        asked.with_context(|| program.name())
    };
    let mut versions = contenders.iter().map(version).collect::<Result<Vec<_>>>()?;
    versions.push(crate::program::version(&Program::Ours.find()?, "--version")?);
    Ok(versions)
}

fn loads(args: &Args) -> Vec<Load> {
    match (args.quick, args.only.is_empty()) {
        (true, _) => load::QUICK.to_vec(),
        (false, true) => Load::all().collect(),
        (false, false) => args.only.clone(),
    }
}

fn measure(args: &Args, runtime: &Runtime, contenders: &Contenders) -> Result<Pairing> {
    let loads = loads(args);
    let mut pairing = Pairing {
        protocol: contenders.protocol,
        programs: [0, 1].map(|side| contenders.both[side].0.name()),
        starts: Default::default(),
        rows: Vec::new(),
    };
    pairing.rows.extend(loads.iter().map(|load| Row {
        load: load.to_string(),
        runs: Default::default(),
    }));
    let repeat = if args.quick { 1 } else { args.repeat };
    for round in 0..repeat {
        // Each begins as often as the other.
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for side in order {
            let (program, path) = &contenders.both[side];
            progress(&format!(
                "{}: {}, {} of {repeat}",
                contenders.protocol.name(),
                program.name(),
                round + 1
            ));
            let begun = Instant::now();
            let mut broker = Broker::start(*program, path)?;
            let ready = broker.ready(async |to| contenders.protocol.ask(to).await);
            runtime.block_on(ready).with_context(|| program.name())?;
            let ready = begun.elapsed().as_secs_f64();
            // Whatever it still does after a start, it has had the time.
            std::thread::sleep(Duration::from_secs(2));
            let idle = broker.memory()?;
            pairing.starts[side].push(Start { ready, idle });
            for (row, load) in pairing.rows.iter_mut().zip(&loads) {
                let figures = one(args, runtime, contenders.protocol, &broker, *load);
                let figures = figures.with_context(|| format!("{} of {}", load, program.name()))?;
                row.runs[side].push(figures);
            }
        }
    }
    Ok(pairing)
}

fn one(args: &Args, runtime: &Runtime, protocol: Protocol, broker: &Broker, load: Load) -> Result<Figures> {
    let before = broker.processor_time()?;
    let time = Duration::from_secs(args.seconds);
    // Everybody in one thread: nothing is locked among the clients.
    let work = LocalSet::new().block_on(runtime, protocol.work(broker.at, load, time))?;
    let spent = broker.processor_time()?.saturating_sub(before);
    Ok(Figures {
        rate: work.confirmed as f64 / work.took.as_secs_f64(),
        processor: spent.as_secs_f64() / work.confirmed as f64,
        p99: work.p99.as_secs_f64() * 1e3,
    })
}
