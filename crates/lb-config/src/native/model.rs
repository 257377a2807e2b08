//! The native form as it is written: what each table may hold. Every key is optional here; what must be there is asked
//! for when the draft is made, so that a missing key is one more mistake on the list and not the end of it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tandem_lb_core::backend::{InitState, OnError};
use tandem_lb_core::balance::{Algorithm, HashFunction, HashKey, HashMethod};
use tandem_lb_core::conn::Redispatch;
use tandem_lb_core::forward::Key;
use tandem_lb_core::proxy_header::Version;
use tandem_lb_core::stick::KeyType;
use toml::Spanned;

use super::tls;
use super::value::{BalanceFactor, FileMode, Limit, Number, ProxyDetail, Size, Span, Time, Value};
use crate::draft::Mode;
use crate::names::MOST_PINS;
use crate::plan::{
    AcceptPolicy, BindAddress, Facility, Host, InitAddr, Level, LogAddress, LogFormat, Nameserver, Sample, ServerPort,
    ServerStates, Severity, Source,
};
use crate::table::LONGEST;

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
}

/// Who shares stick tables with this process.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Peers {
    pub(super) name: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "is_off")]
    pub(super) disabled: bool,
    pub(super) shards: Option<Positive>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) bind: Vec<Spanned<Bind>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) peer: Vec<Spanned<Peer>>,
    /// As the other dialect writes them: `"NAME type ip size 1m store gpc0"`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) table: Vec<Spanned<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) log: Vec<Spanned<Log>>,
    /// Also to the targets of `global`.
    #[serde(skip_serializing_if = "is_off")]
    pub(super) log_global: bool,
    /// At the local peer's own address.
    pub(super) tls: Option<tls::OfBind>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Peer {
    pub(super) name: Option<Spanned<String>>,
    /// Where it is; the local one listens there. It may do without where `bind` says it.
    pub(super) address: Option<Value<(Host, ServerPort)>>,
    pub(super) shard: Option<Count>,
    #[serde(skip_serializing_if = "is_off")]
    pub(super) disabled: bool,
    pub(super) tls: Option<tls::OfServer>,
}

/// Whom to ask for names, and how long an answer is good.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Resolvers {
    pub(super) name: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) nameservers: Vec<Value<Nameserver>>,
    /// Also those that this host asks.
    #[serde(skip_serializing_if = "is_off")]
    pub(super) system: bool,
    pub(super) payload_size: Option<Value<Number<512, 65535>>>,
    pub(super) retries: Option<Positive>,
    pub(super) resolve_interval: Option<Value<Time>>,
    pub(super) retry_interval: Option<Value<Time>>,
    pub(super) hold: Hold,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Hold {
    pub(super) valid: Option<Value<Span>>,
    pub(super) obsolete: Option<Value<Span>>,
    pub(super) nx: Option<Value<Span>>,
    pub(super) refused: Option<Value<Span>>,
    pub(super) timeout: Option<Value<Span>>,
    pub(super) other: Option<Value<Span>>,
}

/// How a server's name is looked up.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Lookup {
    /// The name of the `resolvers`.
    pub(super) by: Option<Spanned<String>>,
    pub(super) prefer_ipv4: Option<bool>,
    pub(super) networks: Option<Vec<Value<(IpAddr, u8)>>>,
    pub(super) share_addresses: Option<bool>,
    pub(super) ignore_weight: Option<bool>,
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
    pub(super) daemon: Option<bool>,
    pub(super) threads: Option<Value<Number<1, 1024>>>,
    pub(super) accept: Option<Value<AcceptPolicy>>,
    pub(super) pidfile: Option<String>,
    pub(super) user: Option<String>,
    pub(super) group: Option<String>,
    pub(super) chroot: Option<String>,
    pub(super) node: Option<String>,
    pub(super) description: Option<String>,
    pub(super) hard_stop_after: Option<Value<Limit>>,
    pub(super) close_spread_time: Option<Value<Limit>>,
    pub(super) spread_checks: Option<Value<Number<0, 50>>>,
    /// The most pipes to splice through, and whether that is done.
    pub(super) pipes: Option<Positive>,
    pub(super) splice: Option<bool>,
    /// Programs may be run as checks.
    pub(super) external_checks: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) control: Vec<Spanned<Control>>,
    pub(super) control_timeout: Option<Value<Time>>,
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
    pub(super) tls: tls::OfGlobal,
}

