//! The configuration: what it came to, and what there is to say about it.

use std::env;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, IsTerminal};

use anyhow::Context;
use tandem_ops::disk::Disk;
use tandem_text::{Renderer, Severity, keepalived};
use tandem_vrrp::host;
use tandem_vrrp_config::{self as config, Loaded, Machine, Plan, Verdict};

use crate::args::{Args, Dialect};
use crate::beyond::Beyond;
use crate::{doubts, saving};

pub(crate) struct Configuration {
    /// `None` when nothing could be made of it.
    pub(crate) plan: Option<Plan>,
    /// A line for each mistake and each remark.
    pub(crate) lines: Vec<String>,
    /// All files, one behind the other.
    pub(crate) text: String,
    pub(crate) verdict: Verdict,
}

/// Fails only when the file that was named cannot be read.
pub(crate) fn read(args: &Args) -> anyhow::Result<Configuration> {
    let name = args.file.display().to_string();
    let disk = Disk::new();
    let bytes = disk
        .read_file(&args.file)
        .with_context(|| format!("cannot read {name}"))?;
    let variable = |name: &str| env::var(name).ok();
    let config_id = args.config_id.clone().unwrap_or_else(host::short_name);
    let machine = Machine {
        mtu: &mtu,
        strict: args.strict,
        ..Machine::new(keepalived::Context {
            files: &disk,
            env: &variable,
            config_id: &config_id,
            seed: RandomState::new().build_hasher().finish(),
        })
    };
    let dialect = args.dialect.map(|dialect| match dialect {
        Dialect::Keepalived => config::Dialect::Keepalived,
        Dialect::Toml => config::Dialect::Toml,
    });
    let mut loaded = config::load(&name, bytes, &machine, dialect);
    if args.all_config {
        refuse_missing(&mut loaded);
    }
    Ok(Configuration {
        lines: lines(&loaded),
        text: saving::joined(&loaded.sources),
        verdict: loaded.verdict(),
        plan: loaded.plan,
    }
    .within_what_is_possible())
}

impl Configuration {
    /// A plan that asks for more than can be done is none.
    fn within_what_is_possible(mut self) -> Configuration {
        let beyond = self.plan.as_ref().map(Beyond::of).unwrap_or_default();
        self.lines.extend(beyond.ignored);
        self.lines
            .extend(self.plan.as_ref().map(doubts::of).unwrap_or_default());
        if !beyond.refused.is_empty() {
            self.plan = None;
            self.verdict = Verdict::Refused;
        }
        self.lines.extend(beyond.refused);
        self
    }
}

/// Half a configuration is none: as if each `include` were `includea`, and fatal.
fn refuse_missing(loaded: &mut Loaded) {
    let missing = loaded.diagnostics.iter_mut().filter(|d| d.code == keepalived::NO_FILE);
    for diagnostic in missing {
        diagnostic.severity = Severity::Error;
        diagnostic.help = None;
        loaded.plan = None;
    }
}

fn lines(loaded: &Loaded) -> Vec<String> {
    let renderer = Renderer::new(&loaded.sources).colour(io::stderr().is_terminal());
    let shown = loaded
        .diagnostics
        .iter()
        .map(|d| renderer.render(d).trim_end().to_owned());
    shown.collect()
}

fn mtu(interface: &str) -> Option<u32> {
    let plain = !interface.is_empty() && !interface.contains('/') && interface != "..";
    let path = format!("/sys/class/net/{interface}/mtu");
    fs::read_to_string(path).ok().filter(|_| plain)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At a reload that means that all stays as it was.
    #[test]
    fn of_a_file_of_mistakes_there_is_no_plan() {
        let path = env::temp_dir().join(format!("tandem-vrrp-mistakes-{}.conf", std::process::id()));
        let good = "vrrp_instance V {\n interface lo\n virtual_router_id 9\n virtual_ipaddress {\n 10.9.0.1\n}\n}\n";
        let read_with = |mistakes: usize| {
            fs::write(&path, format!("{good}{}", "no such word\n".repeat(mistakes))).expect("writable");
            let args = Args::read(["tandem-vrrp".into(), "-f".into(), path.clone().into_os_string()]);
            read(&args.expect("they are known")).expect("it is there")
        };
        assert!(
            read_with(999).plan.is_some(),
            "Keepalived passes over what it does not know"
        );
        let many = read_with(100_000);
        assert!(many.plan.is_none());
        assert!(many.lines.len() < 1100, "{}", many.lines.len());
        fs::remove_file(&path).expect("ours");
    }

    #[test]
    fn the_loopback_interface_has_an_mtu() {
        assert!(mtu("lo").is_some_and(|mtu| mtu > 1000));
        assert_eq!(mtu("no-such-interface"), None);
        assert_eq!(mtu(""), None);
    }
}
