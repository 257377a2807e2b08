//! What was read, before it is known to make sense: values with their places, settings with their defaults copied in.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::acl::Condition;
use tandem_lb_core::backend::{InitState, OnError};
use tandem_lb_core::balance::{HashKey, Policy};
use tandem_lb_core::bandwidth::Limiter;
use tandem_lb_core::conn::Redispatch;
use tandem_lb_core::dns::Preference;
use tandem_lb_core::proxy_header::{Details, Version, Write};
use tandem_lb_core::rules::{Route, Ruleset, Sticking, UseServer};
use tandem_lb_core::stick::TableSettings;
use tandem_text::{Span, Spanned};

use crate::acl::Book;
use crate::checking::Checking;
use crate::expr::{Reference, Spelled};
use crate::haproxy::{BindOptions, PeerOptions};
use crate::plan::{
    self, BindAddress, Global, Host, InitAddr, Keepalive, LogRule, ProxyLogs, Resolvers, ServerPort, ServerStates,
    SocketFile, Source, Stats,
};
use crate::tls::Words;
use crate::written::Written;

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

/// A section `ring`.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    pub(crate) plan: plan::Ring,
    pub(crate) at: Span,
    /// Of each server, with its line.
    pub(crate) tls_of_servers: Vec<Spanned<Words>>,
    /// The lines that said all this.
    pub(crate) lines: Vec<Said>,
}

impl Ring {
    pub(crate) fn new(name: Spanned<Arc<str>>) -> Ring {
        Ring {
            plan: plan::Ring::new(name.value),
            at: name.span,
            tls_of_servers: Vec::new(),
            lines: Vec::new(),
        }
    }
}

/// A section `userlist`.
#[derive(Clone, Debug)]
pub(crate) struct Userlist {
    pub(crate) name: Spanned<Arc<str>>,
    pub(crate) users: Vec<User>,
    /// With those who are in it.
    pub(crate) groups: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
    /// The lines that said all this.
    pub(crate) lines: Vec<Said>,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: Spanned<String>,
    pub(crate) password: plan::Password,
    pub(crate) groups: Vec<Spanned<String>>,
}

impl Userlist {
    pub(crate) fn new(name: Spanned<Arc<str>>) -> Userlist {
        Userlist {
            name,
            users: Vec::new(),
            groups: Vec::new(),
            lines: Vec::new(),
        }
    }
}

/// A section `peers`.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    pub(crate) plan: plan::Peers,
    pub(crate) at: Span,
    /// Where each peer's name stands.
    pub(crate) places: Vec<Span>,
    pub(crate) tables: Vec<SharedTable>,
    pub(crate) logs_globally: bool,
    /// What each line of `bind` and each peer's line says of TLS, and what the local peer's own address is listened at by.
    pub(crate) tls_of_binds: Vec<Spanned<Words>>,
    pub(crate) tls_of_peers: Vec<Spanned<Words>>,
    pub(crate) own_tls: Option<Spanned<Words>>,
    /// `default-bind` and `default-server`
    pub(crate) bind: BindOptions,
    pub(crate) options: PeerOptions,
}

impl Peers {
    pub(crate) fn new(name: Spanned<Arc<str>>, origin: Arc<str>) -> Peers {
        Peers {
            plan: plan::Peers::new(name.value, origin),
            at: name.span,
            places: Vec::new(),
            tables: Vec::new(),
            logs_globally: false,
            tls_of_binds: Vec::new(),
            tls_of_peers: Vec::new(),
            own_tls: None,
            bind: BindOptions::default(),
            options: PeerOptions::default(),
        }
    }
}

/// A table of a section `peers`.
#[derive(Clone, Debug)]
pub(crate) struct SharedTable {
    pub(crate) name: Spanned<Arc<str>>,
    pub(crate) settings: TableSettings,
    /// What stands behind `table`.
    pub(crate) written: String,
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
    /// `server-state-file-name`; `None` is the proxy's own name.
    pub(crate) server_state_file: Option<PathBuf>,
    pub(crate) rules: Rules,
}

/// What is decided about each connection of a proxy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) book: Book,
    pub(crate) connection: Ruleset,
    pub(crate) session: Ruleset,
    pub(crate) content: Ruleset,
    pub(crate) response: Ruleset,
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
    pub(crate) limiters: Vec<Arc<Limiter>>,
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
            server_state_file: None,
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
