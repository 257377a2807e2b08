//! `tandem top`: the statistics page for a terminal, of a Tandem or a HAProxy, by the stats socket or by HTTP.
//!
//! ```text
//!   keys ──▶ State ──▶ Wish ──▶ Source (a thread of its own) ──▶ Snapshot ──▶ State ──▶ screen
//! ```
//!
//! [`State`](state::State) decides everything and touches nothing, so it is tested without a terminal.

mod live;
mod page;
mod plain;
mod screen;
mod snapshot;
mod source;
mod state;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use crate::span_of_time;
use crate::stats_socket::USUAL;
use source::Source;
use state::{Sort, State};

#[derive(clap::Args)]
#[command(
    after_help = "Keys: arrows or j k select, < > choose the column to sort by, i turns the order, / filters,\n\
    d drains the selected server, m takes it into maintenance, r makes it ready (each asks first), q ends.\n\
    Examples:\n  tandem top\n  tandem top -s /run/haproxy/admin.sock\n  tandem top -s http://ops:secret@lb1:8404/stats\n  \
    tandem top --once --sort sessions"
)]
pub struct Args {
    /// The stats socket (a path, or host:port) or the page (http://…) of tandem-lb or HAProxy
    #[arg(short, long, default_value = USUAL)]
    socket: Source,
    /// Print the table once, without colours; so it is also done when the output is no terminal
    #[arg(long)]
    once: bool,
    /// Print once, as JSON
    #[arg(long)]
    json: bool,
    /// How often to ask
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = span_of_time::parse)]
    every: Duration,
    /// The column to sort by
    #[arg(long, value_enum, default_value_t = Sort::Configured)]
    sort: Sort,
    /// Only proxies and servers with this in their name
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut state = State::new(args.sort, args.filter.clone());
    if !args.once && !args.json && io::stdout().is_terminal() {
        live::run(&args.socket, args.every.max(Duration::from_millis(100)), state)?;
        return Ok(ExitCode::SUCCESS);
    }
    let snapshot = args
        .socket
        .read()
        .with_context(|| format!("cannot ask the balancer at {}", args.socket))?;
    state.take(snapshot);
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&plain::json(&state))?)?;
    } else {
        write!(out, "{}", plain::table(&state))?;
    }
    Ok(ExitCode::SUCCESS)
}
