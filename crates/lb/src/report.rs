//! What the command line gets to read: versions, and what is wrong with a configuration.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use tandem_lb_config::{self as config, Loaded, Plan};
use tandem_text::{Diagnostic, Renderer};

use crate::args::{Args, Dialect};
use crate::files;

/// The Plan of the configuration that the arguments name; `None` when there are errors, which have been shown.
pub(crate) fn load(args: &Args) -> anyhow::Result<Option<Plan>> {
    let texts = files::read(&args.files)?;
    let dialect = args.dialect.map(|d| match d {
        Dialect::Haproxy => config::Dialect::Haproxy,
        Dialect::Toml => config::Dialect::Toml,
    });
    let variable = |name: &str| env::var(name).ok();
    let file = |path: &str| std::fs::read(path).map_err(|why| why.to_string());
    let world = config::World {
        env: &variable,
        file: &file,
    };
    let Loaded {
        plan,
        diagnostics,
        sources,
    } = config::load_in(&texts, world, dialect);
    let renderer = Renderer::new(&sources).colour(io::stderr().is_terminal());
    let (errors, others): (Vec<_>, Vec<_>) = diagnostics.iter().partition(|d| d.is_error());
    let shown = diagnostics
        .iter()
        .filter(|d| d.is_error() || !args.quiet || args.zero_warning);
    to_stderr(shown.map(|d: &Diagnostic| renderer.render(d)));
    if !errors.is_empty() {
        to_stderr([format!(
            "{} in the configuration: nothing was started",
            count(errors.len(), "error")
        )]);
        return Ok(None);
    }
    if args.zero_warning && !others.is_empty() {
        to_stderr([format!(
            "{} and -dW: nothing was started",
            count(others.len(), "warning")
        )]);
        return Ok(None);
    }
    Ok(plan)
}

/// As HAProxy: 0, or 2 for a configuration without a mistake that could not be started all the same.
pub(crate) fn valid(plan: &Plan, args: &Args) -> ExitCode {
    if !plan.listens() {
        to_stderr(["Configuration file has no error but will not start (no listener) => exit(2).".to_owned()]);
        return ExitCode::from(2);
    }
    if !args.quiet {
        to_stdout("Configuration file is valid\n");
    }
    ExitCode::SUCCESS
}

pub(crate) fn version(with_build: bool) -> ExitCode {
    let version = env!("CARGO_PKG_VERSION");
    to_stdout(&format!("tandem-lb version {version}\n"));
    if with_build {
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        let text = format!(
            "Build: {profile}, {}-{}\nDialects: haproxy toml\nAccept policies: shared reuseport\nRelay: copy\n",
            env::consts::ARCH,
            env::consts::OS
        );
        to_stdout(&text);
    }
    ExitCode::SUCCESS
}

pub(crate) fn failure(error: &(impl Display + ?Sized)) -> ExitCode {
    to_stderr([format!("tandem-lb: {error:#}")]);
    ExitCode::FAILURE
}

/// How much the process says about itself.
pub(crate) fn usual_filter(args: &Args) -> &'static str {
    match (args.debug, args.quiet && !args.verbose) {
        (true, _) => "debug",
        (false, true) => "error",
        (false, false) => "info",
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A reader that is gone does not want the rest.
fn to_stdout(text: &str) {
    io::stdout().lock().write_all(text.as_bytes()).ok();
}

fn to_stderr(texts: impl IntoIterator<Item = String>) {
    let mut err = io::stderr().lock();
    for text in texts {
        writeln!(err, "{}", text.trim_end()).ok();
    }
}
