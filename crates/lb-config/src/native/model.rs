//! The native form as it is written: what each table may hold. Every key is optional here; what must be there is asked
//! for when the draft is made, so that a missing key is one more mistake on the list and not the end of it.

mod inherited;
mod named;
mod proxy;
mod server;

pub(super) use inherited::Inherits;
pub(super) use named::{Hold, Peer, Peers, Resolvers};
pub(super) use proxy::{
    Backend, Bind, Forward, Frontend, Hash, Keepalive, Listen, Logging, Settings, Stats, Stick, Timeouts,
};
pub(super) use server::{AgentOptions, Lookup, Server, ServerOptions};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::ring::Ring;
use super::tls;
use super::userlist::Userlist;
use super::value::{FileMode, Limit, Number, Time, Value};
use crate::plan::{
    AcceptPolicy, BindAddress, Facility, Level, LogAddress, LogFormat, Sample, Severity, SeverityOutput,
};

pub(super) type Count = Value<Number<0, { u32::MAX }>>;
type Positive = Value<Number<1, { u32::MAX }>>;
type Id = Value<Number<1, { i32::MAX as u32 }>>;

fn is_off(switch: &bool) -> bool {
    !switch
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Document {
    pub(super) global: Global,
    /// What every proxy of this file starts with.
    pub(super) defaults: Settings,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) frontend: Vec<Spanned<Frontend>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) backend: Vec<Spanned<Backend>>,
    /// Both at once, under one name and one number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) listen: Vec<Spanned<Listen>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) resolvers: Vec<Spanned<Resolvers>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) peers: Vec<Spanned<Peers>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) userlist: Vec<Spanned<Userlist>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ring: Vec<Spanned<Ring>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Global {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) log: Vec<Spanned<Log>>,
    pub(super) log_tag: Option<String>,
    pub(super) log_hostname: Option<String>,
    /// What this process is called among its peers.
    pub(super) local_peer: Option<String>,
    pub(super) maxconn: Option<Positive>,
    pub(super) connection_rate: Option<Count>,
    pub(super) session_rate: Option<Count>,
    /// How many may speak TLS, and how many clients may begin to in a second.
    pub(super) tls_connections: Option<Count>,
    pub(super) tls_rate: Option<Count>,
    /// How many files may be open, however many the system allows.
    pub(super) files: Option<Count>,
    /// How many have to be allowed, and whether it starts only with as many as it needs.
    pub(super) open_files: Option<Positive>,
    pub(super) strict_limits: Option<bool>,
    pub(super) daemon: Option<bool>,
    pub(super) threads: Option<Value<Number<1, 1024>>>,
    pub(super) accept: Option<Value<AcceptPolicy>>,
    pub(super) pidfile: Option<String>,
    pub(super) user: Option<String>,
    pub(super) group: Option<String>,
    pub(super) chroot: Option<String>,
    /// Where paths of certificates and lists begin that do not begin with `/`.
    pub(super) default_path: Option<String>,
    pub(super) node: Option<String>,
    pub(super) description: Option<String>,
    pub(super) hard_stop_after: Option<Value<Limit>>,
    pub(super) close_spread_time: Option<Value<Limit>>,
    pub(super) spread_checks: Option<Value<Number<0, 50>>>,
    /// Over how long the first checks are spread at most.
    pub(super) first_checks_within: Option<Value<Limit>>,
    /// The most pipes to splice through, and whether that is done.
    pub(super) pipes: Option<Positive>,
    pub(super) splice: Option<bool>,
    /// Programs may be run as checks.
    pub(super) external_checks: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) control: Vec<Spanned<Control>>,
    pub(super) control_timeout: Option<Value<Time>>,
    pub(super) control_clients: Option<Positive>,
    pub(super) state_file: Option<String>,
    /// How often it is written.
    pub(super) state_every: Option<Value<Time>>,
    /// HAProxy's: counters to begin with.
    pub(super) stats_file: Option<String>,
    /// HAProxy's: what a script saved of `show servers state`, and where such files are.
    pub(super) server_state_file: Option<String>,
    pub(super) server_state_base: Option<String>,
    /// First values of variables: "proc.NAME EXPRESSION", and "proc.NAME TEXT" with expressions in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) set_var: Vec<Spanned<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) set_var_fmt: Vec<Spanned<String>>,
    /// How many bytes the kernel keeps of a connection, each way.
    pub(super) client_buffers: Buffers,
    pub(super) server_buffers: Buffers,
    /// HAProxy's buffer and what is kept free of it: so many bytes rules look at, of what a side sends first.
    pub(super) inspect_size: Option<Positive>,
    pub(super) inspect_reserve: Option<Value<Number<0, { i32::MAX as u32 }>>>,
    pub(super) tls: tls::OfGlobal,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Buffers {
    pub(super) receive: Option<Value<Number<0, { i32::MAX as u32 }>>>,
    pub(super) send: Option<Value<Number<0, { i32::MAX as u32 }>>>,
}

/// HAProxy's `stats socket`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Control {
    pub(super) address: Option<Value<Vec<BindAddress>>>,
    pub(super) level: Option<Value<Level>>,
    pub(super) severity_output: Option<Value<SeverityOutput>>,
    pub(super) mode: Option<Value<FileMode>>,
    pub(super) user: Option<String>,
    pub(super) group: Option<String>,
    #[serde(skip_serializing_if = "is_off")]
    pub(super) expose_listeners: bool,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Log {
    pub(super) to: Option<Value<LogAddress>>,
    pub(super) facility: Option<Value<Facility>>,
    pub(super) format: Option<Value<LogFormat>>,
    pub(super) length: Option<Value<Number<80, 65535>>>,
    pub(super) max: Option<Value<Severity>>,
    pub(super) min: Option<Value<Severity>>,
    /// `1,3-4:5`: of five lines the first, third and fourth.
    pub(super) sample: Option<Value<Sample>>,
}
