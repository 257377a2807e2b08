//! `tandem plan`: what two hosts' files would do on each kind of failure, in seconds, before anything is installed.
//!
//! Twice: by the protocol's arithmetic, and by running both routers in the simulator, a thousand times with other chances.

mod failure;
mod machine;

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tandem_vrrp_core::settings::{Family, InstanceId, InstanceSettings, RouterSettings};

use crate::check;
use failure::{Failure, Pair, Run, Side};

#[derive(clap::Args)]
#[command(after_help = "Exit status: 0 the plan was made, 2 a file cannot be used.\n\
    Example:\n  tandem plan lb1/keepalived.conf lb2/keepalived.conf")]
pub struct Args {
    /// One host's keepalived.conf or its TOML form
    a: PathBuf,
    /// The other host's
    b: PathBuf,
    /// How often each failure is simulated
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: u64,
    /// The plan as JSON
    #[arg(long)]
    json: bool,
}

struct Row {
    failure: Failure,
    noticed: Duration,
    arithmetic: Option<Duration>,
    median: Duration,
    worst: Duration,
    double: Duration,
    moved: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let files = [&args.a, &args.b].map(|file| read(file));
    let [a, b] = files;
    let (a, b) = (a?, b?);
    let mut out = std::io::stdout().lock();
    let mut values = Vec::new();
    let pairs = pairs((&args.a, &a), (&args.b, &b))?;
    for pair in &pairs {
        let rows: Vec<Row> = pair
            .failures()
            .into_iter()
            .map(|failure| row(pair, failure, args.seeds))
            .collect();
        if args.json {
            values.push(value(pair, &rows));
        } else {
            out.write_all(table(pair, &rows, args.seeds).as_bytes())?;
        }
    }
    if args.json {
        writeln!(out, "{}", Value::from(values))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> anyhow::Result<RouterSettings> {
    let name = file.display().to_string();
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {name}"))?;
    if !check::is_routers(&bytes) {
        bail!("{name} is no router's file: `tandem plan` wants two keepalived.conf or their TOML forms");
    }
    let plan = check::read_router(&name, bytes, &mut Vec::new());
    let plan = plan.with_context(|| format!("{name} has errors: `tandem check {name}` says which"))?;
    Ok(plan.router)
}

/// The virtual routers that both files have, the one that becomes master first.
fn pairs(a: (&Path, &RouterSettings), b: (&Path, &RouterSettings)) -> anyhow::Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for one in a.1.instances.iter().filter(|instance| instance.family == Family::V4) {
        let same = |other: &&InstanceSettings| other.vrid == one.vrid && other.family == one.family;
        let Some(other) = b.1.instances.iter().find(same) else {
            continue;
        };
        let sides = [
            side(a, one, failure::source(one, other, Ipv4Addr::new(192, 0, 2, 1))),
            side(b, other, failure::source(other, one, Ipv4Addr::new(192, 0, 2, 2))),
        ];
        let [first, second] = sides;
        pairs.push(Pair {
            hosts: if other.priority > one.priority {
                [second, first]
            } else {
                [first, second]
            },
        });
    }
    if pairs.is_empty() {
        bail!("the files have no virtual router of IPv4 in common: the same virtual_router_id on both hosts");
    }
    Ok(pairs)
}

fn side((file, router): (&Path, &RouterSettings), instance: &InstanceSettings, source: Ipv4Addr) -> Side {
    let mut settings = router.clone();
    let alone = InstanceSettings {
        id: InstanceId(0),
        ..instance.clone()
    };
    settings.instances = vec![alone];
    settings.link_delays.clear();
    Side {
        name: file.display().to_string(),
        settings,
        source,
    }
}

fn row(pair: &Pair, failure: Failure, seeds: u64) -> Row {
    let runs: Vec<Run> = (0..seeds).map(|number| pair.simulate(&failure, number)).collect();
    let mut gaps: Vec<Duration> = runs.iter().map(|run| run.gap).collect();
    gaps.sort_unstable();
    Row {
        noticed: Pair::noticed(&failure),
        arithmetic: pair.arithmetic(&failure),
        median: gaps.get(gaps.len() / 2).copied().unwrap_or_default(),
        worst: gaps.last().copied().unwrap_or_default(),
        double: runs.iter().map(|run| run.double).max().unwrap_or_default(),
        moved: runs.iter().filter(|run| run.moved).count() * 2 > runs.len(),
        failure,
    }
}

fn table(pair: &Pair, rows: &[Row], seeds: u64) -> String {
    let (first, second) = (pair.first(), pair.second());
    let mut out = format!(
        "{}: {} is master with {}, {} stands by with {}; adverts each {} s\n\
         seconds in which nobody serves; simulated {seeds} times\n\n\
         {:32}{:>10}{:>12}{:>10}{:>10}{:>12}  then serves\n",
        first.name,
        pair.hosts[0].name,
        first.priority.value(),
        pair.hosts[1].name,
        second.priority.value(),
        first.protocol.interval().as_secs_f64(),
        "what happens to the master",
        "noticed",
        "arithmetic",
        "median",
        "worst",
        "both serve",
    );
    for row in rows {
        let arithmetic = row.arithmetic.map_or("stays".into(), seconds);
        out += &format!(
            "{:32}{:>10}{arithmetic:>12}{:>10}{:>10}{:>12}  {}\n",
            row.failure.to_string(),
            seconds(row.noticed),
            seconds(row.median),
            seconds(row.worst),
            seconds(row.double),
            pair.hosts[usize::from(row.moved)].name
        );
    }
    out + "\nnoticed: how long at most until the router knows, before the times beside it begin\n"
}

fn value(pair: &Pair, rows: &[Row]) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "failure": row.failure.to_string(),
                "noticed": row.noticed.as_secs_f64(),
                "arithmetic": row.arithmetic.map(|time| time.as_secs_f64()),
                "median": row.median.as_secs_f64(),
                "worst": row.worst.as_secs_f64(),
                "both_serve": row.double.as_secs_f64(),
                "then_serves": pair.hosts[usize::from(row.moved)].name,
            })
        })
        .collect();
    json!({ "instance": &*pair.first().name, "master": pair.hosts[0].name, "backup": pair.hosts[1].name, "failures": rows })
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: u64 = 50;

    fn settings(priority: u8, more: &str) -> RouterSettings {
        let text = format!(
            "global_defs {{\n vrrp_version 3\n}}\nvrrp_script alive {{\n script /bin/true\n interval 2\n fall 3\n}}\n\
             vrrp_instance V {{\n interface eth0\n virtual_router_id 51\n priority {priority}\n advert_int 0.1\n\
             virtual_ipaddress {{\n 10.0.0.100/24\n }}\n{more}\n}}\n"
        );
        check::read_router("test.conf", text.into_bytes(), &mut Vec::new())
            .unwrap()
            .router
    }

    fn rows(a: (u8, &str), b: (u8, &str)) -> Vec<Row> {
        let (a, b) = (settings(a.0, a.1), settings(b.0, b.1));
        let pairs = pairs((Path::new("a"), &a), (Path::new("b"), &b)).unwrap();
        assert_eq!(pairs[0].hosts[0].name, "a");
        pairs[0]
            .failures()
            .into_iter()
            .map(|failure| row(&pairs[0], failure, SEEDS))
            .collect()
    }

    fn find(rows: &[Row], wanted: impl Fn(&Failure) -> bool) -> &Row {
        rows.iter().find(|row| wanted(&row.failure)).unwrap()
    }

    #[test]
    fn the_simulator_never_waits_longer_than_the_arithmetic() {
        let rows = rows((150, "track_script {\n alive\n}"), (100, ""));
        let slack = Duration::from_millis(2);
        for row in &rows {
            let allowed = row.arithmetic.unwrap() + slack;
            assert!(row.worst <= allowed, "{}: {:?} > {allowed:?}", row.failure, row.worst);
        }
        let power = find(&rows, |failure| *failure == Failure::PowerLost);
        assert_eq!(power.arithmetic, Some(Duration::from_micros(360_937)));
        assert!(
            power.moved && power.worst > Duration::from_millis(260),
            "{:?}",
            power.worst
        );
        let script = find(&rows, |failure| matches!(failure, Failure::Tracked { .. }));
        assert_eq!((script.noticed, script.moved), (Duration::from_secs(8), true));
        let back = find(&rows, |failure| *failure == Failure::Returns);
        assert!(!back.moved, "it preempts");
    }

    #[test]
    fn a_weight_that_is_too_small_moves_nothing() {
        let rows = rows((150, "track_script {\n alive weight -30\n}"), (100, ""));
        let script = find(&rows, |failure| matches!(failure, Failure::Tracked { .. }));
        assert_eq!((script.arithmetic, script.moved), (None, false));
    }
}
