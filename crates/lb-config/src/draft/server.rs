//! A server with all that its line and the defaults say of it.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::backend::{InitState, OnError};
use tandem_lb_core::balance::HashKey;
use tandem_lb_core::dns::Preference;
use tandem_lb_core::proxy_header::{Details, Version, Write};
use tandem_text::{Span, Spanned};

use crate::expr::Reference;
use crate::plan::{self, Host, InitAddr, ServerPort, Source};
use crate::tls::Words;

#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) name: Spanned<Arc<str>>,
    pub(crate) host: Host,
    pub(crate) port: ServerPort,
    pub(crate) id: Option<Spanned<u32>>,
    pub(crate) options: ServerOptions,
    pub(crate) tls: Spanned<Words>,
    pub(crate) origin: Arc<str>,
    pub(crate) guid: Option<Arc<str>>,
}

impl Server {
    /// The servers of a template, which has the part of their names before the number.
    pub(crate) fn numbered(self, numbers: RangeInclusive<u32>) -> impl Iterator<Item = Server> {
        numbers.map(move |number| {
            let mut server = self.clone();
            server.name.value = format!("{}{number}", self.name.value).into();
            // All at one address, as the system's resolver would have it, would be one server many times; where nobody
            // looks them up, an operator moves them.
            if server.options.resolve.section.is_some() {
                server.options.resolve.init.get_or_insert_with(|| vec![InitAddr::None]);
            }
            server
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ServerOptions {
    pub(crate) weight: u16,
    pub(crate) backup: bool,
    pub(crate) disabled: bool,
    pub(crate) maxconn: u32,
    pub(crate) minconn: u32,
    pub(crate) non_stick: bool,
    pub(crate) check: bool,
    pub(crate) inter: Duration,
    pub(crate) fastinter: Option<Duration>,
    pub(crate) downinter: Option<Duration>,
    pub(crate) rise: u32,
    pub(crate) fall: u32,
    pub(crate) check_port: Option<u16>,
    pub(crate) check_host: Option<Host>,
    pub(crate) send_proxy: SendProxy,
    /// `set-proxy-v2-tlv-fmt`
    pub(crate) told: Vec<Told>,
    pub(crate) check_send_proxy: bool,
    pub(crate) maxqueue: u32,
    pub(crate) slowstart: Duration,
    pub(crate) observe: bool,
    pub(crate) error_limit: u32,
    pub(crate) on_error: OnError,
    pub(crate) ends_sessions: bool,
    pub(crate) ends_backup_sessions: bool,
    pub(crate) init: InitState,
    pub(crate) agent: bool,
    pub(crate) agent_ip: Option<IpAddr>,
    pub(crate) agent_port: Option<u16>,
    pub(crate) agent_inter: Option<Duration>,
    pub(crate) agent_send: Option<Box<str>>,
    pub(crate) resolve: Lookup,
    /// Whom it follows: a server of its own backend, or BACKEND/SERVER.
    pub(crate) track: Option<Spanned<String>>,
    pub(crate) hash_key: HashKey,
    pub(crate) user_timeout: Option<Duration>,
    pub(crate) source: Option<Arc<Source>>,
}

/// How the name of a server is looked up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lookup {
    /// The section, where there is one.
    pub(crate) section: Option<Spanned<String>>,
    pub(crate) preference: Preference,
    pub(crate) ignores_weight: bool,
    pub(crate) init: Option<Vec<InitAddr>>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            weight: 1,
            backup: false,
            disabled: false,
            maxconn: 0,
            minconn: 0,
            non_stick: false,
            check: false,
            inter: Duration::from_secs(2),
            fastinter: None,
            downinter: None,
            rise: 2,
            fall: 3,
            check_port: None,
            check_host: None,
            send_proxy: SendProxy::default(),
            told: Vec::new(),
            check_send_proxy: false,
            maxqueue: 0,
            slowstart: Duration::ZERO,
            observe: false,
            error_limit: 10,
            on_error: OnError::default(),
            ends_sessions: false,
            ends_backup_sessions: false,
            init: InitState::default(),
            agent: false,
            agent_ip: None,
            agent_port: None,
            agent_inter: None,
            agent_send: None,
            resolve: Lookup::default(),
            track: None,
            hash_key: HashKey::default(),
            user_timeout: None,
            source: None,
        }
    }
}

/// Which PROXY headers were asked for: each word has its opposite, so both versions may be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SendProxy {
    pub(crate) v1: bool,
    pub(crate) v2: bool,
    pub(crate) details: Details,
}

/// What a PROXY header says beside, and where that is written.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) plan: plan::Told,
    pub(crate) span: Span,
    pub(crate) references: Vec<Spanned<Reference>>,
}

impl PartialEq for Told {
    fn eq(&self, other: &Told) -> bool {
        self.plan == other.plan
    }
}

impl SendProxy {
    /// What is sent. The newer version counts where both are asked for.
    pub(crate) fn into_write(self) -> Option<Write> {
        let version = match self {
            Self { v2: true, .. } => Version::V2,
            Self { v1: true, .. } => Version::V1,
            _ => return None,
        };
        Some(Write {
            version,
            details: self.details,
        })
    }
}
