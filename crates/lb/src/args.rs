//! The command line: HAProxy's flags as they are, and a `--help` that says what each does.
//!
//! HAProxy's two-letter flags (`-db`, `-Ws`, `-vv`, `-sf PIDS...`) are not what a parser of today expects, so
//! [`haproxy::translate`] turns them into long options first. Both spellings may be used.

mod haproxy;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

pub(crate) use haproxy::ArgsError;

use crate::master::MasterSocket;

const AFTER_HELP: &str = "\
Examples:
  tandem-lb -c -f /etc/haproxy/haproxy.cfg        check a configuration and say all that is wrong with it
  tandem-lb -f tandem.toml                        run in the foreground
  tandem-lb -Ws -f /etc/haproxy/ -p /run/lb.pid   as a systemd unit of Type=notify, with every *.cfg of a folder
  tandem-lb -D -f lb.toml -x /run/lb.sock -sf 42  take over from process 42: its listeners and its connections

Signals: HUP and USR2 read the configuration again; TERM and INT stop now; USR1 takes no new connections and stops when
the last one has ended; TTOU pauses the listeners and TTIN resumes them.";

/// What a balancer says to itself as it starts the process that reads for it.
pub(crate) const READER: &str = "--reader";

/// Balances TCP connections over servers that are up.
#[derive(Debug, Parser, PartialEq, Eq)]
#[command(name = "tandem-lb", disable_version_flag = true, after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Args {
    /// Configuration file, or a folder whose *.cfg and *.toml files are read in order; may be repeated
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Check the configuration and exit: 0 when it is valid, 1 with all errors when it is not
    #[arg(short = 'c', long)]
    pub(crate) check: bool,
    /// Say by the exit status whether a condition of `.if` holds: 0 if it does, 1 if not, 2 if it cannot be read (HAProxy's -cc)
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) condition: Option<String>,
    /// Go to this folder before anything is read
    #[arg(short = 'C', long, value_name = "DIR")]
    pub(crate) chdir: Option<PathBuf>,
    /// How the files are written; otherwise each file's content says
    #[arg(long, value_enum)]
    pub(crate) dialect: Option<Dialect>,
    /// Run in the background
    #[arg(short = 'D', long, conflicts_with = "foreground")]
    pub(crate) daemon: bool,
    /// Stay in the foreground whatever the configuration says (HAProxy's -db)
    #[arg(long)]
    pub(crate) foreground: bool,
    /// Accepted for HAProxy's units: there is one process, and it reloads by itself
    #[arg(short = 'W', long)]
    pub(crate) master_worker: bool,
    /// Tell systemd when ready (HAProxy's -Ws); also done whenever NOTIFY_SOCKET is set
    #[arg(long)]
    pub(crate) notify: bool,
    /// Foreground, and say everything that happens inside
    #[arg(short = 'd', long)]
    pub(crate) debug: bool,
    /// Say nothing that is not an error
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,
    /// Say it nevertheless
    #[arg(short = 'V', long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Warnings are errors (HAProxy's -dW)
    #[arg(long)]
    pub(crate) zero_warning: bool,
    /// Print the version and exit
    #[arg(short = 'v', long)]
    pub(crate) version: bool,
    /// Print the version and what was built in, and exit (HAProxy's -vv)
    #[arg(long)]
    pub(crate) build_options: bool,
    /// The most connections of the process, before what the configuration says
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) maxconn: Option<u32>,
    /// The most connections of a frontend that does not say
    #[arg(short = 'N', long, value_name = "N")]
    pub(crate) frontend_maxconn: Option<u32>,
    /// This node's name among its peers
    #[arg(short = 'L', long, value_name = "NAME")]
    pub(crate) local_peer: Option<String>,
    /// Write the process id into this file
    #[arg(short = 'p', long, value_name = "FILE")]
    pub(crate) pidfile: Option<PathBuf>,
    /// The control socket of the tandem-vrrp on this host, whose state the page shows
    #[arg(long, value_name = "FILE", default_value = "/run/tandem-vrrp/control.sock")]
    pub(crate) vrrp_socket: PathBuf,
    /// Open HAProxy's master socket there: PATH or ADDRESS:PORT[,mode,600][,level,operator]
    #[arg(short = 'S', long, value_name = "SOCKET")]
    pub(crate) master_socket: Option<MasterSocket>,
    /// Take the listeners over from the process that answers at this stats socket; with -sf, its connections too
    #[arg(short = 'x', long, value_name = "SOCKET")]
    pub(crate) take_over: Option<PathBuf>,
    /// When ready, tell these processes to end when their last connection has (HAProxy's -sf PID...)
    #[arg(long, value_name = "PID", conflicts_with = "terminate")]
    pub(crate) finish: Vec<u32>,
    /// When ready, tell these processes to end at once (HAProxy's -st PID...)
    #[arg(long, value_name = "PID")]
    pub(crate) terminate: Vec<u32>,
    /// Write the manual page and the completions for bash, zsh and fish into this folder, as packages want them
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub(crate) generate: Option<PathBuf>,
    /// Be the process that reads the configuration for one that may not any more
    #[arg(long, hide = true)]
    pub(crate) reader: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    Haproxy,
    Toml,
}

impl Args {
    /// Reads a command line whose first word is the program's name.
    pub(crate) fn read(argv: impl IntoIterator<Item = OsString>) -> Result<Args, ArgsError> {
        Ok(Args::try_parse_from(haproxy::translate(argv)?)?)
    }
}

#[cfg(test)]
mod tests;
