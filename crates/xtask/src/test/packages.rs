//! What the tests need from the distribution: installed when we may, named when we may not.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::kinds::Kind;
use crate::console::{Console, Paint};

/// A program that tests run, or the whole path of a file.
struct Need {
    program: &'static str,
    package: &'static str,
    by: &'static [Kind],
    what_for: &'static str,
}

const NEEDS: [Need; 16] = [
    Need {
        program: "mosquitto",
        package: "mosquitto",
        by: &[Kind::Loopback],
        what_for: "the check of MQTT brokers, with one that others wrote",
    },
    Need {
        program: "mosquitto_sub",
        package: "mosquitto-clients",
        by: &[Kind::Loopback],
        what_for: "the broker seen by MQTT clients that others wrote",
    },
    Need {
        program: "systemd-analyze",
        package: "systemd",
        by: &[Kind::Loopback, Kind::Namespace],
        what_for: "what systemd thinks of the units, and the units under it",
    },
    Need {
        program: "haproxy",
        package: "haproxy",
        by: &[Kind::Unit, Kind::Loopback, Kind::Namespace],
        what_for: "picks, log lines and behaviour beside HAProxy",
    },
    Need {
        program: "openssl",
        package: "openssl",
        by: &[Kind::Loopback],
        what_for: "a TLS session across an upgrade",
    },
    Need {
        program: "keepalived",
        package: "keepalived",
        by: &[Kind::Unit, Kind::Namespace],
        what_for: "VRRP beside Keepalived",
    },
    Need {
        program: "vtysh",
        package: "frr",
        by: &[Kind::Namespace],
        what_for: "VRRP beside FRR",
    },
    Need {
        program: "killall",
        package: "psmisc",
        by: &[Kind::Namespace],
        what_for: "the check that operators give Keepalived",
    },
    Need {
        program: "nft",
        package: "nftables",
        by: &[Kind::Namespace],
        what_for: "dropping packets between hosts",
    },
    Need {
        program: "ip",
        package: "iproute2",
        by: &[Kind::Namespace],
        what_for: "looking at hosts from outside",
    },
    Need {
        program: "/usr/lib/python3/dist-packages/prometheus_client/__init__.py",
        package: "python3-prometheus-client",
        by: &[Kind::Loopback],
        what_for: "metrics as Prometheus reads them",
    },
    Need {
        program: "prometheus-haproxy-exporter",
        package: "prometheus-haproxy-exporter",
        by: &[Kind::Loopback],
        what_for: "the page and the socket as the exporter reads them",
    },
    Need {
        program: "hatop",
        package: "hatop",
        by: &[Kind::Loopback],
        what_for: "the socket as a person uses it in a terminal",
    },
    Need {
        program: "/usr/share/munin/plugins/haproxy_ng",
        package: "munin-plugins-extra",
        by: &[Kind::Loopback],
        what_for: "the page's CSV as Munin reads it",
    },
    Need {
        program: "/usr/share/perl5/LWP/UserAgent.pm",
        package: "libwww-perl",
        by: &[Kind::Loopback],
        what_for: "how Munin's plugins ask",
    },
    Need {
        program: "chromium",
        package: "chromium",
        by: &[Kind::Browser],
        what_for: "the pages as a person sees them",
    },
];

/// Large ones, which only the long run of a kind needs.
const LONG: [Need; 2] = [
    Need {
        program: "rabbitmq-server",
        package: "rabbitmq-server",
        by: &[Kind::Loopback],
        what_for: "the checks of AMQP, STOMP and MQTT brokers with RabbitMQ",
    },
    Need {
        program: "/usr/share/activemq/bin/activemq.jar",
        package: "activemq",
        by: &[Kind::Loopback],
        what_for: "the checks of OpenWire and STOMP brokers with ActiveMQ",
    },
];

/// Only what is missing and what `kinds` need.
pub(super) fn install(console: Console, kinds: &[Kind]) -> Result<()> {
    add(console, NEEDS.iter().filter(|need| need.serves(kinds)))
}

/// The same, for the long runs of these.
pub(super) fn install_for_long(console: Console, kinds: &[Kind]) -> Result<()> {
    add(console, NEEDS.iter().chain(&LONG).filter(|need| need.serves(kinds)))
}

impl Need {
    fn serves(&self, kinds: &[Kind]) -> bool {
        self.by.iter().any(|kind| kinds.contains(kind))
    }
}

fn add<'n>(console: Console, wanted: impl Iterator<Item = &'n Need>) -> Result<()> {
    let missing: Vec<&Need> = wanted.filter(|need| !on_path(need.program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let refused = match may_install() {
        Ok(()) => {
            console.line(format_args!("installing {} with apt-get", names.join(" ")))?;
            apt_get(&names)
        }
        Err(why) => Err(why.to_owned()),
    };
    if let Err(why) = refused {
        for need in missing.iter().filter(|need| !on_path(need.program)) {
            let skip = console.paint(Paint::Yellow, "SKIP");
            console.line(format_args!("{skip} {} ({}): {why}", need.package, need.what_for))?;
        }
    }
    Ok(())
}

fn may_install() -> Result<(), &'static str> {
    if !on_path("apt-get") {
        return Err("not installed, and this is no distribution with apt-get");
    }
    if !nix::unistd::geteuid().is_root() {
        return Err("not installed, and only root may install it");
    }
    Ok(())
}

fn apt_get(packages: &[&str]) -> Result<(), String> {
    step(&["update", "-q"])?;
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(packages);
    step(&install)
}

fn step(arguments: &[&str]) -> Result<(), String> {
    let shown = format!("apt-get {}", arguments.join(" "));
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Tests start brokers themselves; as services they would stay.
        .env("RUNLEVEL", "1")
        .stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!("{shown}: {}", text.lines().last().unwrap_or("failed")))
}

/// An ordinary user's PATH often lacks the folders of the administrator's programs.
fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(Into::into);
    env::split_paths(&path)
        .chain(usual)
        .any(|folder: std::path::PathBuf| is_file(&folder.join(program)))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file())
}
