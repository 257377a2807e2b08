//! What HAProxy knows and we do not: an error that says so, or a warning where leaving it out changes nothing.

use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Span};

use super::section::Section;
use crate::code;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Connections or servers would be treated differently without it.
    Changes,
    /// It tunes what does not exist here, or repeats what is always so.
    None,
}

pub(super) struct Known {
    /// A `*` at the end stands for any ending.
    pub(super) words: &'static str,
    pub(super) effect: Effect,
    pub(super) why: &'static str,
}

pub(super) struct KnownOption {
    pub(super) word: &'static str,
    /// How many words belong to it.
    pub(super) values: usize,
    pub(super) effect: Effect,
    pub(super) why: &'static str,
}

/// What HAProxy knows and we do not, as the documentation lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedDoc {
    /// A `*` at the end stands for any ending; an action, a fetch or a converter may go on in any way.
    pub words: &'static str,
    /// `global`, `proxies`, `section`, `action`, `filter`, `fetch`, `converter`, or the line that it is an option of.
    pub place: &'static str,
    /// With a warning; otherwise it is an error.
    pub is_ignored: bool,
    pub why: &'static str,
}

/// All of it.
pub fn unsupported_docs() -> impl Iterator<Item = UnsupportedDoc> {
    let lines = [("global", GLOBAL), ("proxies", PROXY)];
    let lines = lines.into_iter().flat_map(|(place, table)| {
        table.iter().map(move |known| UnsupportedDoc {
            words: known.words,
            place,
            is_ignored: known.effect == Effect::None,
            why: known.why,
        })
    });
    let options = [
        ("bind", BIND_OPTIONS),
        ("server", SERVER_OPTIONS),
        ("stats socket", SOCKET_OPTIONS),
    ];
    let options = options.into_iter().flat_map(|(place, table)| {
        table.iter().map(move |option| UnsupportedDoc {
            words: option.word,
            place,
            is_ignored: option.effect == Effect::None,
            why: option.why,
        })
    });
    let sections = SECTIONS.iter().map(|(words, why)| UnsupportedDoc {
        words,
        place: "section",
        is_ignored: false,
        why,
    });
    let begins = [
        ("action", super::rules::UNSUPPORTED),
        ("filter", super::filter::OTHERS),
        ("fetch", crate::expr::REFUSED_FETCHES),
        ("converter", crate::expr::REFUSED_CONVERTERS),
    ];
    let begins = begins.into_iter().flat_map(|(place, table)| {
        table.iter().map(move |(start, why)| UnsupportedDoc {
            words: start,
            place,
            is_ignored: false,
            why,
        })
    });
    lines.chain(sections).chain(options).chain(begins)
}

const LEAVE_IT_OUT: &str = "leave it out if you can do without";

const fn changes(words: &'static str) -> Known {
    Known {
        words,
        effect: Effect::Changes,
        why: LEAVE_IT_OUT,
    }
}

const fn changes_because(words: &'static str, why: &'static str) -> Known {
    Known {
        words,
        effect: Effect::Changes,
        why,
    }
}

const fn harmless(words: &'static str, why: &'static str) -> Known {
    Known {
        words,
        effect: Effect::None,
        why,
    }
}

const fn option(word: &'static str, values: usize) -> KnownOption {
    KnownOption {
        word,
        values,
        effect: Effect::Changes,
        why: LEAVE_IT_OUT,
    }
}

const fn option_because(word: &'static str, values: usize, why: &'static str) -> KnownOption {
    KnownOption {
        word,
        values,
        effect: Effect::Changes,
        why,
    }
}

const fn harmless_option(word: &'static str, values: usize, why: &'static str) -> KnownOption {
    KnownOption {
        word,
        values,
        effect: Effect::None,
        why,
    }
}

/// That something is not read.
pub(super) fn refusal(what: &str, span: Span) -> Diagnostic {
    let message = format!("{what} is known to HAProxy, but not supported");
    Diagnostic::error(code::UNSUPPORTED, span, message)
}

