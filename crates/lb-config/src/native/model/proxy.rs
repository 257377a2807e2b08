//! What the table of a frontend, a backend or both holds, and what they can inherit.

use serde::{Deserialize, Serialize};
use tandem_lb_core::balance::{Algorithm, HashFunction, HashMethod};
use tandem_lb_core::conn::Redispatch;
use tandem_lb_core::forward::Key;
use tandem_lb_core::stick::KeyType;
use toml::Spanned;

use super::inherited::{Inherits, inherited};
use super::{Count, Id, Log, Positive, Server, ServerOptions, is_off};
use crate::draft::Mode;
use crate::names::MOST_PINS;
use crate::native::tls;
use crate::native::value::{BalanceFactor, FileMode, Limit, Number, Size, Time, Value};
use crate::plan::{BindAddress, ServerStates, Source};
use crate::table::LONGEST;

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
        /// What is written to a side does not count for its timeout.
        independent_streams: Option<bool>,
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
        #[serde(skip_serializing_if = "Vec::is_empty")]
        bind: Vec<Spanned<Bind>>,
        forward: Option<Spanned<Forward>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        use_backend: Vec<Spanned<String>>,
    }
    in Backend {
        stick: Option<Spanned<Stick>>,
        /// The same of clients that fit a condition: "if …".
        #[serde(skip_serializing_if = "Vec::is_empty")]
        force_persist: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        use_server: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        stick_rules: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        server: Vec<Spanned<Server>>,
        server_state_file: Option<String>,
    }
    in each {
        name: Option<Spanned<String>>,
        id: Option<Spanned<Id>>,
        guid: Option<String>,
        description: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        acl: Vec<Spanned<String>>,
        /// Who may see and change the page, as behind `stats`: "http-request auth unless …", "admin if …".
        #[serde(skip_serializing_if = "Vec::is_empty")]
        stats_rules: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        filter: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tcp_request: Vec<Spanned<String>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tcp_response: Vec<Spanned<String>>,
        stick_table: Option<Spanned<String>>,
    }
    both Listen
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::native) struct Logging {
    /// Also to the targets of `global`.
    pub(in crate::native) global: Option<bool>,
    pub(in crate::native) to: Option<Vec<Spanned<Log>>>,
    pub(in crate::native) tcplog: Option<bool>,
    /// `log-format`, instead of `tcplog`.
    pub(in crate::native) format: Option<Spanned<String>>,
    /// `log-format-sd`
    pub(in crate::native) structured: Option<Spanned<String>>,
    /// `unique-id-format`
    pub(in crate::native) unique_id: Option<Spanned<String>>,
    /// `error-log-format`
    pub(in crate::native) error_format: Option<Spanned<String>>,
    pub(in crate::native) tag: Option<String>,
    pub(in crate::native) dontlognull: Option<bool>,
    pub(in crate::native) dontlog_normal: Option<bool>,
    pub(in crate::native) separate_errors: Option<bool>,
    pub(in crate::native) asap: Option<bool>,
    pub(in crate::native) health_checks: Option<bool>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::native) struct Timeouts {
    pub(in crate::native) client: Option<Value<Limit>>,
    pub(in crate::native) client_fin: Option<Value<Limit>>,
    pub(in crate::native) client_hs: Option<Value<Limit>>,
    pub(in crate::native) connect: Option<Value<Limit>>,
    pub(in crate::native) server: Option<Value<Limit>>,
    pub(in crate::native) server_fin: Option<Value<Limit>>,
    pub(in crate::native) tunnel: Option<Value<Limit>>,
    pub(in crate::native) check: Option<Value<Limit>>,
    pub(in crate::native) queue: Option<Value<Limit>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::native) struct Keepalive {
    pub(in crate::native) client: Option<bool>,
    pub(in crate::native) client_idle: Option<Value<Time>>,
    pub(in crate::native) client_interval: Option<Value<Time>>,
    pub(in crate::native) client_count: Option<Value<Number<1, 127>>>,
    pub(in crate::native) server: Option<bool>,
    pub(in crate::native) server_idle: Option<Value<Time>>,
    pub(in crate::native) server_interval: Option<Value<Time>>,
    pub(in crate::native) server_count: Option<Value<Number<1, 127>>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::native) struct Hash {
    #[serde(rename = "type")]
    pub(in crate::native) method: Option<Value<HashMethod>>,
    pub(in crate::native) function: Option<Value<HashFunction>>,
    pub(in crate::native) avalanche: Option<bool>,
    /// Percent of the average that no server exceeds; 0 is no limit.
    pub(in crate::native) balance_factor: Option<Value<BalanceFactor>>,
    /// The expression of `balance = "hash"`.
    pub(in crate::native) key: Option<Spanned<String>>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::native) struct Stats {
    /// Unless this is `false`: metrics may be served alone.
    pub(in crate::native) page: Option<bool>,
    pub(in crate::native) uri: Option<String>,
    /// Where metrics are served; "" is everywhere but at the page.
    pub(in crate::native) metrics: Option<String>,
    pub(in crate::native) refresh: Option<Value<Limit>>,
    pub(in crate::native) realm: Option<String>,
    /// `"user:password"`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::native) auth: Vec<Spanned<String>>,
    #[serde(skip_serializing_if = "is_off")]
    pub(in crate::native) admin: bool,
    #[serde(skip_serializing_if = "is_off")]
    pub(in crate::native) hide_version: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::native) scopes: Vec<String>,
    pub(in crate::native) show_node: Option<String>,
    pub(in crate::native) show_desc: Option<String>,
    #[serde(skip_serializing_if = "is_off")]
    pub(in crate::native) show_legends: bool,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::native) struct Bind {
    pub(in crate::native) address: Option<Value<Vec<BindAddress>>>,
    pub(in crate::native) name: Option<String>,
    pub(in crate::native) id: Option<Id>,
    pub(in crate::native) backlog: Option<Positive>,
    pub(in crate::native) maxconn: Option<Positive>,
    pub(in crate::native) interface: Option<String>,
    pub(in crate::native) v6only: Option<bool>,
    #[serde(skip_serializing_if = "is_off")]
    pub(in crate::native) transparent: bool,
    pub(in crate::native) guid_prefix: Option<String>,
    #[serde(skip_serializing_if = "is_off")]
    pub(in crate::native) accept_proxy: bool,
    /// How long what was sent may stay without an answer.
    pub(in crate::native) user_timeout: Option<Value<Time>>,
    /// The longest TCP segment.
    pub(in crate::native) segment: Option<Value<Number<88, 65535>>>,
    #[serde(skip_serializing_if = "is_off")]
    pub(in crate::native) defer_accept: bool,
    /// Of a unix socket.
    pub(in crate::native) mode: Option<Value<FileMode>>,
    pub(in crate::native) user: Option<String>,
    pub(in crate::native) group: Option<String>,
    pub(in crate::native) tls: Option<tls::OfBind>,
}

