//! What the command line gets to read: versions, and what is wrong with a configuration.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use tandem_lb_config::Plan;
use tandem_ops::privileges::Privileges;

use crate::args::Args;
use crate::configuration::Configuration;
use crate::listeners::owner;
use crate::outside::Outside;
use crate::tls::Loaded;

/// The most that is kept of what was to say at the start.
const KEPT: usize = 16 * 1024;

/// The Plan of the configuration that the arguments name, and what there was to say of it (`show startup-logs`); `None`
/// when there are errors, which have been shown.
pub(crate) fn load(args: &Args) -> anyhow::Result<Option<(Plan, String)>> {
    let Configuration { plan, complaints } = Configuration::read(args, io::stderr().is_terminal(), &Outside::Here)?;
    let shown = complaints
        .iter()
        .filter(|c| c.is_error || !args.quiet || args.zero_warning);
    to_stderr(shown.map(|c| c.text.clone()));
    let errors = complaints.iter().filter(|c| c.is_error).count();
    if errors > 0 {
        let what = count(errors, "error");
        to_stderr([format!("{what} in the configuration: nothing was started")]);
        return Ok(None);
    }
    if args.zero_warning && !complaints.is_empty() {
        let what = count(complaints.len(), "warning");
        to_stderr([format!("{what} and -dW: nothing was started")]);
        return Ok(None);
    }
    let said = kept(complaints.iter().map(|c| c.plain.trim_end()));
    Ok(plan.map(|plan| (plan, said)))
}

/// Whole complaints, one after the other, as far as there is room.
fn kept<'a>(complaints: impl Iterator<Item = &'a str>) -> String {
    let mut all = String::new();
    for complaint in complaints {
        if all.len() + complaint.len() >= KEPT {
            return all + "There was more, which is not kept: 'tandem-lb -c' says all.\n";
        }
        all += complaint;
        all.push('\n');
    }
    all
}

/// As HAProxy: 0, or 2 for a configuration without a mistake that could not be started all the same.
pub(crate) fn valid(plan: &Plan, args: &Args) -> ExitCode {
    if let Err(errors) = Loaded::read(plan, &Loaded::default(), &Outside::Here) {
        to_stderr(errors.iter().map(ToString::to_string));
        return ExitCode::FAILURE;
    }
    if let Err(why) = owners(plan) {
        to_stderr([why]);
        return ExitCode::FAILURE;
    }
    if !plan.listens() {
        to_stderr(["Configuration file has no error but will not start (no listener) => exit(2).".to_owned()]);
        return ExitCode::from(2);
    }
    if !args.quiet {
        to_stdout("Configuration file is valid\n");
    }
    ExitCode::SUCCESS
}

/// Whether the users and groups are there that the process and its sockets shall belong to.
fn owners(plan: &Plan) -> Result<(), String> {
    let global = &plan.global;
    Privileges::resolve(global.user.as_deref(), global.group.as_deref(), None).map_err(|why| why.to_string())?;
    let binds = plan.frontends.iter().flat_map(|frontend| &frontend.binds);
    let binds = binds.map(|bind| (&bind.origin, &bind.file));
    let sockets = global.stats_sockets.iter().map(|socket| (&socket.origin, &socket.file));
    for (origin, file) in binds.chain(sockets) {
        owner(file).map_err(|why| format!("{origin}: {why}"))?;
    }
    Ok(())
}

/// As HAProxy: 0 if it holds, 1 if not, 2 where it cannot be read.
pub(crate) fn condition(text: &str) -> ExitCode {
    match tandem_lb_config::holds(text, &|name| env::var(name).ok()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            to_stderr([format!("tandem-lb: the condition `{text}` cannot be read: {why}")]);
            ExitCode::from(2)
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_the_start_is_bounded() {
        assert_eq!(kept([].into_iter()), "");
        assert_eq!(kept(["one", "two"].into_iter()), "one\ntwo\n");
        let long = "x".repeat(KEPT / 2 - 1);
        let text = kept([long.as_str(); 3].into_iter());
        assert_eq!(text.lines().count(), 3, "two and the last word");
        assert!(text.ends_with("'tandem-lb -c' says all.\n"));
    }
}
