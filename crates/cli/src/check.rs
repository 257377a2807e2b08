//! `tandem check`: what is wrong with a configuration, and with two routers' configurations as a pair.
//!
//! A file says by its words whether it is a balancer's, a router's or (what `tandem convert` would read) a broker's. Two routers' files are also held against each
//! other, because the mistakes that hurt most (equal priorities, a weight too small to matter) are in neither alone.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use serde_json::{Value, json};
use tandem_lb_config as balancer;
use tandem_ops::disk::Disk;
use tandem_text::{Diagnostic, Renderer, Severity, SourceMap, keepalived};
use tandem_vrrp_config as router;

use crate::broker_files::{is_brokers, looked_at};
use crate::file;

#[derive(clap::Args)]
#[command(
    after_help = "Exit status: 0 nothing is wrong, 1 there are errors, 3 there are warnings only, 2 a file cannot be read.\n\
    Examples:\n  tandem check /etc/haproxy/haproxy.cfg\n  tandem check lb1/keepalived.conf lb2/keepalived.conf\n  tandem check --explain LB0012"
)]
pub struct Args {
    /// haproxy.cfg, keepalived.conf or their TOML forms; two routers' files are compared too. Of activemq.xml, jetty.xml and
    /// broker.xml it says what tandem-mq does not have
    #[arg(required_unless_present = "explain", num_args = 1..)]
    files: Vec<PathBuf>,
    /// The findings as JSON
    #[arg(long)]
    json: bool,
    /// What a complaint of this code (LB0005, VR0011, MQ0002) means, with an example
    #[arg(long, value_name = "CODE", conflicts_with = "files")]
    explain: Option<String>,
}

/// One thing to say, in both forms.
pub(crate) struct Said {
    severity: Severity,
    text: String,
    value: Value,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(code) = &args.explain {
        return crate::code::explain(code);
    }
    let mut said = Vec::new();
    let mut plans = Vec::new();
    let mut brokers = Vec::new();
    for file in &args.files {
        let (name, bytes) = file::read(file)?;
        if is_brokers(&bytes) {
            brokers.push((name, bytes));
        } else if is_routers(&bytes) {
            plans.push(read_router(&name, bytes, &mut said));
        } else {
            read_balancer(&name, bytes, &mut said);
        }
    }
    if !brokers.is_empty() {
        read_brokers(brokers, &mut said);
    }
    match plans.as_slice() {
        [] | [_] => {}
        [Some(a), Some(b)] => said.extend(router::compare(a, b).iter().map(about_a_pair)),
        [_, _] => {}
        _ => bail!("more than two routers' files: check two at a time"),
    }
    show(&said, args.json)?;
    let worst = |severity| said.iter().any(|s| s.severity == severity);
    Ok(match (worst(Severity::Error), worst(Severity::Warning)) {
        (true, _) => ExitCode::from(1),
        (false, true) => ExitCode::from(3),
        (false, false) => ExitCode::SUCCESS,
    })
}

/// Router files have blocks or tables whose names say so; nothing of a balancer begins like them.
pub(crate) fn is_routers(bytes: &[u8]) -> bool {
    const MARKS: [&str; 4] = ["vrrp_", "vrrp-", "global_defs", "global-defs"];
    let text = String::from_utf8_lossy(bytes);
    text.lines()
        .map(|line| line.trim_start().trim_start_matches('['))
        .any(|line| MARKS.iter().any(|mark| line.starts_with(mark)))
}

fn read_balancer(name: &str, bytes: Vec<u8>, said: &mut Vec<Said>) {
    let texts = [balancer::NamedText::new(name, bytes)];
    let loaded = in_this_world(|world| balancer::load_in(&texts, world, None));
    said.extend(loaded.diagnostics.iter().map(|d| about_a_file(d, &loaded.sources)));
}

/// What `tandem convert` could not keep of one broker's files.
fn read_brokers(files: Vec<(String, Vec<u8>)>, said: &mut Vec<Said>) {
    match looked_at(files) {
        Ok(made) => said.extend(made.diagnostics.iter().map(|d| about_a_file(d, &made.sources))),
        Err(refused) => said.push(about_a_file(&refused.diagnostic, &refused.sources)),
    }
}

pub(crate) fn read_router(name: &str, bytes: Vec<u8>, said: &mut Vec<Said>) -> Option<router::Plan> {
    let loaded = on_this_machine(|machine| router::load(name, bytes, machine, None));
    said.extend(loaded.diagnostics.iter().map(|d| about_a_file(d, &loaded.sources)));
    loaded.plan
}

/// Reads a balancer's file with what is here.
pub(crate) fn in_this_world<T>(read: impl FnOnce(balancer::World<'_>) -> T) -> T {
    let lists = Disk::for_lists();
    let env = |name: &str| std::env::var(name).ok();
    let file = |path: &str| lists.read_file(path).map_err(|why| why.to_string());
    read(balancer::World::new(&env, &file))
}

/// Reads a router's file with what is here.
pub(crate) fn on_this_machine<T>(read: impl FnOnce(&router::Machine<'_>) -> T) -> T {
    let host = nix::unistd::gethostname().unwrap_or_default();
    let host = host.to_string_lossy();
    read(&router::Machine::new(keepalived::Context {
        files: &Disk::new(),
        env: &|name| std::env::var(name).ok(),
        config_id: host.split('.').next().unwrap_or_default(),
        seed: 0,
    }))
}

fn about_a_file(diagnostic: &Diagnostic, sources: &SourceMap) -> Said {
    let colour = std::io::stdout().is_terminal();
    let place = sources.location(diagnostic.span);
    Said {
        severity: diagnostic.severity,
        text: Renderer::new(sources).colour(colour).render(diagnostic),
        value: json!({
            "severity": word(diagnostic.severity),
            "code": diagnostic.code.to_string(),
            "place": place.to_string(),
            "message": diagnostic.message,
            "help": diagnostic.help,
        }),
    }
}

pub(crate) fn about_a_pair(finding: &router::Finding) -> Said {
    let severity = word(finding.severity);
    Said {
        severity: finding.severity,
        text: format!(
            "{}: {severity}[{}]: {}\nhelp: {}\n",
            finding.about, finding.kind, finding.message, finding.help
        ),
        value: json!({
            "severity": severity,
            "code": finding.kind,
            "about": &*finding.about,
            "message": finding.message,
            "help": finding.help,
        }),
    }
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Notice => "notice",
    }
}

/// On standard error, beside an answer of another kind.
pub(crate) fn tell(said: &[Said]) -> anyhow::Result<()> {
    let mut out = std::io::stderr().lock();
    for s in said {
        writeln!(out, "{}", s.text.trim_end())?;
    }
    Ok(())
}

fn show(said: &[Said], as_json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        let list: Vec<&Value> = said.iter().map(|s| &s.value).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&list)?)?;
    } else if said.is_empty() {
        writeln!(out, "nothing is wrong")?;
    }
    for s in said.iter().filter(|_| !as_json) {
        writeln!(out, "{}", s.text.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_is() {
        for (text, routers) in [
            ("global\n    maxconn 1\nbackend vrrp_backend\n", false),
            ("! comment\nvrrp_instance VI_1 {\n}\n", true),
            ("  global_defs {\n", true),
            ("[[vrrp-instance]]\n", true),
            ("[[backend]]\nname = \"b\"\n", false),
        ] {
            assert_eq!(is_routers(text.as_bytes()), routers, "{text}");
        }
    }
}
