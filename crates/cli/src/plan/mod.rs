//! `tandem plan`: what two hosts' files would do on each kind of failure, in seconds, before anything is installed.
//!
//! Twice: by the protocol's arithmetic, and by running both routers in the simulator, a thousand times with other chances.

mod brokers;
pub mod failure;
mod machine;
mod report;
pub mod side;
mod simulated;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::slice::from_ref;

use anyhow::bail;
use serde_json::Value;
use tandem_lb_config as balancer;
use tandem_text::Severity;
use tandem_vrrp_config::{Finding, Plan};
use tandem_vrrp_core::settings::{Family, InstanceSettings, RouterSettings};

use crate::check;
use crate::theirs::Files;
use crate::theirs::change::Changes;
use crate::theirs::given::{Daemons, Given};
use failure::Pair;
use report::Report;
use side::Side;

#[derive(clap::Args)]
#[command(
    after_help = "Exit status: 0 the plan was made, 2 a file cannot be used, or the files are no pair that works.\n\
    Examples:\n  tandem plan lb1/keepalived.conf lb2/keepalived.conf\n  \
    tandem plan --config-a lb1/haproxy.cfg lb1/keepalived.conf --config-b lb2/haproxy.cfg lb2/keepalived.conf"
)]
pub struct Args {
    /// One host's keepalived.conf or its TOML form
    #[arg(required_unless_present = "config_a", requires = "b", conflicts_with = "config_a")]
    a: Option<PathBuf>,
    /// The other host's
    b: Option<PathBuf>,
    /// All of one host's files, as `tandem drill` takes them: the brokers are in the plan then
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "config_b")]
    config_a: Vec<PathBuf>,
    /// The other host's
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "config_a")]
    config_b: Vec<PathBuf>,
    /// What `@id` lines in the first host's keepalived.conf call it
    #[arg(long, value_name = "ID", default_value = "lb1")]
    id_a: String,
    /// The second host's
    #[arg(long, value_name = "ID", default_value = "lb2")]
    id_b: String,
    /// How often each failure is simulated
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: u64,
    /// The plan as JSON
    #[arg(long)]
    json: bool,
}

/// What one host's files say.
struct Half {
    name: PathBuf,
    router: Plan,
    balancer: Option<balancer::Plan>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let [a, b] = args.read()?;
    let linked = fit(&a.router, &b.router)?;
    let mut out = std::io::stdout().lock();
    let mut values = Vec::new();
    for left_out in left_out(a.file(), b.file()) {
        writeln!(std::io::stderr(), "left out: {left_out}")?;
    }
    for mut pair in pairs(a.file(), b.file())? {
        pair.linked = linked;
        if let Some(holders) = pair.misfit(args.seeds) {
            bail!(
                "{}: when all is well, {} has the address, and not {} alone: such a pair has no plan",
                pair.first().name,
                report::names(&pair, holders),
                pair.hosts[0].name
            );
        }
        let first = if a.is(&pair.hosts[0]) { &a } else { &b };
        let brokers = first.balancer.as_ref().map(|plan| brokers::of(plan, &pair));
        let report = Report::of(pair, brokers.unwrap_or_default(), args.seeds);
        if args.json {
            values.push(report.value());
        } else {
            out.write_all(report.table().as_bytes())?;
        }
    }
    if args.json {
        writeln!(out, "{}", Value::from(values))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// As a drill reads them.
    fn read(&self) -> anyhow::Result<[Half; 2]> {
        let (files, daemons) = match (&self.a, &self.b) {
            (Some(a), Some(b)) => ([from_ref(a), from_ref(b)], Daemons::Router),
            _ => ([self.config_a.as_slice(), &self.config_b], Daemons::Both),
        };
        let ids = [self.id_a.as_str(), &self.id_b];
        let given = Files { files, daemons, ids }.read()?;
        let mut halves = [Half::of(&given[0])?, Half::of(&given[1])?];
        if halves[0].name == halves[1].name {
            // One file for both hosts.
            for (half, id) in halves.iter_mut().zip(ids) {
                half.name = format!("{} ({id})", half.name.display()).into();
            }
        }
        Ok(halves)
    }
}

impl Half {
    fn of(given: &Given) -> anyhow::Result<Half> {
        let mut warnings = BTreeSet::new();
        let router = given.router_plan(&mut warnings)?;
        let has_balancer = !given.balancer.is_empty();
        let balancer = has_balancer.then(|| given.balancer_plan(&given.balancer, &mut warnings));
        let balancer = balancer.transpose()?;
        given.is_clear()?;
        let mut elsewhere = Changes::default();
        given.note_includes(&mut elsewhere);
        warnings.extend(elsewhere.into_inner().iter().map(ToString::to_string));
        for warning in warnings {
            writeln!(std::io::stderr(), "{warning}")?;
        }
        Ok(Half {
            name: PathBuf::from(&given.router.0),
            router,
            balancer,
        })
    }

    fn file(&self) -> File<'_> {
        (&self.name, &self.router.router)
    }

    fn is(&self, side: &Side) -> bool {
        self.name.display().to_string() == side.name
    }
}

/// Whether a link joins them. What is wrong about them as a pair is said, and of one that cannot work there is no plan.
fn fit(a: &Plan, b: &Plan) -> anyhow::Result<bool> {
    let found = tandem_vrrp_config::compare(a, b);
    let said: Vec<check::Said> = found.iter().map(check::about_a_pair).collect();
    check::tell(&said)?;
    // A virtual router that only one file has is left out.
    let breaks = |finding: &&Finding| finding.severity == Severity::Error && finding.kind != "vrid";
    if let Some(finding) = found.iter().find(breaks) {
        bail!(
            "the files do not fit together ({}): of such a pair there is no plan",
            finding.kind
        );
    }
    Ok(a.global.pair.is_some() && b.global.pair.is_some())
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
        let [priority, others] = sides.each_ref().map(|side| side.explain(&[]).effective);
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

#[cfg(test)]
mod tests;
