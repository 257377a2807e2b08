//! What each package holds.

pub struct Package {
    pub name: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    /// Packages of ours that must be there; what programs and accounts need beside is in [`Package::depends`].
    pub needs: &'static [&'static str],
    /// Other fields of the control file that name packages.
    pub relations: &'static [(&'static str, &'static str)],
    pub programs: &'static [Program],
    /// A link's path, and where it leads.
    pub links: &'static [(&'static str, &'static str)],
    /// A file of the repository, and the folder that it goes to.
    pub files: &'static [(&'static str, &'static str)],
    /// Files that people copy from.
    pub examples: &'static [&'static str],
    /// Units that run, and what an upgrade does to one that does.
    pub units: &'static [(&'static str, Upgrade)],
}

impl Package {
    pub fn comes_with(&self, kind: &str) -> bool {
        self.files.iter().any(|(file, _)| file.contains(kind))
    }

    /// What must be there before: the C library that the programs were linked with, and who makes accounts.
    pub fn depends(&self, glibc: Option<Glibc>) -> String {
        let mut all = Vec::new();
        if let Some(Glibc(major, minor)) = glibc {
            all.push(format!("libc6 (>= {major}.{minor}), libgcc-s1"));
        }
        if self.comes_with("sysusers.d") {
            all.push("systemd | systemd-standalone-sysusers".into());
        }
        all.extend(self.needs.iter().map(|name| (*name).to_owned()));
        all.join(", ")
    }
}

/// The least version of the C library that has every symbol of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc(u32, u32);

impl Glibc {
    /// Of what `readelf --version-info` says.
    pub fn read(said: &str) -> Option<Glibc> {
        let version = |word: &str| {
            let (major, rest) = word.strip_prefix("GLIBC_")?.split_once('.')?;
            // 2.2.5 is a version, too.
            let minor = rest.split('.').next()?;
            Some(Glibc(major.parse().ok()?, minor.parse().ok()?))
        };
        said.split_whitespace().filter_map(version).max()
    }
}

pub struct Program {
    pub name: &'static str,
    pub folder: &'static str,
    /// The words before the folder that manual page and completions are written to.
    pub generate: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// The new program takes listeners and connections over from the old.
    Reload,
    /// The old one hands over what it holds, and the new one begins.
    Restart,
}

pub const MAINTAINER: &str = "The Tandem maintainers <maintainers@tandem.invalid>";
pub const COPYRIGHT: &str = "\
Tandem may be used under the terms of the MIT licence or of the Apache License, version 2.0 (on Debian in
/usr/share/common-licenses/Apache-2.0), as you like.
";

const UNITS: &str = "lib/systemd/system";
const USERS: &str = "usr/lib/sysusers.d";
const FOLDERS: &str = "usr/lib/tmpfiles.d";
const DAEMON: &str = "usr/sbin";

