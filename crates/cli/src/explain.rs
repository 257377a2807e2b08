//! `tandem explain`: which server a client would get and why, candidates in order, each step with its line of the
//! configuration. The running balancer is asked over its stats socket; with `--config` the file alone answers.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use tandem_lb_config::explain::{Explanation, Situation, explain};
use tandem_lb_config::{self as balancer, Plan, Service};
use tandem_text::Renderer;

use crate::ask::Answer;
use crate::check::in_this_world;
use crate::file;
use crate::stats_socket::{StatsSocket, USUAL};

#[derive(clap::Args)]
#[command(
    after_help = "Exit status: 0 a server would serve the client, 1 nobody would, 2 it could not be said.\n\
    Examples:\n  tandem explain 192.0.2.7\n  tandem explain 192.0.2.7:51034 --frontend mqtt\n  \
    tandem explain 192.0.2.7 --config /etc/haproxy/haproxy.cfg --down brokers/mq1"
)]
pub struct Args {
    /// The client's address; with the port of a log line it also says where this very connection is
    #[arg(value_name = "ADDR[:PORT]", value_parser = client)]
    client: (IpAddr, Option<u16>),
    /// Only by this frontend
    #[arg(long, value_name = "NAME")]
    frontend: Option<String>,
    /// The stats socket of tandem-lb: a path, or host:port
    #[arg(short, long, default_value = USUAL)]
    socket: StatsSocket,
    /// Ask no balancer: say what this configuration means when all servers are up and nothing has happened yet
    #[arg(short, long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// With --config: this server is down
    #[arg(long, value_name = "BACKEND/SERVER", requires = "config")]
    down: Vec<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let told = if args.config.is_empty() {
        live(args)?
    } else {
        offline(args)?
    };
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&told)?)?;
    } else {
        told.iter().try_for_each(|explanation| write!(out, "{explanation}"))?;
    }
    let is_served = told.iter().any(|explanation| explanation.server.is_some());
    Ok(ExitCode::from(u8::from(!is_served)))
}

/// Asks for JSON and writes it out here, so that both ways end in the same words.
fn live(args: &Args) -> anyhow::Result<Vec<Explanation>> {
    let client = match args.client {
        (address, Some(port)) => SocketAddr::new(address, port).to_string(),
        (address, None) => address.to_string(),
    };
    let frontend = args.frontend.as_deref().unwrap_or_default();
    let line = format!("set severity-output number; explain {client} {frontend} json");
    let text = args
        .socket
        .ask(&line)
        .with_context(|| format!("cannot ask the balancer at {}", args.socket))?;
    let answer = Answer::of(&text);
    if answer.text.starts_with("Unknown command") {
        bail!("this balancer does not explain itself; give its file with --config");
    }
    if answer.refused {
        bail!("the balancer answered: {}", answer.text);
    }
    serde_json::from_str(answer.text).context("the balancer's answer is no explanation")
}

fn offline(args: &Args) -> anyhow::Result<Vec<Explanation>> {
    let plan = read(&args.config)?;
    let frontends = plan
        .frontends
        .iter()
        .filter(|frontend| args.frontend.as_ref().is_none_or(|name| **name == *frontend.name))
        // The page is nobody's way to a server.
        .filter(|frontend| matches!(frontend.service, Service::Tcp { .. }));
    let told: Vec<Explanation> = frontends.map(|frontend| one(&plan, frontend, args)).collect();
    if told.is_empty() {
        bail!("there is no such frontend in this configuration");
    }
    Ok(told)
}

fn one(plan: &Plan, frontend: &balancer::Frontend, args: &Args) -> Explanation {
    let place = match frontend.service {
        Service::Tcp { backend } => backend,
        Service::Stats(_) => None,
    };
    let default = place.and_then(|place| plan.backends.get(place));
    let find = |name: &str| {
        let found = plan.backends.iter().find(|backend| *backend.name == *name)?;
        Some((found, Situation::configured(found, &args.down)))
    };
    explain(frontend, default.map(|backend| &*backend.name), find, args.client.0)
}

/// A configuration with errors means nothing.
fn read(files: &[PathBuf]) -> anyhow::Result<Plan> {
    let mut texts = Vec::new();
    for file in files {
        let (name, bytes) = file::read(file)?;
        texts.push(balancer::NamedText::new(name, bytes));
    }
    let loaded = in_this_world(|world| balancer::load_in(&texts, world, None));
    let renderer = Renderer::new(&loaded.sources);
    let errors = loaded.diagnostics.iter().filter(|d| d.is_error());
    let text: String = errors.map(|d| renderer.render(d)).collect();
    loaded
        .plan
        .with_context(|| format!("the configuration is not valid:\n{text}"))
}

/// `192.0.2.7`, `192.0.2.7:51034`, `2001:db8::1`, `[2001:db8::1]:51034`
fn client(text: &str) -> Result<(IpAddr, Option<u16>), String> {
    if let Ok(at) = text.parse::<SocketAddr>() {
        return Ok((at.ip(), Some(at.port())));
    }
    let alone = text.trim_start_matches('[').trim_end_matches(']').parse();
    alone
        .map(|address| (address, None))
        .map_err(|_| "write an address, for example 192.0.2.7, 192.0.2.7:51034 or [2001:db8::1]:51034".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_the_configuration_names_are_read() {
        let folder = std::env::temp_dir().join(format!("tandem-explain-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let (file, list) = (folder.join("haproxy.cfg"), folder.join("known.lst"));
        std::fs::write(&list, "192.0.2.0/24\n").expect("writable");
        let text = format!(
            "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n\
             frontend f\n  bind 127.0.0.1:1\n  acl known src -f {}\n  use_backend b if known\n\
             backend b\n  server s 127.0.0.1:2\n",
            list.display()
        );
        std::fs::write(&file, text).expect("writable");
        let plan = read(&[file]);
        std::fs::remove_dir_all(&folder).expect("ours");
        assert_eq!(plan.expect("all of it is there").backends.len(), 1);
    }

    #[test]
    fn clients() {
        for (text, address, port) in [
            ("192.0.2.7", "192.0.2.7", None),
            ("192.0.2.7:51034", "192.0.2.7", Some(51034)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]:5", "2001:db8::1", Some(5)),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(client(text), Ok((address, port)), "{text}");
        }
        assert!(client("lb1").is_err_and(|why| why.contains("192.0.2.7:51034")));
    }
}
