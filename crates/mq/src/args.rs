//! The command line.

use std::path::PathBuf;

use clap::Parser;

const AFTER_HELP: &str = "\
Examples:
  tandem-mq -c -f /etc/tandem/mq.toml        check a configuration
  tandem-mq -f /etc/tandem/mq.toml           run in the foreground
  echo -n secret | tandem-mq --hash-password what to write as a user's password-hash

Signals: TERM and INT tell the clients and stop; every message that was confirmed is on disk. HUP reads the file again:
users, groups, rights and certificates are taken from it, all else needs a restart, which is said.";

/// A message broker's node: queues and topics on disk, for clients of STOMP, MQTT, AMQP 0-9-1 and AMQP 1.0.
#[derive(Debug, Parser)]
#[command(name = "tandem-mq", version, after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Args {
    /// Configuration file (TOML); etc/tandem-mq.toml explains it
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Check the configuration and exit: 0 when it is valid, 1 with the error when it is not
    #[arg(short = 'c', long)]
    pub(crate) check: bool,
    /// Read a password from standard input and print its hash
    #[arg(long)]
    pub(crate) hash_password: bool,
    /// Write the manual page and the completions for bash, zsh and fish into this folder, as packages want them
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub(crate) generate: Option<PathBuf>,
}
