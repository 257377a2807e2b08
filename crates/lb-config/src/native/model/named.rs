//! Sections with a name of their own: peers, and whom to ask for names.

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{Bind, Count, Log, Positive, is_off};
use crate::native::tls;
use crate::native::value::{Number, Span, Time, Value};
use crate::plan::{Host, Nameserver, ServerPort};

/// Who shares stick tables with this process.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::native) struct Peers {
    pub(in crate::native) name: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "is_off")]
    pub(in crate::native) disabled: bool,
    pub(in crate::native) shards: Option<Positive>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::native) bind: Vec<Spanned<Bind>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::native) peer: Vec<Spanned<Peer>>,
    /// As the other dialect writes them: `"NAME type ip size 1m store gpc0"`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::native) table: Vec<Spanned<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::native) log: Vec<Spanned<Log>>,
    /// Also to the targets of `global`.
    #[serde(skip_serializing_if = "is_off")]
    pub(in crate::native) log_global: bool,
    /// At the local peer's own address.
    pub(in crate::native) tls: Option<tls::OfBind>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::native) struct Peer {
    pub(in crate::native) name: Option<Spanned<String>>,
    /// Where it is; the local one listens there. It may do without where `bind` says it.
    pub(in crate::native) address: Option<Value<(Host, ServerPort)>>,
    pub(in crate::native) shard: Option<Count>,
    #[serde(skip_serializing_if = "is_off")]
    pub(in crate::native) disabled: bool,
    pub(in crate::native) tls: Option<tls::OfServer>,
}

/// Whom to ask for names, and how long an answer is good.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::native) struct Resolvers {
    pub(in crate::native) name: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::native) nameservers: Vec<Value<Nameserver>>,
    /// Also those that this host asks.
    #[serde(skip_serializing_if = "is_off")]
    pub(in crate::native) system: bool,
    pub(in crate::native) payload_size: Option<Value<Number<512, 65535>>>,
    pub(in crate::native) retries: Option<Positive>,
    pub(in crate::native) resolve_interval: Option<Value<Time>>,
    pub(in crate::native) retry_interval: Option<Value<Time>>,
    pub(in crate::native) hold: Hold,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::native) struct Hold {
    pub(in crate::native) valid: Option<Value<Span>>,
    pub(in crate::native) obsolete: Option<Value<Span>>,
    pub(in crate::native) nx: Option<Value<Span>>,
    pub(in crate::native) refused: Option<Value<Span>>,
    pub(in crate::native) timeout: Option<Value<Span>>,
    pub(in crate::native) other: Option<Value<Span>>,
}
