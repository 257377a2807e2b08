//! What was read, before it is known to make sense: values with their places, settings with their defaults copied in.

mod peers;
mod ring;
mod server;
mod userlist;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::acl::Condition;
use tandem_lb_core::balance::Policy;
use tandem_lb_core::bandwidth::Limiter;
use tandem_lb_core::conn::Redispatch;
use tandem_lb_core::rules::{Route, Rule, Ruleset, Sticking, UseServer};
use tandem_lb_core::stick::TableSettings;
use tandem_text::{Span, Spanned};

use crate::acl::Book;
use crate::checking::Checking;
use crate::expr::{Reference, Spelled};
use crate::plan::{
    self, BindAddress, Global, Keepalive, LogRule, ProxyLogs, Resolvers, ServerStates, SocketFile, Source, Stats,
};
use crate::tls::Words;
use crate::written::Written;

pub(crate) use peers::{Peers, SharedTable};
pub(crate) use ring::Ring;
pub(crate) use server::{Lookup, SendProxy, Server, ServerOptions, Told};
pub(crate) use userlist::{User, Userlist};

#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) global: Global,
    /// In the order of the file.
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) resolvers: Vec<Spanned<Resolvers>>,
    /// What the sections `defaults` of `haproxy.cfg` came to.
    pub(crate) defaults: Vec<Settings>,
    /// Those that have names: the last of a name counts.
    pub(crate) named_defaults: BTreeMap<Arc<str>, Spanned<Settings>>,
    pub(crate) peers: Vec<Peers>,
    pub(crate) userlists: Vec<Userlist>,
    pub(crate) rings: Vec<Ring>,
}

/// The table of a proxy.
#[derive(Clone, Debug)]
pub(crate) struct OwnTable {
    pub(crate) settings: TableSettings,
    /// The section whose peers share it.
    pub(crate) peers: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Defaults,
    Frontend,
    Listen,
    Backend,
}

impl Role {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Defaults => "defaults",
            Self::Frontend => "frontend",
            Self::Listen => "listen",
            Self::Backend => "backend",
        }
    }

    pub(crate) const fn accepts(self) -> bool {
        matches!(self, Self::Frontend | Self::Listen)
    }

    pub(crate) const fn serves(self) -> bool {
        matches!(self, Self::Backend | Self::Listen)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) role: Role,
    pub(crate) name: Spanned<Arc<str>>,
    pub(crate) id: Option<Spanned<u32>>,
    pub(crate) settings: Settings,
    pub(crate) binds: Vec<Bind>,
    pub(crate) servers: Vec<Server>,
    pub(crate) table: Option<Spanned<OwnTable>>,
    pub(crate) stick_rules: Vec<Spanned<Sticking>>,
    pub(crate) guid: Option<Arc<str>>,
    pub(crate) description: Option<Arc<str>>,
    /// `tandem-forward`, without the addresses.
    pub(crate) forward: Option<Spanned<plan::Forward>>,
    pub(crate) rules: Rules,
}

/// What is decided about each connection of a proxy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) book: Book,
    pub(crate) connection: Ruleset,
    pub(crate) session: Ruleset,
    pub(crate) content: Ruleset,
    pub(crate) response: Vec<Spanned<Rule>>,
    pub(crate) routes: Vec<Spanned<Route>>,
    pub(crate) servers: Vec<Spanned<UseServer>>,
    /// `force-persist`
    pub(crate) persistence: Vec<Condition>,
    /// `stats http-request`, and the conditions of `stats admin`.
    pub(crate) page: Vec<Spanned<plan::PageRule>>,
    pub(crate) page_changers: Vec<Spanned<Condition>>,
    /// How many `capture` rules there are.
    pub(crate) captures: u16,
    /// What `set-bandwidth-limit` may name.
    pub(crate) limiters: Vec<Spanned<Arc<Limiter>>>,
    /// The lines that said all this, as the other dialect has them.
    pub(crate) lines: Vec<Said>,
}

/// A line that is a language of its own: what stands behind its first word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) keyword: String,
    pub(crate) text: String,
}

