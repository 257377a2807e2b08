//! What a server's table holds, and what all servers of a proxy can inherit.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tandem_lb_core::backend::{InitState, OnError};
use tandem_lb_core::balance::HashKey;
use tandem_lb_core::proxy_header::Version;
use toml::Spanned;

use super::inherited::{Inherits, inherited};
use super::{Count, Id, Positive};
use crate::native::tls;
use crate::native::value::{Limit, Number, ProxyDetail, Time, Value};
use crate::plan::{Host, InitAddr, ServerPort, Source};

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
        // "0xE0 %[src]"
        proxy_v2_values: Option<Vec<Spanned<String>>>,
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
pub(in crate::native) struct AgentOptions {
    pub(in crate::native) enabled: Option<bool>,
    pub(in crate::native) port: Option<Value<Number<1, 65535>>>,
    pub(in crate::native) address: Option<Value<IpAddr>>,
    pub(in crate::native) inter: Option<Value<Time>>,
    pub(in crate::native) send: Option<String>,
}

/// How a server's name is looked up.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::native) struct Lookup {
    /// The name of the `resolvers`.
    pub(in crate::native) by: Option<Spanned<String>>,
    pub(in crate::native) prefer_ipv4: Option<bool>,
    pub(in crate::native) networks: Option<Vec<Value<(IpAddr, u8)>>>,
    pub(in crate::native) share_addresses: Option<bool>,
    pub(in crate::native) ignore_weight: Option<bool>,
}
