//! VRRP routers on hosts: one `vrrp_instance` as a configuration says it, and how both daemons are started with it.

use std::path::Path;
use std::process::Command;

use crate::error::LabError;
use crate::host::Host;
use crate::running::Running;

/// Virtual router 51 on `eth0`.
#[derive(Clone, Debug)]
pub struct RouterConfig {
    pub version: u8,
    pub priority: u8,
    /// Seconds.
    pub interval: &'static str,
    /// One in each line.
    pub addresses: &'static str,
    /// Lines of the instance.
    pub extra: &'static str,
    /// Blocks before it.
    pub before: String,
}

impl RouterConfig {
    /// One second, the smallest interval of version 2.
    pub fn v2(priority: u8) -> Self {
        Self {
            version: 2,
            priority,
            interval: "1",
            addresses: "10.9.0.100/24",
            extra: "",
            before: String::new(),
        }
    }

    /// A tenth of a second, so that nobody waits for long.
    pub fn v3(priority: u8) -> Self {
        Self {
            version: 3,
            interval: "0.1",
            ..Self::v2(priority)
        }
    }

    pub fn v6(priority: u8) -> Self {
        Self {
            addresses: "fe80::52/64\n        fd00:9::100/64",
            ..Self::v3(priority)
        }
    }

    pub fn with(self, extra: &'static str) -> Self {
        Self { extra, ..self }
    }

    pub fn each(self, interval: &'static str) -> Self {
        Self { interval, ..self }
    }

    pub fn after(self, before: impl Into<String>) -> Self {
        Self {
            before: before.into(),
            ..self
        }
    }

    pub fn text(&self) -> String {
        let Self {
            version,
            priority,
            interval,
            addresses,
            extra,
            before,
        } = self;
        format!(
            "global_defs {{
    vrrp_version {version}
    script_user root
}}
{before}
vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int {interval}
    {extra}
    virtual_ipaddress {{
        {addresses}
    }}
}}
"
        )
    }
}

/// Starts Keepalived, or a program that takes its options, in the foreground with its log on stderr.
pub fn run_router(host: &Host, program: &Path, file: &Path) -> Result<Running, LabError> {
    host.run(&mut router_command(program, file))
}

/// The command that starts it.
pub fn router_command(program: &Path, file: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--dont-fork", "--log-console", "--log-detail", "--vrrp", "--use-file"]);
    command.arg(file);
    command
}
