//! `tandem ask`: a command for the stats socket, without socat, and with an exit status and JSON for scripts.
//!
//! The answer's severity is asked for along with it (`set severity-output number`), so a refusal is told from an
//! answer without guessing at its words.

mod answer;
mod fields;
mod shapes;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::stats_socket::{StatsSocket, USUAL};
pub(crate) use answer::Answer;

#[derive(clap::Args)]
#[command(
    after_help = "Exit status: 0 answered, 1 the balancer refused, 2 it could not be asked.\n\
    Examples:\n  tandem ask show info\n  tandem ask --json show stat\n  \
    tandem ask -s /run/haproxy/admin.sock set server be/s1 state drain"
)]
pub struct Args {
    /// The stats socket of tandem-lb or of HAProxy: a path, or host:port
    #[arg(short, long, default_value = USUAL)]
    socket: StatsSocket,
    /// The answer as JSON: tables become lists of objects, `key: value` lines an object
    #[arg(long)]
    json: bool,
    /// The command, as the balancer knows it; `help` lists them
    #[arg(required = true, num_args = 1.., trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let command = args.command.join(" ");
    // A second line would be a second command, and its answer would be taken for a part of the first.
    if command.contains(['\n', '\r']) {
        bail!("a command is one line; for several, ask several times");
    }
    let line = format!("set severity-output number; {command}");
    let text = args
        .socket
        .ask(&line)
        .with_context(|| format!("cannot ask the balancer at {}", args.socket))?;
    let answer = Answer::of(&text);
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&answer.json(&command))?)?;
    } else if !answer.text.is_empty() {
        writeln!(out, "{}", answer.text)?;
    }
    Ok(if answer.refused {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}
