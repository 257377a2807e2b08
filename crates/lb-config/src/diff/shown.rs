//! Values in the words of a configuration.

use std::fmt::Display;
use std::time::Duration;

use tandem_lb_core::balance::Algorithm;
use tandem_lb_core::balance::{HashFunction, HashKey, HashMethod, Policy};
use tandem_lb_core::conn::Redispatch;
use tandem_lb_core::proxy_header::{Details, Version, Write};
use tandem_lb_core::rules::{Requests, Sticking, Storing};
use tandem_lb_core::stick::{KeyType, Stored};

use crate::names::{self, HASH_KEYS};
use crate::plan::{
    BindAddress, Buffers, FirstValue, Forward, Host, InitAddr, Keepalive, LogAddress, LogRule, LogTarget, ProxyLogs,
    ServerPort, SocketFile,
};

pub(super) fn option(value: Option<impl Display>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

pub(super) fn flag(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

pub(super) fn time(value: Option<Duration>) -> String {
    option(value.map(duration))
}

/// In the largest unit that says it exactly.
pub(crate) fn duration(time: Duration) -> String {
    let millis = time.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let unit = units
        .into_iter()
        .find(|(_, size)| millis >= *size && millis.is_multiple_of(*size));
    match unit {
        Some((unit, size)) => format!("{}{unit}", millis / size),
        None => format!("{millis}ms"),
    }
}

pub(super) fn buffers(buffers: Buffers) -> String {
    let Buffers { receive, send } = buffers;
    format!("{} in, {} out", option(receive), option(send))
}

pub(crate) fn address(address: &BindAddress) -> String {
    match address {
        BindAddress::Ip { ip, port } if ip.is_ipv6() => format!("[{ip}]:{port}"),
        BindAddress::Ip { ip, port } => format!("{ip}:{port}"),
        BindAddress::Unix(path) => path.display().to_string(),
        BindAddress::Abstract(name) => format!("abns@{name}"),
        BindAddress::Fd(fd) => format!("fd@{fd}"),
    }
}

pub(crate) fn host(host: &Host) -> String {
    match host {
        Host::Ip(ip) => ip.to_string(),
        Host::Name(name) => name.to_string(),
        Host::Unix(path) => path.display().to_string(),
        Host::Abstract(name) => format!("abns@{name}"),
    }
}

/// Where a server is, as a line has it.
pub(crate) fn place(at: &Host, port: ServerPort) -> String {
    let text = host(at);
    match (at, port) {
        (Host::Unix(_) | Host::Abstract(_), _) => text,
        (Host::Ip(ip), ServerPort::Fixed(port)) if ip.is_ipv6() => format!("[{text}]:{port}"),
        (_, ServerPort::Fixed(port)) => format!("{text}:{port}"),
        (Host::Ip(ip), ServerPort::Offset(0)) if ip.is_ipv6() => format!("[{text}]"),
        (_, ServerPort::Offset(0)) => text,
        (Host::Ip(ip), ServerPort::Offset(by)) if ip.is_ipv6() => format!("[{text}]:{by:+}"),
        (_, ServerPort::Offset(by)) => format!("{text}:{by:+}"),
    }
}

pub(super) fn init_addr(ways: &[InitAddr]) -> String {
    list(ways.iter().map(way))
}

pub(crate) fn way(way: &InitAddr) -> String {
    match way {
        InitAddr::Last => "last".to_owned(),
        InitAddr::Libc => "libc".to_owned(),
        InitAddr::None => "none".to_owned(),
        InitAddr::Ip(ip) => ip.to_string(),
    }
}

pub(super) fn logs(logs: &ProxyLogs) -> String {
    let global = logs.global.then(|| "global".to_owned());
    let tag = logs.tag.as_ref().map(|tag| format!("log-tag {tag}"));
    list(global.into_iter().chain(logs.own.iter().map(target)).chain(tag))
}

pub(super) fn targets(logs: &[LogTarget]) -> String {
    list(logs.iter().map(target))
}

fn target(log: &LogTarget) -> String {
    log_address(&log.to)
}

pub(crate) fn log_address(to: &LogAddress) -> String {
    match to {
        LogAddress::Udp { host: to, port } => place(to, ServerPort::Fixed(*port)),
        LogAddress::Unix(path) => path.display().to_string(),
        LogAddress::Stdout => "stdout".to_owned(),
        LogAddress::Stderr => "stderr".to_owned(),
        LogAddress::Fd(fd) => format!("fd@{fd}"),
        LogAddress::Ring(ring) => format!("ring@{}", ring.name),
    }
}

pub(super) fn socket_file(file: &SocketFile) -> String {
    let SocketFile { mode, user, group } = file;
    let words = [
        mode.map(|mode| format!("mode {mode:o}")),
        user.as_ref().map(|user| format!("user {user}")),
        group.as_ref().map(|group| format!("group {group}")),
    ];
    list(words.into_iter().flatten())
}

pub(super) fn variables(variables: &[FirstValue]) -> String {
    let shown = |first: &FirstValue| first.written.to_string();
    list(variables.iter().map(shown))
}

pub(super) fn log_rule(rule: &LogRule) -> String {
    let LogRule {
        format,
        structured,
        unique_id,
        error,
        dontlognull,
        dontlog_normal,
        log_separate_errors,
        logasap,
    } = rule;
    let formats = [
        (format, "log-format"),
        (structured, "log-format-sd"),
        (unique_id, "unique-id-format"),
        (error, "error-log-format"),
    ];
    let formats = formats.into_iter().filter_map(|(format, name)| {
        let written = &format.as_ref()?.written;
        Some(format!("{name} {written}"))
    });
    let options = [
        (*dontlognull, "dontlognull"),
        (*dontlog_normal, "dontlog-normal"),
        (*log_separate_errors, "log-separate-errors"),
        (*logasap, "logasap"),
    ];
    let options = options.into_iter().filter(|(is, _)| *is);
    list(formats.chain(options.map(|(_, name)| name.to_owned())))
}

pub(super) fn keepalive(keepalive: Option<Keepalive>) -> String {
    let Some(Keepalive { idle, interval, count }) = keepalive else {
        return flag(false);
    };
    match (idle, interval, count) {
        (None, None, None) => flag(true),
        _ => format!("{}/{}/{}", time(idle), time(interval), option(count)),
    }
}

pub(crate) fn policy(policy: &Policy) -> String {
    let algorithm = match policy.algorithm {
        Algorithm::RoundRobin => "roundrobin".to_owned(),
        Algorithm::StaticRr => "static-rr".to_owned(),
        Algorithm::LeastConn => "leastconn".to_owned(),
        Algorithm::First => "first".to_owned(),
        Algorithm::Source => "source".to_owned(),
        Algorithm::Random { draws } => format!("random({draws})"),
        Algorithm::HashSrc => "hash src".to_owned(),
        Algorithm::Hash => "hash of an expression".to_owned(),
    };
    let method = match policy.hash.method {
        HashMethod::MapBased => "",
        HashMethod::Consistent => ", consistent",
        HashMethod::Maglev => ", maglev",
    };
    let function = match policy.hash.function {
        HashFunction::Sdbm => "",
        HashFunction::Djb2 => ", djb2",
        HashFunction::Wt6 => ", wt6",
        HashFunction::Crc32 => ", crc32",
        HashFunction::None => ", no hash function",
    };
    let avalanche = if policy.hash.avalanche { ", avalanche" } else { "" };
    let backups = if policy.all_backups { ", all backups" } else { "" };
    let bound = match policy.balance_factor {
        0 => String::new(),
        factor => format!(", at most {factor} % of the average"),
    };
    format!("{algorithm}{method}{function}{avalanche}{bound}{backups}")
}

pub(super) fn hash_key(key: HashKey) -> String {
    let known = HASH_KEYS.iter().find(|(_, known)| *known == key);
    known.map_or_else(String::new, |(word, _)| (*word).to_owned())
}

pub(super) fn proxy_header(write: Option<Write>) -> String {
    let Some(Write { version, details }) = write else {
        return flag(false);
    };
    let Details {
        crc32c,
        authority,
        unique_id,
        ssl,
        common_name,
        cipher,
        signature,
        key,
    } = details;
    let version = match version {
        Version::V1 => "v1",
        Version::V2 => "v2",
    };
    let options = [
        (true, version),
        (crc32c, "crc32c"),
        (authority, "authority"),
        (unique_id, "unique-id"),
        (ssl, "ssl"),
        (common_name, "cert-cn"),
        (cipher, "ssl-cipher"),
        (signature, "cert-sig"),
        (key, "cert-key"),
    ];
    list(
        options
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| name.to_owned()),
    )
}

pub(super) fn redispatch(redispatch: Redispatch) -> String {
    match redispatch {
        Redispatch::Never => "never".to_owned(),
        Redispatch::FromLast(n) => format!("-{n}"),
        Redispatch::Every(n) => n.to_string(),
    }
}

pub(super) fn forward(forward: Option<&Forward>) -> String {
    let Some(Forward {
        at,
        key,
        seed,
        pin_for,
        pins,
    }) = forward
    else {
        return flag(false);
    };
    let at = list(at.iter().map(ToString::to_string));
    let key = names::FORWARD_KEYS
        .iter()
        .find(|(_, known)| known == key)
        .map_or("", |(word, _)| word);
    format!("{at} hash {key} seed {seed} pin {} pins {pins}", duration(*pin_for))
}

pub(super) fn list(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    if words.is_empty() {
        NONE.to_owned()
    } else {
        words.join(", ")
    }
}

const NONE: &str = "none";

pub(super) fn rules(count: usize) -> String {
    match count {
        0 => "none".to_owned(),
        1 => "1 rule".to_owned(),
        count => format!("{count} rules"),
    }
}

pub(super) fn requests(requests: &Requests) -> String {
    let sets = [
        &requests.connection,
        &requests.session,
        &requests.content,
        &requests.response,
    ];
    rules(sets.iter().map(|set| set.rules.len()).sum())
}

pub(super) fn sticking(rules: &[Sticking]) -> String {
    list(rules.iter().map(|rule| {
        let word = match (rule.matches, rule.stores) {
            (true, Storing::Never) => "match",
            (true, _) => "on",
            (false, Storing::Response) => "store-response",
            (false, _) => "store-request",
        };
        word.to_owned()
    }))
}

pub(super) fn key_type(key: KeyType) -> String {
    match key {
        KeyType::Text { .. } | KeyType::Binary { .. } => format!("{} len {}", key.word(), key.width()),
        _ => key.word().to_owned(),
    }
}

pub(super) fn stored(store: &[Stored]) -> String {
    list(store.iter().map(|stored| {
        let name = stored.data.name();
        let period = || duration(Duration::from_millis(stored.period.into()));
        match (stored.data.is_array(), stored.period > 0) {
            (true, true) => format!("{name}({},{})", stored.count, period()),
            (true, false) => format!("{name}({})", stored.count),
            (false, true) => format!("{name}({})", period()),
            (false, false) => name.to_owned(),
        }
    }))
}