pub const PACKAGES: &[Package] = &[
    Package {
        name: "tandem-lb",
        title: "TCP load balancer that reads HAProxy's configuration",
        description: "Source hash and stick tables, health checks, a statistics page, a reload that loses no connection.",
        needs: &[],
        relations: &[
            ("Recommends", "tandem"),
            ("Suggests", "tandem-vrrp, tandem-compat, nftables"),
        ],
        programs: &[Program {
            name: "tandem-lb",
            folder: DAEMON,
            generate: &["--generate"],
        }],
        links: &[],
        files: &[
            ("systemd/tandem-lb.service", UNITS),
            ("systemd/sysusers.d/tandem-lb.conf", USERS),
            ("systemd/tmpfiles.d/tandem-lb.conf", FOLDERS),
        ],
        examples: &[
            "etc/tandem-lb.toml",
            "etc/haproxy-example.cfg",
            "etc/pair/lb.toml",
            "etc/pair/haproxy.cfg",
        ],
        units: &[("tandem-lb.service", Upgrade::Reload)],
    },
    Package {
        name: "tandem-vrrp",
        title: "virtual IP addresses by VRRP, with Keepalived's configuration",
        description: "Works beside a real Keepalived, and hands its addresses over without a gap.",
        needs: &[],
        relations: &[
            ("Recommends", "tandem, nftables"),
            ("Suggests", "tandem-lb, tandem-compat"),
        ],
        programs: &[
            Program {
                name: "tandem-vrrp",
                folder: DAEMON,
                generate: &["--generate"],
            },
            Program {
                name: "tandem-vrrp-launch",
                folder: DAEMON,
                generate: &[],
            },
        ],
        links: &[],
        files: &[
            ("systemd/tandem-vrrp.service", UNITS),
            ("systemd/tandem-vrrp-launch.socket", UNITS),
            ("systemd/tandem-vrrp-launch@.service", UNITS),
            ("systemd/sysusers.d/tandem-vrrp.conf", USERS),
        ],
        examples: &[
            "etc/tandem-vrrp.toml",
            "etc/keepalived-example.conf",
            "etc/pair/vrrp-lb1.toml",
            "etc/pair/vrrp-lb2.toml",
            "etc/pair/keepalived-lb1.conf",
            "etc/pair/keepalived-lb2.conf",
        ],
        units: &[
            ("tandem-vrrp-launch.socket", Upgrade::Restart),
            ("tandem-vrrp.service", Upgrade::Restart),
        ],
    },
    Package {
        name: "tandem-mq",
        title: "message broker's node for STOMP, MQTT and AMQP",
        description: "Queues and topics on disk, with a journal whose confirmations mean that a message is there.",
        needs: &[],
        relations: &[("Recommends", "tandem")],
        programs: &[Program {
            name: "tandem-mq",
            folder: DAEMON,
            generate: &["--generate"],
        }],
        links: &[],
        files: &[
            ("systemd/tandem-mq.service", UNITS),
            ("systemd/sysusers.d/tandem-mq.conf", USERS),
            ("systemd/tmpfiles.d/tandem-mq.conf", FOLDERS),
        ],
        examples: &["etc/tandem-mq.toml", "etc/pair/mq.toml"],
        units: &[("tandem-mq.service", Upgrade::Restart)],
    },
    Package {
        name: "tandem",
        title: "the operator's command of Tandem",
        description: "Checks and converts configurations, shows the balancer in a terminal, explains what it does and why.",
        needs: &[],
        relations: &[],
        programs: &[Program {
            name: "tandem",
            folder: "usr/bin",
            generate: &["generate"],
        }],
        links: &[],
        files: &[],
        examples: &[],
        units: &[],
    },
    Package {
        name: "tandem-compat",
        title: "HAProxy's and Keepalived's names for Tandem",
        description: "The commands and units haproxy and keepalived, and /etc/haproxy and /etc/keepalived as they are.",
        needs: &["tandem-lb", "tandem-vrrp"],
        relations: &[
            ("Provides", "haproxy, keepalived"),
            ("Conflicts", "haproxy, keepalived"),
            ("Replaces", "haproxy, keepalived"),
        ],
        programs: &[],
        links: &[
            ("usr/sbin/haproxy", "tandem-lb"),
            ("usr/sbin/keepalived", "tandem-vrrp"),
        ],
        files: &[
            ("systemd/compat/haproxy.service", UNITS),
            ("systemd/compat/keepalived.service", UNITS),
            ("systemd/sysusers.d/tandem-compat.conf", USERS),
            ("systemd/tmpfiles.d/tandem-compat.conf", FOLDERS),
        ],
        examples: &[],
        units: &[
            ("haproxy.service", Upgrade::Reload),
            ("keepalived.service", Upgrade::Restart),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_symbol_says_which_library_is_needed() {
        let said = "  0x0010:   Name: GLIBC_2.9  Flags: none  Version: 5\n  0x0020:   Name: GLIBC_2.34  Flags: none\n\
                    0x0030: Name: GLIBC_2.2.5 Flags: none Version: 2\n 0x40: Name: GCC_4.2.0\n";
        assert_eq!(Glibc::read(said), Some(Glibc(2, 34)));
        assert_eq!(Glibc::read("No version information found in this file.\n"), None);
    }

    #[test]
    fn what_a_package_needs() {
        let depends = |name: &str, glibc| {
            let package = PACKAGES.iter().find(|package| package.name == name).expect("there");
            package.depends(glibc)
        };
        let glibc = Some(Glibc(2, 34));
        assert_eq!(depends("tandem", glibc), "libc6 (>= 2.34), libgcc-s1");
        assert_eq!(
            depends("tandem-lb", glibc),
            "libc6 (>= 2.34), libgcc-s1, systemd | systemd-standalone-sysusers"
        );
        assert_eq!(
            depends("tandem-compat", None),
            "systemd | systemd-standalone-sysusers, tandem-lb, tandem-vrrp"
        );
    }
}
