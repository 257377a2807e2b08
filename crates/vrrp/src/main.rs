//! `tandem-vrrp`: the VRRP daemon. This file only wires: arguments, configuration, start.

mod answers;
mod args;
mod around;
mod because;
mod beyond;
mod bfd;
mod brain;
mod configuration;
mod control;
mod doubts;
mod dump;
mod exporter;
mod firewall;
mod flows;
mod handback;
mod igmp;
mod journal;
mod launcher;
mod logs;
mod mail;
mod metrics;
mod names;
mod notify;
mod pair;
mod policy;
mod promote;
mod recorder;
mod refused;
mod reload_time;
mod reloading;
mod report;
mod runner;
mod saving;
mod snapshot;
mod socket;
mod start;
mod statics;
mod track;
mod urgency;
mod vmac;
mod wall;
mod witness;

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use tandem_ops::manual::{self, Chapter};
use tandem_ops::trace;
use tandem_sys::memory::OrExit;

use args::Args;

#[global_allocator]
static MEMORY: OrExit = OrExit;

fn main() -> ExitCode {
    let args = match Args::read(env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            // Help goes to stdout with 0, mistakes to stderr with 1.
            error.print().ok();
            return if error.use_stderr() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    if args.version {
        return report::version();
    }
    if let Some(name) = args.signum {
        return report::signal_number(name);
    }
    if let Some(folder) = &args.generate {
        return match manual::write(Args::command(), Chapter::Daemons, folder) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => report::failure(&error.into()),
        };
    }
    if let Err(error) = trace::init("warn") {
        return report::failure(&error.into());
    }
    match &args.config_test {
        Some(to) => test(&args, to.as_deref()),
        None => route(args).unwrap_or_else(|error| report::failure(&error)),
    }
}

fn test(args: &Args, to: Option<&Path>) -> ExitCode {
    match configuration::read(args) {
        Ok(configuration) => report::tested(&configuration, to).unwrap_or_else(|error| report::failure(&error.into())),
        Err(error) => report::untestable(&error),
    }
}

fn route(args: Args) -> anyhow::Result<ExitCode> {
    let mut configuration = match configuration::read(&args) {
        Ok(configuration) => configuration,
        Err(error) => return Ok(report::nothing_to_run(&error)),
    };
    match configuration.plan.take() {
        Some(plan) => start::run(plan, &configuration, args, &program()),
        None => Ok(report::unusable(&configuration)),
    }
}

/// The name that this was started as.
fn program() -> String {
    let name = env::args_os().next();
    let name = name
        .as_deref()
        .map(Path::new)
        .and_then(Path::file_name)
        .map(OsStr::to_string_lossy);
    name.map_or_else(|| "tandem-vrrp".to_owned(), |n| n.into_owned())
}
