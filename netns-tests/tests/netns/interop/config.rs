//! One `vrrp_instance` as a configuration says it.

#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) version: u8,
    pub(super) priority: u8,
    pub(super) interval: &'static str,
    pub(super) addresses: &'static str,
    /// Lines of the instance.
    pub(super) extra: &'static str,
    /// Blocks before it.
    pub(super) before: &'static str,
}

impl Config {
    /// One second, the smallest interval of version 2.
    pub(super) fn v2(priority: u8) -> Config {
        Config {
            version: 2,
            priority,
            interval: "1",
            addresses: "10.9.0.100/24",
            extra: "",
            before: "",
        }
    }

    /// A tenth of a second, so that nobody waits for long.
    pub(super) fn v3(priority: u8) -> Config {
        Config {
            version: 3,
            interval: "0.1",
            ..Config::v2(priority)
        }
    }

    pub(super) fn v6(priority: u8) -> Config {
        Config {
            addresses: "fe80::52/64\n        fd00:9::100/64",
            ..Config::v3(priority)
        }
    }

    pub(super) fn with(self, extra: &'static str) -> Config {
        Config { extra, ..self }
    }

    pub(super) fn each(self, interval: &'static str) -> Config {
        Config { interval, ..self }
    }

    pub(super) fn after(self, before: &'static str) -> Config {
        Config { before, ..self }
    }

    pub(super) fn text(&self) -> String {
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
",
            version = self.version,
            before = self.before,
            priority = self.priority,
            interval = self.interval,
            extra = self.extra,
            addresses = self.addresses,
        )
    }
}
