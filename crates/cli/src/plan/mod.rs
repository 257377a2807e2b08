//! `tandem plan`: what two hosts' files would do on each kind of failure, in seconds, before anything is installed.
//!
//! Twice: by the protocol's arithmetic, and by running both routers in the simulator, a thousand times with other chances.

pub mod failure;
mod machine;
pub mod side;

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tandem_vrrp_core::settings::{Family, InstanceSettings, RouterSettings};

use crate::{check, file};
use failure::{Failure, Pair, Run};
use side::Side;

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
    for left_out in left_out((&args.a, &a), (&args.b, &b)) {
        writeln!(std::io::stderr(), "left out: {left_out}")?;
    }
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
    let (name, bytes) = file::read(file)?;
    if !check::is_routers(&bytes) {
        bail!("{name} is no router's file: `tandem plan` wants two keepalived.conf or their TOML forms");
    }
    let plan = check::read_router(&name, bytes, &mut Vec::new());
    let plan = plan.with_context(|| format!("{name} has errors: `tandem check {name}` says which"))?;
    Ok(plan.router)
}

/// The master of a pair is made up as long as it is.
const ADDRESS: &str = "the address that it sends adverts from, the higher of which decides between equal priorities (unicast_src_ip, mcast_src_ip)";

pub type File<'a> = (&'a Path, &'a RouterSettings);

/// The virtual routers that both files have.
pub fn pairs(a: File<'_>, b: File<'_>) -> anyhow::Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for one in a.1.instances.iter().filter(|instance| instance.family == Family::V4) {
        let Some(other) = counterpart(one, b.1) else {
            continue;
        };
        let sources = [failure::source(one, other), failure::source(other, one)];
        let [first, second] = [1, 2].map(|last| Ipv4Addr::new(192, 0, 2, last));
        let mut sides = [
            side(a, one, sources[0].unwrap_or(first)),
            side(b, other, sources[1].unwrap_or(second)),
        ];
        let [priority, others] = sides.each_ref().map(|side| side.explain(None).effective);
        for (side, source) in sides.iter_mut().zip(sources) {
            if priority == others && source.is_none() {
                side.left_out.push(ADDRESS.into());
            }
        }
        let [one, other] = sides;
        pairs.push(Pair::new(one, other));
    }
    if pairs.is_empty() {
        bail!("the files have no virtual router of IPv4 in common: the same virtual_router_id on both hosts");
    }
    Ok(pairs)
}

pub fn counterpart<'a>(one: &InstanceSettings, other: &'a RouterSettings) -> Option<&'a InstanceSettings> {
    let same = |each: &&InstanceSettings| each.vrid == one.vrid && each.family == one.family;
    other.instances.iter().find(same)
}

/// The virtual routers of which there is no plan, and why.
fn left_out(a: File<'_>, b: File<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for ((file, own), (_, others)) in [(a, b), (b, a)] {
        for instance in &own.instances {
            let why = if counterpart(instance, others).is_none() {
                "the other file has none of its number"
            } else if instance.family == Family::V6 {
                "IPv6 is not simulated"
            } else {
                continue;
            };
            all.push(format!("{} of {}: {why}", instance.name, file.display()));
        }
    }
    all
}

