//! `tandem`: the operator's command. Each subcommand is a module; this file only chooses between them.

mod ask;
mod broker_files;
mod check;
mod code;
mod convert;
mod csv;
mod demo;
mod drill;
mod explain;
mod file;
mod handover;
mod lab;
mod load;
mod mq;
mod pair;
mod plan;
mod reload;
mod rhythm;
mod router_socket;
mod say;
mod span_of_time;
mod stats_socket;
mod theirs;
mod top;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use tandem_ops::manual::{self, Chapter};

#[derive(Parser)]
#[command(name = "tandem", version, about = "The operator's command of Tandem, the balancer pair for message brokers", long_about = None)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Watch a pair of balancer hosts in front of brokers while a broker dies, and then the host that has the address
    Demo(demo::Args),
    /// Rehearse failures under load in a lab, each with a verdict: every acknowledged message is accounted for
    Drill(drill::Args),
    /// Have the pair on this machine to try things out: a prompt and a page to kill, pause, cut and fill
    Lab(lab::Args),
    /// Say for two hosts' files what would happen on each kind of failure, in seconds
    Plan(plan::Args),
    /// Say what is wrong with a configuration, or with two routers' configurations as a pair
    Check(check::Args),
    /// Write a haproxy.cfg, a keepalived.conf or a broker's XML as TOML that means the same, and say what became of each line
    Convert(convert::Args),
    /// Give the balancer a command over its stats socket, and read the answer as text or JSON
    Ask(ask::Args),
    /// Watch a balancer's servers in the terminal, and take one out or back in
    Top(top::Args),
    /// Say which server a client would get and why, with the line of the configuration for each step
    Explain(explain::Args),
    /// Have the balancer read its configuration again, and say what changed or why nothing did
    Reload(reload::Args),
    /// Say why each virtual router of this host is in its state, and what it decided lately
    Why(why::Args),
    /// Send to a broker, take from it and look into it, with figures and a proof that nothing was lost
    Mq(mq::Args),
    /// Let the other host be master without a gap, or take part again
    Handover(handover::Args),
    /// Write the manual pages and the completions for bash, zsh and fish into a folder, as packages want them
    #[command(hide = true)]
    Generate { folder: PathBuf },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Demo(args) => demo::run(&args),
        Verb::Drill(args) => drill::run(&args),
        Verb::Lab(args) => lab::run(&args),
        Verb::Plan(args) => plan::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Convert(args) => convert::run(&args),
        Verb::Ask(args) => ask::run(&args),
        Verb::Top(args) => top::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Reload(args) => reload::run(&args),
        Verb::Why(args) => why::run(&args),
        Verb::Mq(args) => mq::run(&args),
        Verb::Handover(args) => handover::run(&args),
        Verb::Generate { folder } => manual::write(Cli::command(), Chapter::Commands, &folder)
            .map(|()| ExitCode::SUCCESS)
            .with_context(|| folder.display().to_string()),
    };
    outcome.unwrap_or_else(|e| {
        // Standard error may be closed; the exit code still says it.
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("tandem: {e:#}\n"));
        ExitCode::from(2)
    })
}
