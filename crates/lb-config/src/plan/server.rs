//! One server: where it is, what it may carry, how it is asked.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::ServerId;
use tandem_lb_core::backend::{Conduct, Tracked};
use tandem_lb_core::balance::HashKey;
use tandem_lb_core::expr::{Fact, Fetch};
use tandem_lb_core::health::CheckSettings;
use tandem_lb_core::probe::Script;
use tandem_lb_core::proxy_header;
use tandem_lb_core::rules::Piece;

use super::{Buffers, CheckTls, External, InitAddr, Origination, Resolve, Source};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub name: Arc<str>,
    pub id: ServerId,
    /// Its line says the id.
    pub is_numbered: bool,
    pub host: Host,
    pub port: ServerPort,
    pub origin: Arc<str>,
    /// 0 to 256.
    pub weight: u16,
    pub backup: bool,
    /// Rules, expressions or servers that follow it name it, so it cannot go by itself, nor be called otherwise.
    pub is_named: bool,
    /// `disabled`: starts in maintenance.
    pub disabled: bool,
    /// 0 is no limit.
    pub maxconn: u32,
    /// The limit while its backend has little to do; 0 is always `maxconn`.
    pub minconn: u32,
    pub non_stick: bool,
    /// The most that may wait for it alone; 0 is no limit.
    pub maxqueue: u32,
    pub conduct: Conduct,
    /// How long what is sent to it may stay unacknowledged (`tcp-ut`); `None` is as long as the system says.
    pub user_timeout: Option<Duration>,
    pub buffers: Buffers,
    /// Where connections to it come from.
    pub source: Option<Arc<Source>>,
    pub agent: Option<Agent>,
    /// Whom it follows.
    pub tracks: Option<Arc<Tracked>>,
    /// What places it among hashes.
    pub hash_key: HashKey,
    /// The PROXY header that each connection begins with.
    pub send_proxy: Option<proxy_header::Write>,
    /// What else a header of version 2 says.
    pub told: Arc<[Told]>,
    pub check: Option<Check>,
    /// `ssl`
    pub tls: Option<Arc<Origination>>,
    pub guid: Option<Arc<str>>,
    /// How its name is looked up while running; `None` when it is not.
    pub resolve: Option<Arc<Resolve>>,
    /// What to try for its first address, in this order.
    pub init_addr: Arc<[InitAddr]>,
}

impl Server {
    /// Whether what it is told says which rule decided last: rules have to remember that before anybody knows the server.
    pub fn asks_for_rules(&self) -> bool {
        let told = self.told.iter().flat_map(|told| &told.value);
        let mut asked = told.filter_map(Piece::expr).map(|expr| &expr.fetch);
        asked.any(|fetch| matches!(fetch, Fetch::Fact(Fact::LastRuleFile | Fact::LastRuleLine)))
    }
}

/// A program on the server's host that says how it is (`agent-check`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    pub settings: CheckSettings,
    /// Where it is when not at the server's address.
    pub ip: Option<IpAddr>,
    pub port: u16,
    /// What is said to it first.
    pub send: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub settings: CheckSettings,
    /// Where to connect when it is not the server itself.
    pub host: Option<Host>,
    pub port: Option<u16>,
    /// What is said once connected; `None` when that is enough.
    pub script: Option<Arc<Script>>,
    /// How long the answers may take, from the connection on. `None`: the connection's time is for all of it.
    pub answer_timeout: Option<Duration>,
    /// The program that makes it, instead.
    pub external: Option<Arc<External>>,
    /// The PROXY header that a check begins with, where the script does not say otherwise.
    pub send_proxy: Option<proxy_header::Write>,
    /// `check-ssl`
    pub tls: Option<Arc<CheckTls>>,
}

/// A name is looked up at start, and with `resolvers` for as long as the process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Ip(IpAddr),
    Name(HostName),
    Unix(PathBuf),
    /// `abns@`: a unix socket whose name is no file.
    Abstract(String),
}

/// What is looked up, and of which family the address has to be where a prefix says it (`ipv4@name`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    name: String,
    /// Whether it is IPv4.
    is_v4: Option<bool>,
}

impl HostName {
    pub(crate) fn new(name: &str, is_v4: Option<bool>) -> HostName {
        let name = name.to_owned();
        HostName { name, is_v4 }
    }

    /// Without the prefix.
    pub fn bare(&self) -> &str {
        &self.name
    }

    pub fn takes(&self, ip: IpAddr) -> bool {
        self.is_v4.is_none_or(|is_v4| ip.is_ipv4() == is_v4)
    }
}

/// Of either family.
impl From<&str> for HostName {
    fn from(name: &str) -> HostName {
        HostName::new(name, None)
    }
}

/// As it is written.
impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.is_v4 {
            None => "",
            Some(true) => "ipv4@",
            Some(false) => "ipv6@",
        })?;
        f.write_str(&self.name)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerPort {
    Fixed(u16),
    /// The client's destination port plus this (no port given, or `:+N` and `:-N`).
    Offset(i32),
}

/// A value of a PROXY header, made for each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Under which it is told.
    pub number: u8,
    pub value: Vec<Piece>,
    /// The value as it was written.
    pub text: Box<str>,
}