fn side((file, router): File<'_>, instance: &InstanceSettings, source: Ipv4Addr) -> Side {
    Side::new(file.display().to_string(), router, instance, source)
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
    let [first, second] = pair.hosts.each_ref().map(|side| side.explain(None).effective);
    let mut out = format!(
        "{}: {} is master with {}, {} stands by with {}; adverts each {} s\n\
         seconds in which nobody serves; simulated {seeds} times\n\n\
         {:32}{:>10}{:>12}{:>10}{:>10}{:>12}  then serves\n",
        pair.first().name,
        pair.hosts[0].name,
        first,
        pair.hosts[1].name,
        second,
        pair.first().protocol.interval().as_secs_f64(),
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
    out += "\nnoticed: how long at most until the router knows, before the times beside it begin\n";
    for left_out in pair.left_out() {
        out += &format!("left out: {left_out}\n");
    }
    out
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
    json!({ "instance": &*pair.first().name, "master": pair.hosts[0].name, "backup": pair.hosts[1].name,
        "failures": rows, "left_out": pair.left_out().collect::<Vec<_>>() })
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
        let pair = pair(a, b);
        assert_eq!(pair.hosts[0].name, "a");
        let failures = pair.failures().into_iter();
        failures.map(|failure| row(&pair, failure, SEEDS)).collect()
    }

    fn pair(a: (u8, &str), b: (u8, &str)) -> Pair {
        let (a, b) = (settings(a.0, a.1), settings(b.0, b.1));
        pairs((Path::new("a"), &a), (Path::new("b"), &b)).unwrap().remove(0)
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
        let script = find(&rows, |failure| matches!(failure, Failure::Tracked(_)));
        assert_eq!((script.noticed, script.moved), (Duration::from_secs(8), true));
        let back = find(&rows, |failure| *failure == Failure::Returns);
        assert!(!back.moved, "it preempts");
    }

    #[test]
    fn a_weight_that_is_too_small_moves_nothing() {
        let rows = rows((150, "track_script {\n alive weight -30\n}"), (100, ""));
        let script = find(&rows, |failure| matches!(failure, Failure::Tracked(_)));
        assert_eq!((script.arithmetic, script.moved), (None, false));
    }
    const BOOST: &str = "track_script {\n alive weight 2\n}";

    #[test]
    fn the_backup_has_what_its_own_checks_add() {
        // 103 against 102; without the check 101 against 102.
        let rows = rows((101, BOOST), (100, BOOST));
        let script = find(&rows, |failure| matches!(failure, Failure::Tracked(_)));
        assert_eq!((script.arithmetic, script.moved), (Some(Duration::ZERO), true));
        assert_eq!(script.failure.to_string(), "alive fails: -2");
    }

    #[test]
    fn master_is_who_has_more_when_all_is_well() {
        let boosted = pair((101, ""), (100, BOOST));
        assert_eq!(boosted.hosts[0].name, "b");
        let equal = pair((100, ""), (100, ""));
        assert_eq!(equal.hosts[0].name, "b", "the higher address");
        assert_eq!(
            equal.left_out().collect::<Vec<_>>(),
            ["b", "a"].map(|host| format!("{host}: {ADDRESS}"))
        );
        assert_eq!(boosted.left_out().count(), 0);
        let named = pair((100, "mcast_src_ip 10.0.0.2"), (100, "mcast_src_ip 10.0.0.1"));
        assert_eq!((named.hosts[0].name.as_str(), named.left_out().count()), ("a", 0));
    }

    #[test]
    fn what_an_instance_and_its_group_track_counts_twice() {
        let text = |priority| {
            let text = format!(
                "vrrp_script alive {{\n script /bin/true\n}}\n{}vrrp_sync_group G {{\n group {{\n V\n}}\n\
                 sync_group_tracking_weight\n track_script {{\n alive weight -15\n}}\n}}\n",
                instance("V", 51, priority).replace(
                    "virtual_router_id",
                    "track_script {\n alive weight 10\n}\nvirtual_router_id"
                )
            );
            check::read_router("test.conf", text.into_bytes(), &mut Vec::new())
                .unwrap()
                .router
        };
        let (a, b) = (text(120), text(100));
        let pair = pairs((Path::new("a"), &a), (Path::new("b"), &b)).unwrap().remove(0);
        let rows = pair.failures().into_iter().map(|failure| row(&pair, failure, SEEDS));
        let rows: Vec<Row> = rows.collect();
        let script = find(&rows, |failure| matches!(failure, Failure::Tracked(_)));
        // 130 without, 105 with the failure, against 110.
        assert_eq!(script.failure.to_string(), "alive fails: -25");
        assert_eq!((script.arithmetic, script.moved), (Some(Duration::ZERO), true));
    }

    #[test]
    fn a_group_counts_and_what_is_left_out_is_said() {
        let read = |priority, more: &str| {
            let text = format!(
                "vrrp_script alive {{\n script /bin/true\n}}\n{}{}\
                 vrrp_sync_group G {{\n group {{\n V\n W\n}}\n track_script {{\n alive weight 2\n}}\n}}\n{more}",
                instance("V", 51, priority),
                instance("W", 52, priority)
            );
            check::read_router("test.conf", text.into_bytes(), &mut Vec::new())
                .unwrap()
                .router
        };
        let six = "vrrp_instance S {\n interface eth0\n virtual_router_id 53\n virtual_ipaddress {\n fe80::1\n}\n}\n";
        let (a, b) = (read(101, six), read(100, ""));
        let (a, b) = ((Path::new("a"), &a), (Path::new("b"), &b));
        let pair = pairs(a, b).unwrap().remove(0);
        assert_eq!(pair.hosts[1].explain(None).effective.value(), 102);
        let said: Vec<String> = pair.left_out().collect();
        assert_eq!(said[0], "a: the other virtual routers of the sync group G");
        assert_eq!(left_out(a, b), ["S of a: the other file has none of its number"]);
        assert_eq!(left_out(a, a), ["S of a: IPv6 is not simulated"; 2]);
    }

    #[test]
    fn a_balancer_that_hangs_is_waited_for() {
        let lb = "track_lb {\n balancer weight -50\n}";
        let text = format!(
            "track_lb balancer {{\n socket /run/lb.sock\n interval 0.1\n fall 2\n}}\n{}",
            instance("V", 51, 150).replace("virtual_router_id", &format!("{lb}\nvirtual_router_id"))
        );
        let router = check::read_router("test.conf", text.into_bytes(), &mut Vec::new())
            .unwrap()
            .router;
        let pair = pairs((Path::new("a"), &router), (Path::new("b"), &settings(100, "")))
            .unwrap()
            .remove(0);
        // Found well, and 0.1 s later silent, twice for half a second.
        assert_eq!(pair.hosts[0].tracked[0].noticed, Duration::from_millis(1100));
    }

    fn instance(name: &str, vrid: u8, priority: u8) -> String {
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n priority {priority}\n\
             virtual_ipaddress {{\n 10.0.0.{vrid}/24\n }}\n}}\n"
        )
    }
}