/// Of `mode = "forward"`: the kernel carries the packets.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::native) struct Forward {
    pub(in crate::native) hash: Option<Value<Key>>,
    pub(in crate::native) seed: Option<Count>,
    /// How long a silent connection keeps its server.
    pub(in crate::native) pin: Option<Value<Time>>,
    pub(in crate::native) pins: Option<Value<Number<1, MOST_PINS>>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::native) struct Stick {
    #[serde(rename = "type")]
    pub(in crate::native) key: Option<Value<KeyType>>,
    /// Of keys that are texts or bytes.
    pub(in crate::native) length: Option<Value<Number<1, { LONGEST as u32 }>>>,
    pub(in crate::native) size: Option<Value<Size>>,
    pub(in crate::native) expire: Option<Value<Limit>>,
    #[serde(skip_serializing_if = "is_off")]
    pub(in crate::native) nopurge: bool,
    /// What each entry holds, as the other dialect writes it: "conn_cnt", "conn_rate(10s)".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::native) store: Vec<Spanned<String>>,
    /// The `[[peers]]` that share the table.
    pub(in crate::native) peers: Option<Spanned<String>>,
    /// Use the table to find a server; and remember the server in it. Both if not said.
    pub(in crate::native) matches: Option<bool>,
    pub(in crate::native) stores: Option<bool>,
}

impl From<Frontend> for Listen {
    fn from(mut table: Frontend) -> Listen {
        let base = table.take_inherited();
        Listen {
            name: table.name,
            id: table.id,
            guid: table.guid,
            description: table.description,
            forward: table.forward,
            bind: table.bind,
            stick_table: table.stick_table,
            acl: table.acl,
            stats_rules: table.stats_rules,
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
            description: table.description,
            stick_table: table.stick_table,
            stick: table.stick,
            acl: table.acl,
            stats_rules: table.stats_rules,
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
