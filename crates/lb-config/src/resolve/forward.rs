//! What a frontend may say whose packets the kernel carries: nothing that takes somebody who reads, waits or answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tandem_lb_core::balance::{Algorithm, HashMethod};
use tandem_lb_core::rules::{Route, Target};
use tandem_text::{Diagnostic, Span, Spanned};

use crate::code;
use crate::draft::{Bind, Draft, Mode, Proxy, Server, Settings};
use crate::plan::{self, BindAddress, Forward, Host, ServerPort, SocketFile};

const USE_TCP: &str = "leave it out, or use `mode tcp`: that takes a proxy";

/// With its addresses.
pub(super) fn of(proxy: &Proxy) -> Option<Forward> {
    let forward = &proxy.forward.as_ref()?.value;
    let at = proxy.binds.iter().filter_map(address).collect();
    Some(Forward { at, ..forward.clone() })
}

fn address(bind: &Bind) -> Option<SocketAddr> {
    match bind.plan.address {
        BindAddress::Ip { ip, port } if !ip.is_unspecified() && port > 0 => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}

pub(super) fn check(draft: &Draft, report: &mut Vec<Diagnostic>) {
    let mut answers = BTreeMap::new();
    for proxy in draft.proxies.iter().filter(|proxy| !proxy.settings.disabled) {
        let Some(forward) = &proxy.forward else { continue };
        let none = Settings::default();
        let mut checked = Checked {
            proxy,
            at: forward.span,
            report,
        };
        checked.listeners(&draft.proxies);
        checked.settings(base_of(draft, proxy, &none));
        checked.rules();
        match wanted(proxy, &draft.proxies) {
            Some(backend) => {
                checked.balancing(backend);
                checked.backend(backend);
                if !draft
                    .proxies
                    .iter()
                    .any(|other| other.forward.is_none() && leads_to(other, backend))
                {
                    checked.alone(backend, base_of(draft, backend, &none));
                }
                backend.servers.iter().for_each(|server| checked.server(server));
                checked.answers(backend, &mut answers);
            }
            None if proxy.settings.default_backend.is_none() => {
                checked.refuse("leads nowhere".to_owned(), "add a `default_backend`");
            }
            None => {}
        }
    }
}

/// The backend that it names; a `listen` is its own.
fn wanted<'d>(proxy: &'d Proxy, all: &'d [Proxy]) -> Option<&'d Proxy> {
    let Some(name) = &proxy.settings.default_backend else {
        return proxy.role.serves().then_some(proxy);
    };
    all.iter()
        .find(|other| other.role.serves() && *other.name.value == *name.value)
}

/// What the section inherits.
fn base_of<'d>(draft: &'d Draft, proxy: &Proxy, none: &'d Settings) -> &'d Settings {
    let base = proxy.settings.from.and_then(|at| draft.defaults.get(at));
    base.unwrap_or(none)
}

/// Whether clients of a proxy may come to a backend.
fn leads_to(proxy: &Proxy, backend: &Proxy) -> bool {
    let is_it = |name: &str| *name == *backend.name.value;
    let usual = match &proxy.settings.default_backend {
        Some(name) => is_it(&name.value),
        None => proxy.role.serves() && is_it(&proxy.name.value),
    };
    let routed = |route: &Spanned<Route>| match &route.value.target {
        Target::Named(name) => is_it(name),
        Target::Made(_) => true,
    };
    proxy.role.accepts() && !proxy.settings.disabled && (usual || proxy.rules.routes.iter().any(routed))
}

struct Checked<'a> {
    proxy: &'a Proxy,
    at: Span,
    report: &'a mut Vec<Diagnostic>,
}

