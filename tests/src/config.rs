//! A configuration with one frontend `fe` and one backend `be`, in the words of haproxy.cfg.

use std::fmt;
use std::net::SocketAddr;

use crate::{Server, free_port};

/// Lines are added to sections; what is not said is as short as a test needs it.
#[derive(Clone, Debug)]
pub struct Config {
    port: u16,
    global: Vec<String>,
    defaults: Vec<String>,
    frontend: Vec<String>,
    backend: Vec<String>,
}

impl Default for Config {
    fn default() -> Config {
        let defaults = [
            "mode tcp",
            "timeout connect 5s",
            "timeout client 30s",
            "timeout server 30s",
        ];
        Config {
            port: free_port(),
            global: vec!["nbthread 2".to_owned()],
            defaults: defaults.map(str::to_owned).to_vec(),
            frontend: Vec::new(),
            backend: Vec::new(),
        }
    }
}

impl Config {
    /// Where the frontend listens.
    pub fn at(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub fn global(mut self, line: impl fmt::Display) -> Config {
        self.global.push(line.to_string());
        self
    }

    pub fn defaults(mut self, line: impl fmt::Display) -> Config {
        self.defaults.push(line.to_string());
        self
    }

    pub fn frontend(mut self, line: impl fmt::Display) -> Config {
        self.frontend.push(line.to_string());
        self
    }

    pub fn backend(mut self, line: impl fmt::Display) -> Config {
        self.backend.push(line.to_string());
        self
    }

    /// Logs in the `tcplog` form to this server.
    pub fn log_to(self, syslog: SocketAddr) -> Config {
        self.global(format!("log {syslog} local0"))
            .defaults("log global")
            .defaults("option tcplog")
    }

    pub fn server(self, name: &str, server: &Server, options: &str) -> Config {
        self.server_at(name, server.address(), options)
    }

    pub fn server_at(self, name: &str, address: SocketAddr, options: &str) -> Config {
        self.backend(format!("server {name} {address} {options}"))
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let section = |f: &mut fmt::Formatter<'_>, title: &str, lines: &[String]| {
            writeln!(f, "{title}")?;
            lines.iter().try_for_each(|line| writeln!(f, "    {line}"))
        };
        section(f, "global", &self.global)?;
        section(f, "defaults", &self.defaults)?;
        section(
            f,
            "frontend fe",
            &[format!("bind {}", self.at()), "default_backend be".to_owned()],
        )?;
        self.frontend.iter().try_for_each(|line| writeln!(f, "    {line}"))?;
        section(f, "backend be", &self.backend)
    }
}