impl Proxy {
    pub(crate) fn new(role: Role, name: Spanned<Arc<str>>, mut settings: Settings) -> Self {
        settings.checking.inherit();
        Self {
            role,
            name,
            id: None,
            settings,
            binds: Vec::new(),
            servers: Vec::new(),
            table: None,
            stick_rules: Vec::new(),
            guid: None,
            description: None,
            forward: None,
            rules: Rules::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Tcp,
    Http,
    /// Only as TOML spells it: a section that is forwarded has this as its [`Proxy::forward`].
    Forward,
}

/// What a proxy may inherit from `defaults`: a proxy starts with a copy and changes it.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) disabled: bool,
    pub(crate) logs: ProxyLogs,
    pub(crate) log_rule: LogRule,
    pub(crate) log_health_checks: bool,
    pub(crate) checking: Checking,
    pub(crate) external: ExternalCheck,
    pub(crate) maxconn: Option<u32>,
    pub(crate) session_rate: Option<u32>,
    pub(crate) backlog: Option<u32>,
    pub(crate) default_backend: Option<Spanned<String>>,
    pub(crate) timeouts: Timeouts,
    /// How long rules may wait for a client's first bytes.
    pub(crate) inspect_delay: Duration,
    /// And for the server's.
    pub(crate) response_delay: Duration,
    pub(crate) retries: u32,
    pub(crate) fullconn: Option<u32>,
    /// Of servers that say none.
    pub(crate) source: Option<Arc<Source>>,
    pub(crate) redispatch: Redispatch,
    pub(crate) policy: Policy,
    pub(crate) hash_key: Option<Spelled>,
    pub(crate) client_keepalive: Probing,
    pub(crate) server_keepalive: Probing,
    pub(crate) nolinger: bool,
    /// `option persist`
    pub(crate) persists: bool,
    pub(crate) abort_on_close: bool,
    pub(crate) independent_streams: bool,
    /// With the place of the first word about statistics.
    pub(crate) stats: Option<Spanned<Stats>>,
    /// `default-server`
    pub(crate) server: ServerOptions,
    pub(crate) server_tls: Words,
    pub(crate) server_states: ServerStates,
    /// `server-state-file-name`; `None` is the proxy's own name.
    pub(crate) server_state_file: Option<PathBuf>,
    pub(crate) socket_stats: bool,
    /// Which of [`Draft::defaults`] it began with.
    pub(crate) from: Option<usize>,
    pub(crate) written: Written,
    /// What its expressions name, to be looked for when all is read.
    pub(crate) references: Vec<Spanned<Reference>>,
}

/// The program that makes checks, as far as it was said.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExternalCheck {
    pub(crate) command: Option<PathBuf>,
    pub(crate) path: Option<Arc<str>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            disabled: false,
            logs: ProxyLogs::default(),
            log_rule: LogRule::default(),
            log_health_checks: false,
            checking: Checking::default(),
            external: ExternalCheck::default(),
            maxconn: None,
            session_rate: None,
            backlog: None,
            default_backend: None,
            timeouts: Timeouts::default(),
            inspect_delay: Duration::ZERO,
            response_delay: Duration::ZERO,
            retries: 3,
            fullconn: None,
            source: None,
            redispatch: Redispatch::default(),
            policy: Policy::default(),
            hash_key: None,
            client_keepalive: Probing::default(),
            server_keepalive: Probing::default(),
            nolinger: false,
            persists: false,
            abort_on_close: false,
            independent_streams: false,
            stats: None,
            server: ServerOptions::default(),
            server_tls: Words::default(),
            server_states: ServerStates::default(),
            server_state_file: None,
            socket_stats: false,
            from: None,
            written: Written::default(),
            references: Vec::new(),
        }
    }
}

impl Settings {
    /// The page's settings; any word about statistics switches the page on.
    pub(crate) fn stats_at(&mut self, span: Span) -> &mut Stats {
        let fresh = || {
            Spanned::new(
                Stats {
                    uri: DEFAULT_STATS_URI.to_owned(),
                    ..Stats::default()
                },
                span,
            )
        };
        &mut self.stats.get_or_insert_with(fresh).value
    }
}

const DEFAULT_STATS_URI: &str = "/haproxy?stats";

/// `None` never expires; HAProxy writes that as 0.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timeouts {
    pub(crate) client: Option<Duration>,
    pub(crate) client_fin: Option<Duration>,
    pub(crate) client_hs: Option<Duration>,
    pub(crate) connect: Option<Duration>,
    pub(crate) server: Option<Duration>,
    pub(crate) server_fin: Option<Duration>,
    pub(crate) tunnel: Option<Duration>,
    pub(crate) check: Option<Duration>,
    pub(crate) queue: Option<Duration>,
}

/// Keepalive of one side: its three knobs may be set while it is off.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Probing {
    pub(crate) on: bool,
    pub(crate) knobs: Keepalive,
}

impl Probing {
    pub(crate) fn into_keepalive(self) -> Option<Keepalive> {
        self.on.then_some(self.knobs)
    }
}

/// `unix-bind`: what listeners that are files have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnixBind {
    /// In front of their paths.
    pub(crate) prefix: Option<String>,
    pub(crate) file: SocketFile,
}

impl UnixBind {
    /// What the line itself says counts.
    pub(crate) fn settle(&self, bind: &mut plan::Bind) {
        let BindAddress::Unix(path) = &mut bind.address else {
            return;
        };
        if let Some(prefix) = &self.prefix {
            let mut whole = OsString::from(prefix);
            whole.push(&*path);
            *path = whole.into();
        }
        let (own, usual) = (&mut bind.file, &self.file);
        own.mode = own.mode.or(usual.mode);
        own.user = own.user.take().or_else(|| usual.user.clone());
        own.group = own.group.take().or_else(|| usual.group.clone());
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Bind {
    /// All but TLS; its number is 0 where none is given.
    pub(crate) plan: plan::Bind,
    pub(crate) tls: Spanned<Words>,
}

pub(crate) const NAME_HELP: &str = "a name has letters, digits and - _ . : only";

/// What is wrong with a name, if anything.
pub(crate) fn odd_letter(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("a name cannot be empty".to_owned());
    }
    misfit(name).map(|odd| format!("`{odd}` cannot be part of a name"))
}

/// The first character that cannot be part of a name.
pub fn misfit(name: &str) -> Option<char> {
    name.chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.' | ':'))
}
