//! The repository's own commands: `check`, `test`, `demo` and `deb`. They run as an ordinary user from a clean clone.

mod check;
mod console;
mod deb;
mod demo;
mod metadata;
mod test;
mod workspace;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "The repository's own commands",
    version
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The rules of the repository: arrows between crates, licences, unsafe code, file sizes, formatting, clippy.
    Check(check::Arguments),
    /// Every test, within a budget that is printed and enforced.
    Test(test::Arguments),
    /// Debian packages of the programs, their units, manual pages and completions.
    Deb(deb::Arguments),
    /// Builds the programs and shows the main job; arguments go to `tandem demo`.
    #[command(disable_help_flag = true)]
    Demo {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
}

/// 0: all is well. 1: something failed. 2: the command line was not understood (clap ends so by itself).
fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Deb(arguments) => deb::run(&arguments),
        Command::Demo { arguments } => demo::run(&arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // When stderr is gone too, the exit code still tells.
            writeln!(io::stderr(), "xtask: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}