/// The entry for a line, if there is one. The first that fits counts.
pub(super) fn find(section: Section, line: &[Word]) -> Option<&'static Known> {
    table(section).iter().find(|known| fits(known.words, line))
}

pub(super) fn names(section: Section) -> impl Iterator<Item = &'static str> {
    table(section)
        .iter()
        .map(|known| known.words)
        .filter(|words| !words.ends_with('*'))
}

const fn table(section: Section) -> &'static [Known] {
    match section {
        Section::Global => GLOBAL,
        Section::Resolvers | Section::Peers | Section::Userlist => &[],
        _ => PROXY,
    }
}

fn fits(pattern: &str, line: &[Word]) -> bool {
    let mut words = line.iter();
    pattern.split(' ').all(|wanted| {
        words.next().is_some_and(|word| match wanted.strip_suffix('*') {
            Some(start) => word.text.starts_with(start),
            None => word.text == wanted,
        })
    })
}

const PROCESS: &str = "there is one process with threads; systemd supervises it";
const POLLER: &str = "there is one way to wait for events, and it needs no knob";
const ALL_WORKERS: &str = "every worker takes clients of every listener, whoever has fewest";
const FAST_OPEN: &str = "what comes with the first packet of a connection saves a round trip, and changes nothing else";
const NO_HTTP: &str = "it is about HTTP, and this relays TCP";
const PLACEMENT: &str = "threads are placed by the system";
const NO_LUA: &str = "Lua is out of scope: say it with `acl`, rules and maps, or do it in a program beside this one";
const NO_MAIL: &str =
    "sending mail is out of scope: `log-health-checks` writes each change, and the metrics show it; let these alert";
const NO_COMMANDS: &str = "no commands are read there: it is for `stats socket`";
const COOKIES: &str = "there are no cookies below HTTP: write `stick on src`";
const PAGE_THREADS: &str = "one thread answers all commands";
const TLS_BUFFERS: &str = "records are as large as what is written at once, and what is kept is not limited by this";
const LATER: &str = "there is no such rule yet";

const EARLY: &str = "what a client sends before the handshake is over can be sent again by others";
const MADE: &str = "no certificate is made while a client waits: issue them, and name them with `crt` or `crt-list`";
const OF_SOURCE: &str = "it belongs to where connections come from: write `source 0.0.0.0 interface NAME`";
const NAMESPACE: &str = "run all of it in that namespace, with systemd's NetworkNamespacePath= or `ip netns exec`";
const OF_REQUESTS: &str =
    "it is about the host of an HTTP request, and none is read here: `sni EXPRESSION` names who is asked for";
const NO_SOCKS: &str = "servers are reached without a proxy between: route to them instead";
const NPN: &str = "nobody speaks it any more: ALPN (RFC 7301) took its place, write `alpn`";
const OCSP: &str = "answers of who issued a certificate lie beside it in `.ocsp`: let another program fetch them";
const OF_SEGMENTS: &str = "it is for the whole host to say: set net.ipv4.tcp_congestion_control";
const UNSIGNED: &str = "segments are not signed here: let TLS or IPsec protect the connection";
const REVERSED: &str = "connections that servers begin are not known here";
const BROKEN: &str = "it is broken and not spoken (RFC 8996)";