impl Checked<'_> {
    fn refuse(&mut self, what: String, help: impl Into<String>) {
        let message = format!(
            "{} `{}` is forwarded by the kernel: it {what}",
            self.proxy.role.word(),
            self.proxy.name.value
        );
        self.report
            .push(Diagnostic::error(code::CONFLICT, self.at, message).help(help));
    }

    fn cannot(&mut self, word: &str) {
        self.refuse(format!("cannot have `{word}`"), USE_TCP);
    }

    fn listeners(&mut self, all: &[Proxy]) {
        if self.proxy.settings.mode == Mode::Http {
            self.cannot("mode http");
        }
        for bind in &self.proxy.binds {
            let Some(at) = address(bind) else {
                self.refuse(
                    "needs the virtual address itself, and a port".to_owned(),
                    "write `bind ADDRESS:PORT`: answers are sent from there",
                );
                continue;
            };
            for word in words_of(bind) {
                self.cannot(word);
            }
            let is_there = |other: &&Bind| address(other) == Some(at);
            let others = all
                .iter()
                .filter(|other| other.role.accepts() && !other.settings.disabled);
            if others.flat_map(|other| &other.binds).filter(is_there).count() > 1 {
                self.refuse(
                    format!("is not the only one at {at}"),
                    "the kernel would carry what is meant for the other: give one of them another port",
                );
            }
        }
    }

    /// What the section itself says; what it inherits is for the others.
    fn settings(&mut self, base: &Settings) {
        let own = &self.proxy.settings;
        let (timeouts, usual) = (&own.timeouts, &base.timeouts);
        let said = [
            ("maxconn", own.maxconn != base.maxconn),
            ("rate-limit sessions", own.session_rate != base.session_rate),
            ("backlog", own.backlog != base.backlog),
            ("log-format and its options", own.log_rule != base.log_rule),
            ("timeout client", timeouts.client != usual.client),
            ("timeout client-fin", timeouts.client_fin != usual.client_fin),
            ("timeout client-hs", timeouts.client_hs != usual.client_hs),
            ("option clitcpka", own.client_keepalive.on != base.client_keepalive.on),
            ("option nolinger", own.nolinger != base.nolinger),
            ("option socket-stats", own.socket_stats != base.socket_stats),
        ];
        for (word, _) in said.into_iter().filter(|(_, said)| *said) {
            self.cannot(word);
        }
    }

    fn rules(&mut self) {
        let mut words: Vec<&str> = self
            .proxy
            .rules
            .lines
            .iter()
            .map(|line| line.keyword.as_str())
            .collect();
        // Checks are lines, too, and an ACL alone does nothing.
        words.retain(|word| !matches!(*word, "acl" | "option" | "tcp-check" | "http-check"));
        words.dedup();
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        words.iter().for_each(|word| self.cannot(word));
    }

    /// The kernel knows who a client is, and not how busy a server is.
    fn balancing(&mut self, backend: &Proxy) {
        let policy = &backend.settings.policy;
        let is_right = matches!(policy.algorithm, Algorithm::Source | Algorithm::HashSrc)
            && policy.hash.method != HashMethod::Consistent
            && policy.balance_factor == 0;
        if !is_right {
            let what = format!(
                "chooses by a hash of the client's address, and backend `{}` says otherwise",
                backend.name.value
            );
            self.refuse(
                what,
                "write `balance source` there (and `hash-type maglev`, which follows weights); to balance by load use `mode tcp`",
            );
        }
    }

    fn backend(&mut self, backend: &Proxy) {
        let (rules, name) = (&backend.rules, &backend.name.value);
        let said = [
            ("stick", !backend.stick_rules.is_empty()),
            ("use-server", !rules.servers.is_empty()),
            ("tcp-request content", !rules.content.is_empty()),
            ("tcp-response content", !rules.response.is_empty()),
            ("source", backend.settings.source.is_some()),
            ("force-persist", !rules.persistence.is_empty()),
            ("option persist", backend.settings.persists),
            ("option abortonclose", backend.settings.abort_on_close),
            ("option independent-streams", backend.settings.independent_streams),
            (
                "filter",
                !rules.limiters.is_empty() && !std::ptr::eq(self.proxy, backend),
            ),
        ];
        for (word, _) in said.into_iter().filter(|(_, said)| *said) {
            self.refuse(format!("passes `{word}` of backend `{name}` by"), ELSEWHERE);
        }
    }

    /// What a backend says itself, and only for clients of a proxy; some may be there, so long as one may lead here.
    fn alone(&mut self, backend: &Proxy, base: &Settings) {
        let (own, name) = (&backend.settings, &backend.name.value);
        let (timeouts, usual) = (&own.timeouts, &base.timeouts);
        let is_other = !std::ptr::eq(self.proxy, backend);
        let said = [
            ("timeout server", timeouts.server != usual.server),
            ("timeout server-fin", timeouts.server_fin != usual.server_fin),
            ("timeout tunnel", timeouts.tunnel != usual.tunnel),
            ("timeout queue", timeouts.queue != usual.queue),
            ("retries", own.retries != base.retries),
            ("option redispatch", own.redispatch != base.redispatch),
            ("fullconn", own.fullconn != base.fullconn),
            ("option srvtcpka", own.server_keepalive.on != base.server_keepalive.on),
            (
                "tcp-request inspect-delay",
                is_other && own.inspect_delay != base.inspect_delay,
            ),
            (
                "tcp-response inspect-delay",
                is_other && own.response_delay != base.response_delay,
            ),
        ];
        for (word, _) in said.into_iter().filter(|(_, said)| *said) {
            let what = format!("passes `{word}` of backend `{name}` by");
            self.refuse(what, "leave it out: nobody comes to these servers by way of a proxy");
        }
    }

    fn server(&mut self, server: &Server) {
        let options = &server.options;
        let said = [
            ("send-proxy", options.send_proxy.into_write().is_some()),
            ("ssl", server.tls.value.on),
            ("maxconn", options.maxconn > 0),
            ("minconn", options.minconn > 0),
            ("maxqueue", options.maxqueue > 0),
            ("observe layer4", options.observe),
            ("on-marked-down shutdown-sessions", options.ends_sessions),
            ("on-marked-up shutdown-backup-sessions", options.ends_backup_sessions),
            ("tcp-ut", options.user_timeout.is_some()),
            ("non-stick", options.non_stick),
            ("source", options.source.is_some()),
        ];
        for (word, _) in said.into_iter().filter(|(_, said)| *said) {
            self.refuse(
                format!("passes `{word}` of server `{}` by", server.name.value),
                ELSEWHERE,
            );
        }
        if matches!(server.host, Host::Unix(_) | Host::Abstract(_)) {
            let what = format!("finds server `{}` by an IP address only", server.name.value);
            self.refuse(what, "use `mode tcp` for servers behind a path");
        }
        if matches!(server.host, Host::Ip(ip) if ip.is_unspecified()) {
            let what = format!("has to know where server `{}` is", server.name.value);
            self.refuse(what, "write its address, or use `mode tcp`");
        }
    }

    /// A server's answers go out as from one address: from which, only its own address and port can say.
    fn answers(&mut self, backend: &Proxy, answers: &mut BTreeMap<SocketAddr, SocketAddr>) {
        for at in self.proxy.binds.iter().filter_map(address) {
            let places: Vec<SocketAddr> = backend.servers.iter().filter_map(|server| place(server, at)).collect();
            let is_known = backend.servers.iter().all(|server| matches!(server.host, Host::Ip(_)));
            if is_known && !places.iter().any(|place| place.is_ipv4() == at.is_ipv4()) {
                let what = format!("has no server for {at}, whose addresses are of the other family");
                self.refuse(what, "add a server with such an address, or leave this `bind` out");
            }
            for place in places.into_iter().filter(|place| place.is_ipv4() == at.is_ipv4()) {
                let Some(other) = answers.insert(place, at) else {
                    continue;
                };
                let what = match other == at {
                    true => format!("has two servers at {place}"),
                    false => format!("would have {place} answer for {other} and for {at}"),
                };
                self.refuse(what, "give one of them another port, or a server of its own");
            }
        }
    }
}

