//! `tandem-bench`: ours and the program it replaces, measured in one run on one machine, so that the figures compare.
//!
//! Three commands: `vrrp` is about failover, `lb` about the balancer's speed, `mq` about the broker's. All print a table for
//! people, or JSON.

mod figures;
mod lb;
mod machine;
mod mq;
mod ports;
mod process;
mod program;
mod vrrp;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures Tandem beside the programs it replaces
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Failover: what clients notice, and how soon the other router advertises, beside Keepalived
    Vrrp(vrrp::Args),
    /// Speed: rates, processor time, waits and memory of the balancer, beside HAProxy
    Lb(lb::Args),
    /// Brokers: confirmed messages, processor time, waits, memory and starts, beside RabbitMQ, ActiveMQ and Mosquitto
    Mq(mq::Args),
    /// The floor, as a program of its own: started by `lb --all`
    #[command(hide = true)]
    Bare(lb::bare::Args),
}

fn main() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::Vrrp(args) => vrrp::run(&args),
        Command::Lb(args) => lb::run(&args),
        Command::Mq(args) => mq::run(&args),
        Command::Bare(args) => lb::bare::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress(&format!("tandem-bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The result; nothing else goes to stdout. A reader that has gone wants no more.
fn print(text: &str) {
    io::stdout().lock().write_all(text.as_bytes()).ok();
}

/// For whoever waits.
fn progress(line: &str) {
    writeln!(io::stderr().lock(), "{line}").ok();
}
