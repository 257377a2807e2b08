//! `tandem reload`: has the balancer read its configuration again, and says what changed or why nothing did.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;

use crate::ask::Answer;
use crate::stats_socket::{StatsSocket, USUAL};

#[derive(clap::Args)]
#[command(after_help = "Exit status: 0 done or nothing to do, 1 refused and nothing changed, 2 it could not be asked.")]
pub struct Args {
    /// The stats socket of tandem-lb, of level admin: a path, or host:port
    #[arg(short, long, default_value = USUAL)]
    socket: StatsSocket,
    /// Only say what a reload would change
    #[arg(long)]
    dry_run: bool,
    /// The changes as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let words = [(args.dry_run, " dry-run"), (args.json, " json")];
    let words: String = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    let text = args
        .socket
        .ask(&format!("set severity-output number; reload{words}"))
        .with_context(|| format!("cannot ask the balancer at {}", args.socket))?;
    let answer = Answer::of(&text);
    if answer.refused {
        writeln!(io::stderr().lock(), "{}", answer.text)?;
        return Ok(ExitCode::from(1));
    }
    writeln!(io::stdout().lock(), "{}", answer.text)?;
    Ok(ExitCode::SUCCESS)
}
