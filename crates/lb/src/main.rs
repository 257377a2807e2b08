//! `tandem-lb`: the balancer daemon. This file only wires: arguments, configuration, start.

mod accept;
mod address;
mod admission;
mod alive;
mod args;
mod bandwidth;
mod bound;
mod build;
mod configuration;
mod control;
mod counters;
mod departure;
mod directory;
mod door;
mod drain;
mod external;
mod files;
mod forward;
mod frontend;
mod frontends;
mod http;
mod keeper;
mod listeners;
mod live;
mod logs;
mod lookups;
mod master;
mod newcomer;
mod orders;
mod outside;
mod pace;
mod page;
mod peers;
mod probe;
mod publish;
mod queue;
mod reach;
mod reader;
mod registry;
mod reload;
mod report;
mod resolving;
mod rings;
mod router;
mod rules;
mod servers;
mod session;
mod socket;
mod start;
mod state;
mod stats;
mod tables;
mod tls;
mod tracking;
mod tunable;
mod upgrade;
mod wire;
mod worker;

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use tandem_ops::manual::{self, Chapter};
use tandem_ops::trace;

use args::{Args, ArgsError};

fn main() -> ExitCode {
    let args = match Args::read(env::args_os()) {
        Ok(args) => args,
        Err(ArgsError::Usage(error)) => {
            // Help goes to stdout with 0, mistakes to stderr with 1, as HAProxy's callers expect.
            error.print().ok();
            return if error.use_stderr() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
        }
        Err(error) => return report::failure(&error),
    };
    if args.version || args.build_options {
        return report::version(args.build_options);
    }
    if let Some(condition) = &args.condition {
        return report::condition(condition);
    }
    if let Some(folder) = &args.generate {
        return match manual::write(Args::command(), Chapter::Daemons, folder) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => report::failure(&error),
        };
    }
    if args.reader {
        return reader::serve(&args);
    }
    if let Err(error) = trace::init(report::usual_filter(&args)) {
        return report::failure(&error);
    }
    match balance(args) {
        Ok(code) => code,
        Err(error) => report::failure(&error),
    }
}

fn balance(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(dir) = &args.chdir {
        env::set_current_dir(dir).map_err(|e| anyhow::anyhow!("-C {}: {e}", dir.display()))?;
    }
    let Some((plan, said)) = report::load(&args)? else {
        return Ok(ExitCode::FAILURE);
    };
    if args.check {
        return Ok(report::valid(&plan, &args));
    }
    if !plan.listens() {
        anyhow::bail!("there is no listener: add a frontend with a 'bind' line");
    }
    start::run(plan, said, args, &program())
}

/// The name that this was started as, for the log tag.
fn program() -> String {
    let name = env::args_os().next();
    let name = name
        .as_deref()
        .map(Path::new)
        .and_then(Path::file_name)
        .map(OsStr::to_string_lossy);
    name.map_or_else(|| "tandem-lb".to_owned(), |n| n.into_owned())
}
