//! The command line: Keepalived's flags as they are.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

const AFTER_HELP: &str = "\
Examples:
  tandem-vrrp -t -f /etc/keepalived/keepalived.conf   check a configuration: 0 good, 4 unreadable, 5 errors, 6 unsafe scripts
  tandem-vrrp -n -l -D                                run in the foreground and say everything on the console
  kill -$(tandem-vrrp --signum=JSON) $(cat /run/keepalived.pid); cat /tmp/keepalived.json

Signals: TERM and INT hand the addresses over and stop; HUP reads the configuration again; USR1 writes
/tmp/keepalived.data, USR2 /tmp/keepalived.stats and SIGRTMIN+2 /tmp/keepalived.json; SIGRTMAX-1 makes the counters
begin again; SIGRTMAX (TDATA) does nothing.";

/// Holds virtual IP addresses by VRRP.
#[derive(Debug, Parser, PartialEq, Eq)]
#[command(name = "tandem-vrrp", disable_version_flag = true, after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Args {
    /// The configuration
    #[arg(
        short = 'f',
        long = "use-file",
        value_name = "FILE",
        default_value = "/etc/keepalived/keepalived.conf"
    )]
    pub(crate) file: PathBuf,
    /// How the file is written; otherwise its content says
    #[arg(long, value_enum)]
    pub(crate) dialect: Option<Dialect>,
    /// An unknown keyword is fatal, not only reported
    #[arg(long)]
    pub(crate) strict: bool,
    /// A file to be included that is not there is fatal
    #[arg(short = 'e', long)]
    pub(crate) all_config: bool,
    /// Check the configuration and exit; to a file, or to stderr
    #[arg(short = 't', long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub(crate) config_test: Option<Option<PathBuf>>,
    /// Lines that begin with @ID count if it is this one; the host's name if not given
    #[arg(short = 'i', long, value_name = "ID")]
    pub(crate) config_id: Option<String>,
    /// Stay in the foreground
    #[arg(short = 'n', long)]
    pub(crate) dont_fork: bool,
    /// Log to the console too
    #[arg(short = 'l', long)]
    pub(crate) log_console: bool,
    /// Log in detail
    #[arg(short = 'D', long)]
    pub(crate) log_detail: bool,
    /// Log the configuration
    #[arg(short = 'd', long)]
    pub(crate) dump_conf: bool,
    /// Syslog facility: 0 to 7, local0 to local7, user or daemon
    #[arg(short = 'S', long, value_name = "FACILITY", value_parser = facility)]
    pub(crate) log_facility: Option<u8>,
    /// Log to this file too, all of it: there is no child with a file of its own
    #[arg(short = 'g', long, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
    /// Do not log to syslog
    #[arg(short = 'G', long)]
    pub(crate) no_syslog: bool,
    /// Log every address that comes or goes
    #[arg(short = 'a', long)]
    pub(crate) address_monitoring: bool,
    /// Keep the addresses when stopping
    #[arg(short = 'V', long, conflicts_with = "release_vips")]
    pub(crate) dont_release_vrrp: bool,
    /// Give the addresses up when stopping, which is what happens anyway
    #[arg(short = 'X', long)]
    pub(crate) release_vips: bool,
    /// The file for the process id
    #[arg(short = 'p', long, value_name = "FILE", default_value = "/run/keepalived.pid")]
    pub(crate) pid: PathBuf,
    /// The file for the process id of the part that speaks VRRP, which is the same process
    #[arg(short = 'r', long = "vrrp_pid", value_name = "FILE")]
    pub(crate) vrrp_pid: Option<PathBuf>,
    /// Where the journal and the control socket are kept
    #[arg(long, value_name = "DIR", default_value = "/run/tandem-vrrp")]
    pub(crate) run_dir: PathBuf,
    /// Run in this network namespace
    #[arg(short = 's', long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Permissions that files do not get, as octal, decimal or hexadecimal number
    #[arg(short = 'u', long, value_name = "MASK", value_parser = mask)]
    pub(crate) umask: Option<u32>,
    /// Print the number of a signal: STOP, RELOAD, DATA, STATS, STATS_CLEAR, JSON or TDATA
    #[arg(long, value_enum, value_name = "NAME", ignore_case = true)]
    pub(crate) signum: Option<SignalName>,
    /// Print the version
    #[arg(short = 'v', long)]
    pub(crate) version: bool,
    /// Write the manual page and the completions for bash, zsh and fish into this folder, as packages want them
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub(crate) generate: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) accepted: Accepted,
}

/// Flags of parts that do not exist here: the health checkers, BFD, SNMP, and a parent that restarts its children.
#[derive(Debug, clap::Args, PartialEq, Eq)]
#[command(next_help_heading = "Accepted for Keepalived's units, without effect")]
pub(crate) struct Accepted {
    #[arg(short = 'P', long)]
    vrrp: bool,
    #[arg(short = 'C', long)]
    check: bool,
    #[arg(short = 'B', long = "no_bfd")]
    no_bfd: bool,
    #[arg(long)]
    all: bool,
    #[arg(short = 'I', long)]
    dont_release_ipvs: bool,
    #[arg(short = 'R', long)]
    dont_respawn: bool,
    #[arg(short = 'c', long = "checkers_pid", value_name = "FILE")]
    checkers_pid: Option<PathBuf>,
    #[arg(short = 'b', long = "bfd_pid", value_name = "FILE")]
    bfd_pid: Option<PathBuf>,
    #[arg(short = 'x', long)]
    snmp: bool,
    #[arg(short = 'A', long, value_name = "FILE")]
    snmp_agent_socket: Option<PathBuf>,
    #[arg(short = 'm', long)]
    core_dump: bool,
    #[arg(short = 'M', long, value_name = "PATTERN", num_args = 0..=1, require_equals = true)]
    core_dump_pattern: Option<Option<String>>,
    #[arg(long)]
    flush_log_file: bool,
    #[arg(long, value_name = "OPTIONS", num_args = 0..=1, require_equals = true)]
    debug: Option<Option<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    Keepalived,
    Toml,
}

/// With the numbers that Keepalived prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SignalName {
    Stop,
    Reload,
    Data,
    Stats,
    StatsClear,
    Json,
    Tdata,
}

impl SignalName {
    pub(crate) const fn number(self) -> i32 {
        match self {
            SignalName::Stop => 15,
            SignalName::Reload => 1,
            SignalName::Data => 10,
            SignalName::Stats => 12,
            SignalName::StatsClear => 63,
            SignalName::Json => 36,
            SignalName::Tdata => 64,
        }
    }
}

impl Args {
    /// Reads a command line whose first word is the program's name.
    pub(crate) fn read(argv: impl IntoIterator<Item = OsString>) -> Result<Args, clap::Error> {
        Args::try_parse_from(argv)
    }
}

/// The facility's number in syslog's own count.
fn facility(text: &str) -> Result<u8, String> {
    const LOCAL0: u8 = 16;
    let number = match text {
        "user" => return Ok(1),
        "daemon" => return Ok(3),
        _ => text.strip_prefix("local").unwrap_or(text),
    };
    match number.parse() {
        Ok(n @ 0..8) => Ok(LOCAL0 + n),
        _ => Err("write 0 to 7, local0 to local7, user or daemon".into()),
    }
}

/// As C writes numbers.
fn mask(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None if text.starts_with('0') => u32::from_str_radix(text, 8),
        None => text.parse(),
    };
    match parsed {
        Ok(mask @ ..=0o777) => Ok(mask),
        _ => Err("write permissions such as 027".into()),
    }
}

#[cfg(test)]
mod tests;
