//! What `dpkg` runs when a package comes and goes. The same for each: accounts and folders, then the units.
//!
//! A fresh install enables the units and starts none, because there is no configuration yet. An upgrade keeps what runs
//! running: the balancer's connections move to the new program, the router hands its addresses over first.

use super::package::{Package, Upgrade};

pub fn of(package: &Package) -> Vec<(&'static str, String)> {
    if package.units.is_empty() {
        return Vec::new();
    }
    vec![
        ("postinst", after_install(package)),
        ("prerm", before_removal(package)),
        ("postrm", after_removal(package)),
    ]
}

fn script(body: &str) -> String {
    format!("#!/bin/sh\nset -e\n{body}")
}

fn after_install(package: &Package) -> String {
    let mut body = String::from("[ \"$1\" = configure ] || exit 0\n");
    // Without its account a unit cannot begin, so that this may not fail unheard.
    if package.comes_with("sysusers.d") {
        body += &format!("systemd-sysusers {}.conf\n", package.name);
    }
    if package.comes_with("tmpfiles.d") {
        body += &format!("systemd-tmpfiles --create {}.conf || true\n", package.name);
    }
    body += "if [ -z \"$2\" ]; then\n";
    for (unit, _) in package.units {
        body += &format!("    systemctl enable --quiet {unit} || true\n");
    }
    body += "elif [ -d /run/systemd/system ]; then\n    systemctl daemon-reload\n";
    for (unit, upgrade) in package.units {
        let verb = match upgrade {
            Upgrade::Reload => "try-reload-or-restart",
            Upgrade::Restart => "try-restart",
        };
        body += &format!("    systemctl {verb} {unit} || true\n");
    }
    body += "    exit 0\nfi\n[ ! -d /run/systemd/system ] || systemctl daemon-reload\n";
    script(&body)
}

/// What is enabled stays so until the package is purged: it may come back, and so may whose place it took.
fn before_removal(package: &Package) -> String {
    let units: Vec<&str> = package.units.iter().map(|(unit, _)| *unit).collect();
    let units = units.join(" ");
    script(&format!(
        "[ \"$1\" = remove ] || exit 0\n[ ! -d /run/systemd/system ] || systemctl stop {units} || true\n"
    ))
}

fn after_removal(package: &Package) -> String {
    let mut body = String::from("[ ! -d /run/systemd/system ] || systemctl daemon-reload\n");
    for (unit, _) in package.units {
        body += &format!(
            "if [ \"$1\" = purge ] && [ ! -e /lib/systemd/system/{unit} ]; then rm -f /etc/systemd/system/*.wants/{unit}; fi\n"
        );
    }
    script(&body)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::super::package::PACKAGES;
    use super::*;

    #[test]
    fn a_shell_reads_each_script() {
        for package in PACKAGES {
            for (name, text) in of(package) {
                let mut shell = Command::new("sh")
                    .arg("-n")
                    .stdin(Stdio::piped())
                    .spawn()
                    .expect("a shell");
                shell
                    .stdin
                    .take()
                    .expect("a pipe")
                    .write_all(text.as_bytes())
                    .expect("written");
                assert!(
                    shell.wait().expect("it ends").success(),
                    "{} {name}:\n{text}",
                    package.name
                );
            }
        }
    }

    #[test]
    fn an_upgrade_disturbs_only_what_must_be() {
        let lb = PACKAGES.iter().find(|p| p.name == "tandem-lb").expect("there");
        let text = after_install(lb);
        assert!(text.contains("try-reload-or-restart tandem-lb.service"), "{text}");
        assert!(before_removal(lb).starts_with("#!/bin/sh\nset -e\n[ \"$1\" = remove ]"));
    }
}
