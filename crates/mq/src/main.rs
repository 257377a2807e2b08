//! `tandem-mq`: the broker node. This file only wires: arguments, configuration, start.

mod accept;
mod admin;
mod args;
mod configuration;
mod connection;
mod connections;
mod console;
mod guard;
mod halves;
mod header;
mod hub;
mod metrics;
mod permissions;
mod policies;
mod reload;
mod sniff;
mod start;
mod talk;
mod tally;
mod tls;
mod users;
mod wire;
mod writer;

use std::io::{Read, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use tandem_ops::manual::{self, Chapter};
use tandem_ops::trace;

use args::Args;
use configuration::Checked;

fn main() -> ExitCode {
    let args = Args::parse();
    run(&args).unwrap_or_else(|error| {
        // Standard error may be closed; the exit status still says it.
        let _ = writeln!(std::io::stderr(), "tandem-mq: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.hash_password {
        return hash_password();
    }
    if let Some(folder) = &args.generate {
        manual::write(Args::command(), Chapter::Daemons, folder).with_context(|| folder.display().to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    trace::init("info")?;
    let path = args.file.as_ref().context("which configuration? -f FILE")?;
    let configuration = Checked::read(path)?;
    if args.check {
        writeln!(std::io::stdout().lock(), "the configuration is valid")?;
        return Ok(ExitCode::SUCCESS);
    }
    start::run(configuration, path)
}

fn hash_password() -> anyhow::Result<ExitCode> {
    let mut password = String::new();
    std::io::stdin().lock().take(4096).read_to_string(&mut password)?;
    let hash = users::hash(password.trim_end_matches(['\r', '\n']))?;
    writeln!(std::io::stdout().lock(), "{hash}")?;
    Ok(ExitCode::SUCCESS)
}