const GLOBAL: &[Known] = &[
    harmless("master-worker", PROCESS),
    harmless("mworker-max-reloads", PROCESS),
    harmless("nbproc", PROCESS),
    harmless("thread-groups", PLACEMENT),
    harmless("thread-group", PLACEMENT),
    harmless("max-threads-per-group", PLACEMENT),
    harmless("cpu-map", PLACEMENT),
    harmless("cpu-policy", PLACEMENT),
    harmless("cpu-affinity", PLACEMENT),
    harmless("cpu-set", PLACEMENT),
    harmless("numa-cpu-mapping", PLACEMENT),
    harmless("busy-polling", POLLER),
    harmless("noepoll", POLLER),
    harmless("nopoll", POLLER),
    harmless("nokqueue", POLLER),
    harmless("noevports", POLLER),
    harmless("nogetaddrinfo", "names are always resolved by the system's resolver"),
    harmless("noreuseport", "listeners are shared between threads as they are"),
    harmless("profiling.*", "profiling changes no connection"),
    harmless("debug.counters", "profiling changes no connection"),
    harmless("quiet", "give -q on the command line"),
    harmless("set-dumpable", "use systemd's LimitCORE="),
    harmless(
        "insecure-fork-wanted",
        "programs are only run where `external-check` allows it",
    ),
    harmless("insecure-setuid-wanted", "nothing is forked"),
    harmless("expose-experimental-directives", "there are none"),
    harmless("expose-deprecated-directives", "there are none"),
    harmless("no-memory-trimming", "memory is managed otherwise"),
    harmless("ssl-dh-param-file", "keys are exchanged on curves"),
    harmless("ssl-skip-self-issued-ca", "what a file holds is shown as it is"),
    harmless("ssl-mode-async", "there are no engines"),
    changes("ssl-*"),
    changes_because("issuers-chain-path", "put the whole chain into the certificate's file"),
    harmless("tune.ssl.default-dh-param", "keys are exchanged on curves"),
    changes_because("tune.ssl.keylog", "keys are not written anywhere"),
    harmless("maxcomprate", NO_HTTP),
    harmless("maxcompcpuusage", NO_HTTP),
    harmless("maxzlibmem", NO_HTTP),
    harmless("h1-*", NO_HTTP),
    harmless("h2-*", NO_HTTP),
    harmless("httpclient.*", NO_HTTP),
    changes_because("lua-*", NO_LUA),
    changes_because("tune.lua.*", NO_LUA),
    harmless(
        "tune.max-checks-per-thread",
        "one thread makes all checks, and each that is due begins: `inter` and `spread-checks` say how many that are",
    ),
    harmless(
        "tune.vars.*",
        "what rules keep is no longer than what they look at, and goes with its connection",
    ),
    harmless("tune.rcvbuf.*", "no datagrams are received here"),
    harmless("tune.sndbuf.*", "the buffers of datagrams are the system's"),
    harmless("tune.ssl.*", TLS_BUFFERS),
    harmless(
        "tune.*",
        "the relay and the event loop are built otherwise and need no knob",
    ),
    changes("grace"),
    changes("stats bind-process"),
    changes_because("shm-stats-file*", "counters go on in the next process by themselves"),
    changes_because("zero-warning", "give -dW on the command line"),
    harmless("thread-hard-limit", PLACEMENT),
    changes_because("cluster-secret", "it is about QUIC, which is out of scope"),
    changes_because("ocsp-update.*", OCSP),
];