const ELSEWHERE: &str = "that takes a proxy: use `mode tcp`, or give this frontend a backend of its own";

fn place(server: &Server, client: SocketAddr) -> Option<SocketAddr> {
    let Host::Ip(ip) = server.host else { return None };
    let port = match server.port {
        ServerPort::Fixed(port) => port,
        ServerPort::Offset(by) => u16::try_from((i32::from(client.port()) + by).rem_euclid(1 << 16)).ok()?,
    };
    Some(SocketAddr::new(ip, port))
}

/// What a `bind` says beside its address.
fn words_of(bind: &Bind) -> Vec<&'static str> {
    let plan::Bind {
        address: _,
        id,
        name,
        origin: _,
        backlog,
        maxconn,
        interface,
        v6only,
        transparent,
        guid_prefix,
        accept_proxy,
        user_timeout,
        segment,
        defer_accept,
        file,
        tls: _,
    } = &bind.plan;
    let said = [
        ("bind … id", *id > 0),
        ("bind … name", name.is_some()),
        ("bind … backlog", backlog.is_some()),
        ("bind … maxconn", maxconn.is_some()),
        ("bind … interface", interface.is_some()),
        ("bind … v6only", v6only.is_some()),
        ("bind … transparent", *transparent),
        ("bind … guid-prefix", guid_prefix.is_some()),
        ("bind … accept-proxy", *accept_proxy),
        ("bind … tcp-ut", user_timeout.is_some()),
        ("bind … mss", segment.is_some()),
        ("bind … defer-accept", *defer_accept),
        ("bind … mode, user, group", *file != SocketFile::default()),
        ("bind … ssl", bind.tls.value.on),
    ];
    said.into_iter()
        .filter(|(_, said)| *said)
        .map(|(word, _)| word)
        .collect()
}