/// HAProxy's `stats socket`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Control {
    pub(super) address: Option<Value<Vec<BindAddress>>>,
    pub(super) level: Option<Value<Level>>,
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

/// A table that holds, beside its own, the keys of another.
pub(super) trait Inherits<Base> {
    fn take_inherited(&mut self) -> Base;
    fn inherits(self, base: Base) -> Self;
}

/// A table of keys that can be inherited, and the tables that hold them side by side with keys of their own. serde's
/// `flatten` would say the same, but it forgets the places and cannot refuse unknown keys.
macro_rules! inherited {
    ($base:ident $fields:tt $(in $name:ident $own:tt)+) => {
        inherited! { @base $base $fields }
        $(inherited! { @table $name $own $base $fields })+
    };
    (@base $base:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* }) => {
        #[derive(Debug, Default, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub(super) struct $base {
            $($(#[$meta])* pub(super) $field: $type,)*
        }
    };
    (
        @table $name:ident { $($(#[$own_meta:meta])* $own:ident: $own_type:ty,)* }
        $base:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* }
    ) => {
        #[derive(Debug, Default, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub(super) struct $name {
            $($(#[$own_meta])* pub(super) $own: $own_type,)*
            $($(#[$meta])* pub(super) $field: $type,)*
        }

        impl Inherits<$base> for $name {
            fn take_inherited(&mut self) -> $base {
                $base { $($field: std::mem::take(&mut self.$field),)* }
            }

            fn inherits(mut self, base: $base) -> Self {
                $(self.$field = base.$field;)*
                self
            }
        }
    };
}

inherited! {
    Settings {
        mode: Option<Value<Mode>>,
        disabled: Option<bool>,
        maxconn: Option<Count>,
        session_rate: Option<Count>,
        backlog: Option<Count>,
        default_backend: Option<Spanned<String>>,
        logging: Logging,
        timeout: Timeouts,
        keepalive: Keepalive,
        nolinger: Option<bool>,
        /// Known clients go to their server although it is down.
        persist: Option<bool>,
        abort_on_close: Option<bool>,
        retries: Option<Value<Number<0, { i32::MAX as u32 }>>>,
        fullconn: Option<Count>,
        source: Option<Value<Source>>,
        redispatch: Option<Value<Redispatch>>,
        balance: Option<Value<Algorithm>>,
        hash: Option<Hash>,
        all_backups: Option<bool>,
        stats: Option<Spanned<Stats>>,
        server_defaults: Option<ServerOptions>,
        socket_stats: Option<bool>,
        /// Where the states of servers are at the start: "global", "local" or "none".
        server_states: Option<Value<ServerStates>>,
        /// What servers are asked, as behind `option`: "tcp-check", "httpchk GET /", "amqp-check".
        health_check: Option<Spanned<String>>,
        /// The lines of such a check, as behind `tcp-check` and `http-check`.
        tcp_check: Option<Vec<Spanned<String>>>,
        http_check: Option<Vec<Spanned<String>>>,
        /// The program of `health-check = "external-check"`, and its PATH.
        external_command: Option<String>,
        external_path: Option<String>,
    }
    in Frontend {
        name: Option<Spanned<String>>,
        id: Option<Spanned<Id>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        bind: Vec<Spanned<Bind>>,
        guid: Option<String>,
        forward: Option<Spanned<Forward>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        acl: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        filter: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tcp_request: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tcp_response: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        use_backend: Vec<Spanned<String>>,
        stick_table: Option<Spanned<String>>,
    }
    in Backend {
        name: Option<Spanned<String>>,
        id: Option<Spanned<Id>>,
        stick: Option<Spanned<Stick>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        acl: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        filter: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tcp_request: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tcp_response: Vec<Spanned<String>>,
        /// The same of clients that fit a condition: "if …".
        #[serde(skip_serializing_if = "Vec::is_empty")]
        force_persist: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        use_server: Vec<Spanned<String>>,
        stick_table: Option<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        stick_rules: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        server: Vec<Spanned<Server>>,
        guid: Option<String>,
        server_state_file: Option<String>,
    }
    in Listen {
        name: Option<Spanned<String>>,
        id: Option<Spanned<Id>>,
        guid: Option<String>,
        forward: Option<Spanned<Forward>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        bind: Vec<Spanned<Bind>>,
        stick_table: Option<Spanned<String>>,
        stick: Option<Spanned<Stick>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        acl: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        filter: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tcp_request: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tcp_response: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        use_backend: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        stick_rules: Vec<Spanned<String>>,
        /// The same of clients that fit a condition: "if …".
        #[serde(skip_serializing_if = "Vec::is_empty")]
        force_persist: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        use_server: Vec<Spanned<String>>,
        server_state_file: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        server: Vec<Spanned<Server>>,
    }
}

inherited! {
    ServerOptions {
        weight: Option<Value<Number<0, 256>>>,
        backup: Option<bool>,
        disabled: Option<bool>,
        maxconn: Option<Count>,
        non_stick: Option<bool>,
        check: Option<bool>,
        inter: Option<Value<Time>>,
        fastinter: Option<Value<Time>>,
        downinter: Option<Value<Time>>,
        rise: Option<Positive>,
        fall: Option<Positive>,
        check_port: Option<Value<Number<1, 65535>>>,
        check_address: Option<Value<Host>>,
        send_proxy: Option<Value<Version>>,
        proxy_v2_options: Option<Vec<Value<ProxyDetail>>>,
        check_send_proxy: Option<bool>,
        tls: Option<tls::OfServer>,
        maxqueue: Option<Count>,
        minconn: Option<Count>,
        slowstart: Option<Value<Limit>>,
        observe: Option<bool>,
        error_limit: Option<Positive>,
        on_error: Option<Value<OnError>>,
        shutdown_sessions: Option<bool>,
        shutdown_backup_sessions: Option<bool>,
        lookup: Lookup,
        init_address: Option<Vec<Value<InitAddr>>>,
        init_state: Option<Value<InitState>>,
        agent: Option<AgentOptions>,
        track: Option<Spanned<String>>,
        source: Option<Value<Source>>,
        hash_key: Option<Value<HashKey>>,
        user_timeout: Option<Value<Limit>>,
    }
    in Server {
        name: Option<Spanned<String>>,
        address: Option<Value<(Host, ServerPort)>>,
        count: Option<Spanned<Value<Number<1, 10_000>>>>,
        id: Option<Spanned<Id>>,
        guid: Option<String>,
    }
}

/// `agent-check`: the table says that there is one, unless it says otherwise.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AgentOptions {
    pub(super) enabled: Option<bool>,
    pub(super) port: Option<Value<Number<1, 65535>>>,
    pub(super) address: Option<Value<IpAddr>>,
    pub(super) inter: Option<Value<Time>>,
    pub(super) send: Option<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Logging {
    /// Also to the targets of `global`.
    pub(super) global: Option<bool>,
    pub(super) to: Option<Vec<Spanned<Log>>>,
    pub(super) tcplog: Option<bool>,
    /// `log-format`, instead of `tcplog`.
    pub(super) format: Option<Spanned<String>>,
    /// `log-format-sd`
    pub(super) structured: Option<Spanned<String>>,
    /// `unique-id-format`
    pub(super) unique_id: Option<Spanned<String>>,
    /// `error-log-format`
    pub(super) error_format: Option<Spanned<String>>,
    pub(super) tag: Option<String>,
    pub(super) dontlognull: Option<bool>,
    pub(super) dontlog_normal: Option<bool>,
    pub(super) separate_errors: Option<bool>,
    pub(super) asap: Option<bool>,
    pub(super) health_checks: Option<bool>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Timeouts {
    pub(super) client: Option<Value<Limit>>,
    pub(super) client_fin: Option<Value<Limit>>,
    pub(super) client_hs: Option<Value<Limit>>,
    pub(super) connect: Option<Value<Limit>>,
    pub(super) server: Option<Value<Limit>>,
    pub(super) server_fin: Option<Value<Limit>>,
    pub(super) tunnel: Option<Value<Limit>>,
    pub(super) check: Option<Value<Limit>>,
    pub(super) queue: Option<Value<Limit>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Keepalive {
    pub(super) client: Option<bool>,
    pub(super) client_idle: Option<Value<Time>>,
    pub(super) client_interval: Option<Value<Time>>,
    pub(super) client_count: Option<Value<Number<1, 127>>>,
    pub(super) server: Option<bool>,
    pub(super) server_idle: Option<Value<Time>>,
    pub(super) server_interval: Option<Value<Time>>,
    pub(super) server_count: Option<Value<Number<1, 127>>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Hash {
    #[serde(rename = "type")]
    pub(super) method: Option<Value<HashMethod>>,
    pub(super) function: Option<Value<HashFunction>>,
    pub(super) avalanche: Option<bool>,
    /// Percent of the average that no server exceeds; 0 is no limit.
    pub(super) balance_factor: Option<Value<BalanceFactor>>,
    /// The expression of `balance = "hash"`.
    pub(super) key: Option<Spanned<String>>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Stats {
    /// Unless this is `false`: metrics may be served alone.
    pub(super) page: Option<bool>,
    pub(super) uri: Option<String>,
    /// Where metrics are served; "" is everywhere but at the page.
    pub(super) metrics: Option<String>,
    pub(super) refresh: Option<Value<Limit>>,
    pub(super) realm: Option<String>,
    /// `"user:password"`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) auth: Vec<Spanned<String>>,
    #[serde(skip_serializing_if = "is_off")]
    pub(super) admin: bool,
    #[serde(skip_serializing_if = "is_off")]
    pub(super) hide_version: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) scopes: Vec<String>,
    pub(super) show_node: Option<String>,
    pub(super) show_desc: Option<String>,
    #[serde(skip_serializing_if = "is_off")]
    pub(super) show_legends: bool,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Bind {
    pub(super) address: Option<Value<Vec<BindAddress>>>,
    pub(super) name: Option<String>,
    pub(super) id: Option<Id>,
    pub(super) backlog: Option<Positive>,
    pub(super) maxconn: Option<Positive>,
    pub(super) interface: Option<String>,
    pub(super) v6only: Option<bool>,
    #[serde(skip_serializing_if = "is_off")]
    pub(super) transparent: bool,
    pub(super) guid_prefix: Option<String>,
    #[serde(skip_serializing_if = "is_off")]
    pub(super) accept_proxy: bool,
    /// How long what was sent may stay without an answer.
    pub(super) user_timeout: Option<Value<Time>>,
    /// The longest TCP segment.
    pub(super) segment: Option<Value<Number<88, 65535>>>,
    /// Of a unix socket.
    pub(super) mode: Option<Value<FileMode>>,
    pub(super) user: Option<String>,
    pub(super) group: Option<String>,
    pub(super) tls: Option<tls::OfBind>,
}

/// Of `mode = "forward"`: the kernel carries the packets.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Forward {
    pub(super) hash: Option<Value<Key>>,
    pub(super) seed: Option<Count>,
    /// How long a silent connection keeps its server.
    pub(super) pin: Option<Value<Time>>,
    pub(super) pins: Option<Value<Number<1, MOST_PINS>>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Stick {
    #[serde(rename = "type")]
    pub(super) key: Option<Value<KeyType>>,
    /// Of keys that are texts or bytes.
    pub(super) length: Option<Value<Number<1, { LONGEST as u32 }>>>,
    pub(super) size: Option<Value<Size>>,
    pub(super) expire: Option<Value<Limit>>,
    #[serde(skip_serializing_if = "is_off")]
    pub(super) nopurge: bool,
    /// What each entry holds, as the other dialect writes it: "conn_cnt", "conn_rate(10s)".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) store: Vec<Spanned<String>>,
    /// The `[[peers]]` that share the table.
    pub(super) peers: Option<Spanned<String>>,
    /// Use the table to find a server; and remember the server in it. Both if not said.
    pub(super) matches: Option<bool>,
    pub(super) stores: Option<bool>,
}

impl From<Frontend> for Listen {
    fn from(mut table: Frontend) -> Listen {
        let base = table.take_inherited();
        Listen {
            name: table.name,
            id: table.id,
            guid: table.guid,
            forward: table.forward,
            bind: table.bind,
            stick_table: table.stick_table,
            acl: table.acl,
            filter: table.filter,
            tcp_request: table.tcp_request,
            tcp_response: table.tcp_response,
            use_backend: table.use_backend,
            ..Listen::default()
        }
        .inherits(base)
    }
}

impl From<Backend> for Listen {
    fn from(mut table: Backend) -> Listen {
        let base = table.take_inherited();
        Listen {
            name: table.name,
            id: table.id,
            guid: table.guid,
            stick_table: table.stick_table,
            stick: table.stick,
            acl: table.acl,
            filter: table.filter,
            tcp_request: table.tcp_request,
            tcp_response: table.tcp_response,
            stick_rules: table.stick_rules,
            force_persist: table.force_persist,
            use_server: table.use_server,
            server_state_file: table.server_state_file,
            server: table.server,
            ..Listen::default()
        }
        .inherits(base)
    }
}