const PROXY: &[Known] = &[
    harmless("timeout http-request", NO_HTTP),
    harmless("timeout http-keep-alive", NO_HTTP),
    harmless("timeout tarpit", NO_HTTP),
    harmless("errorfile", NO_HTTP),
    harmless("errorfiles", NO_HTTP),
    harmless("errorloc*", NO_HTTP),
    harmless("http-error", NO_HTTP),
    harmless("http-reuse", NO_HTTP),
    harmless("max-keep-alive-queue", NO_HTTP),
    harmless("compression", NO_HTTP),
    harmless("unique-id-header", NO_HTTP),
    harmless("monitor-uri", NO_HTTP),
    harmless("grace", "a stopping proxy stops at once, as in newer releases"),
    harmless("option contstats", "bytes are always counted as they pass"),
    harmless(
        "option splice-*",
        "bulk is spliced anyway, unless `nosplice` forbids it; small messages are not, since copying those is faster",
    ),
    harmless("option tcp-smart-accept", "it saves a packet and changes nothing else"),
    harmless("option tcp-smart-connect", "it saves a packet and changes nothing else"),
    harmless("option prefer-last-server", NO_HTTP),
    harmless("option http-*", NO_HTTP),
    harmless("option httpclose", NO_HTTP),
    harmless("option forwardfor", NO_HTTP),
    harmless("option originalto", NO_HTTP),
    harmless("option checkcache", NO_HTTP),
    harmless("option accept-invalid-*", NO_HTTP),
    harmless("option h1-*", NO_HTTP),
    harmless("option idle-close-on-response", NO_HTTP),
    harmless("option disable-h2-upgrade", NO_HTTP),
    changes_because("option httplog", "write `option tcplog`"),
    changes_because("option spop-check", "no such check is made yet"),
    changes("option transparent"),
    changes_because("http-request", LATER),
    changes_because("http-response", LATER),
    changes_because("http-after-response", LATER),
    harmless("ignore-persist", "it is about cookies, and there are none"),
    harmless("stats show-modules", "the page does not show modules"),
    harmless("stats maxconn", "it belongs to `global`"),
    changes_because("cookie", COOKIES),
    changes_because("capture", NO_HTTP),
    changes_because(
        "declare",
        "its place is filled by rules about HTTP alone: `tcp-request content capture … len N` has one of its own",
    ),
    changes_because("dispatch", "write a `server` line with this address"),
    changes_because("email-alert", NO_MAIL),
    changes_because("fcgi-app", NO_HTTP),
    changes_because("use-fcgi-app", NO_HTTP),
    changes("hash-preserve-affinity"),
    changes_because("http-send-name-header", NO_HTTP),
    changes("log-steps"),
    changes_because(
        "monitor-net",
        "whoever watches may ask the statistics page, or connect as a client: write `option dontlognull`",
    ),
    changes_because("monitor", NO_HTTP),
    changes_because(
        "persist",
        "write `stick-table type string`, and `stick on req.rdp_cookie(mstshash)`",
    ),
    changes_because("redirect", NO_HTTP),
    changes_because(
        "force-be-switch",
        "backends are not published and withdrawn here: leave it out",
    ),
    changes_because(
        "be-unpublished",
        "backends are not published and withdrawn here: leave it out",
    ),
    changes_because(
        "retry-on",
        "what a client has sent is not kept: only connections are tried again, see `retries`",
    ),
];

/// Sections that are not read, and why.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    ("mailers", NO_MAIL),
    ("program", "let systemd run it: this starts nothing but checks"),
    ("http-errors", NO_HTTP),
    (
        "log-forward",
        "lines of others are not passed on: let a log daemon do it",
    ),
    ("log-profile", "write `log-format` in the proxy"),
    ("cache", NO_HTTP),
    ("fcgi-app", NO_HTTP),
    (
        "crt-store",
        "name the files with `crt`, `crt-list`, and where they lie with `crt-base`",
    ),
    (
        "traces",
        "what happens is seen by `show events`, `show sess` and in the log",
    ),
    (
        "acme",
        "let another program fetch certificates; `set ssl cert` puts them in use without a reload",
    ),
];

pub(super) const SOCKET_OPTIONS: &[KnownOption] = &[
    option("ssl", 0),
    option("crt", 1),
    option_because("namespace", 1, NAMESPACE),
    option("accept-proxy", 0),
    harmless_option("name", 1, "it is called by its address"),
    harmless_option("process", 1, PAGE_THREADS),
    harmless_option("thread", 1, PAGE_THREADS),
    harmless_option("shards", 1, PAGE_THREADS),
    harmless_option("nice", 1, PAGE_THREADS),
    harmless_option("backlog", 1, "`stats maxconn` in `global` says how many are served"),
    harmless_option("maxconn", 1, "`stats maxconn` in `global` says how many are served"),
];

pub(super) const BIND_OPTIONS: &[KnownOption] = &[
    option("accept-netscaler-cip", 1),
    option_because("ech", 1, "it is not spoken"),
    harmless_option("ktls", 1, "encrypting is not the kernel's part here"),
    harmless_option("label", 1, "nobody is shown it: `name` is on the page"),
    option_because("allow-0rtt", 0, EARLY),
    option_because("ca-sign-file", 1, MADE),
    option_because("ca-sign-pass", 1, MADE),
    option_because("cc", 1, OF_SEGMENTS),
    harmless_option("description", 1, "nobody is shown it: `name` is on the page"),
    option_because("idle-ping", 1, NO_HTTP),
    option_because("nbconn", 1, REVERSED),
    option_because("ocsp-update", 1, OCSP),
    option_because("tcp-md5sig", 1, UNSIGNED),
    option_because("tcp-ss", 1, "what the client said in its first segment is not kept"),
    option_because("force-sslv3", 0, BROKEN),
    option_because("force-tlsv10", 0, BROKEN),
    option_because("force-tlsv11", 0, BROKEN),
    option_because("generate-certificates", 0, MADE),
    harmless_option("level", 1, NO_COMMANDS),
    option_because("namespace", 1, NAMESPACE),
    option_because("npn", 1, NPN),
    option_because("proto", 1, NO_HTTP),
    harmless_option("severity-output", 1, NO_COMMANDS),
    harmless_option("expose-fd", 1, NO_COMMANDS),
    harmless_option("nice", 1, "all connections are served in turn"),
    harmless_option("process", 1, ALL_WORKERS),
    harmless_option("shards", 1, ALL_WORKERS),
    harmless_option("tfo", 0, FAST_OPEN),
    harmless_option("thread", 1, ALL_WORKERS),
];

pub(super) const SERVER_OPTIONS: &[KnownOption] = &[
    option_because("allow-0rtt", 0, EARLY),
    option_because("check-proto", 1, NO_HTTP),
    option_because("force-sslv3", 0, BROKEN),
    option_because("force-tlsv10", 0, BROKEN),
    option_because("force-tlsv11", 0, BROKEN),
    option_because("npn", 1, NPN),
    harmless_option("sni-auto", 0, OF_REQUESTS),
    harmless_option("no-sni-auto", 0, OF_REQUESTS),
    option_because("check-sni-auto", 0, "write the name as `check-sni NAME`"),
    option_because(
        "no-check-sni-auto",
        0,
        "nothing is asked for unless `check-sni` says so: leave it out",
    ),
    option_because("check-via-socks4", 0, NO_SOCKS),
    option_because("cc", 1, OF_SEGMENTS),
    option_because(
        "healthcheck",
        1,
        "there are no sections `healthcheck`: write `option tcp-check` in a backend of its own",
    ),
    option_because("idle-ping", 1, NO_HTTP),
    harmless_option("log-bufsize", 1, "it is about servers of logs"),
    option_because(
        "strict-maxconn",
        0,
        "`maxconn` counts what is open to the server: leave it out",
    ),
    option_because("mptcp", 0, "servers are reached by one path: leave it out"),
    option_because("tcp-md5sig", 1, UNSIGNED),
    option_because("interface", 1, OF_SOURCE),
    option_because("namespace", 1, NAMESPACE),
    option_because("proto", 1, NO_HTTP),
    option_because("redir", 1, NO_HTTP),
    option_because("socks4", 1, NO_SOCKS),
    option("usesrc", 1),
    harmless_option("cookie", 1, "there are no cookies below HTTP"),
    harmless_option("log-proto", 1, "it is about servers of logs"),
    harmless_option("max-reuse", 1, NO_HTTP),
    harmless_option("no-tfo", 0, FAST_OPEN),
    harmless_option("pool-low-conn", 1, NO_HTTP),
    harmless_option("pool-max-conn", 1, NO_HTTP),
    harmless_option("pool-purge-delay", 1, NO_HTTP),
    harmless_option("tfo", 0, FAST_OPEN),
    harmless_option("ws", 1, NO_HTTP),
];
