//! The document to the draft: places kept, what must be there asked for.

use std::ops::Range;
use std::sync::Arc;

use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, FileId, SourceMap, Span, Spanned};

use super::model::{Bind, Control, Document, Global, Inherits, Listen, Log, Server, Settings, Stats, Stick};
use super::rules::Checks;
use super::settings;
use super::shape::Removed;
use crate::acl::Book;
use crate::draft::{self, Draft, Mode, NAME_HELP, OwnTable, Proxy, Role, odd_letter};
use crate::expr::{Reference, Spelled, World};
use crate::haproxy::told;
use crate::names::LOG_LENGTH;
use crate::plan::{self, LogAddress, LogTarget, Severity, StatsSocket};
use crate::tls::Words;
use crate::{code, expr, log_format, table};
use tandem_lb_core::expr::{Expr, Fact, Fetch};
use tandem_lb_core::rules::{Sticking, Storing};
use tandem_lb_core::stick::TableSettings;

pub(super) struct Lowering<'a> {
    pub(super) sources: &'a SourceMap,
    pub(super) file: FileId,
    pub(super) world: World<'a>,
    /// What could not be read and has been reported: it must not be reported as missing too.
    pub(super) removed: Vec<Removed>,
    pub(super) report: &'a mut Vec<Diagnostic>,
}

impl Lowering<'_> {
    pub(super) fn document(mut self, document: Document, draft: &mut Draft) {
        self.global(document.global, &mut draft.global);
        let mut defaults = super::usual();
        let mut written = document.defaults;
        let checks = Checks::of(&mut written);
        self.settings(&mut defaults, written);
        let nowhere = Spanned::new("".into(), self.span(0..0));
        let mut first = Proxy::new(Role::Defaults, nowhere, defaults);
        self.checks(checks, &mut first);
        let mut defaults = first.settings;
        if defaults.mode == Mode::Forward {
            defaults.mode = Mode::Tcp;
            let message = "all sections cannot be forwarded";
            self.report.push(
                Diagnostic::error(code::MISPLACED, self.span(0..0), message)
                    .help("write `mode = \"forward\"` in the frontends that are"),
            );
        }
        draft.defaults.push(defaults.clone());
        let named = Spanned::new(defaults.clone(), self.span(0..0));
        draft.named_defaults.insert("defaults".into(), named);
        defaults.from = Some(draft.defaults.len() - 1);
        let frontends = document.frontend.into_iter();
        let frontends = frontends.map(|table| (Role::Frontend, table.span(), table.into_inner().into()));
        let backends = document.backend.into_iter();
        let backends = backends.map(|table| (Role::Backend, table.span(), table.into_inner().into()));
        let both = document.listen.into_iter();
        let both = both.map(|table| (Role::Listen, table.span(), table.into_inner()));
        let tables: Vec<(Role, Range<usize>, Listen)> = frontends.chain(backends).chain(both).collect();
        let proxies = tables.into_iter();
        let mut proxies: Vec<Proxy> = proxies
            .filter_map(|(role, at, table)| self.proxy(role, table, self.span(at), &defaults))
            .collect();
        // Numbers are given in the order of the file, not first to all frontends.
        proxies.sort_by_key(|proxy| proxy.name.span);
        draft.proxies.extend(proxies);
        let resolvers = document.resolvers.into_iter();
        let resolvers: Vec<_> = resolvers.filter_map(|table| self.resolvers(table)).collect();
        draft.resolvers.extend(resolvers);
        let peers = document.peers.into_iter();
        let peers: Vec<_> = peers.filter_map(|table| self.peers(table)).collect();
        draft.peers.extend(peers);
        let lists = document.userlist.into_iter();
        let lists: Vec<_> = lists.filter_map(|table| self.userlist(table)).collect();
        draft.userlists.extend(lists);
        let rings = document.ring.into_iter();
        let rings: Vec<_> = rings.filter_map(|table| self.ring(table)).collect();
        draft.rings.extend(rings);
    }

    pub(super) fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range.start, range.end)
    }

    /// A value that must be there; `at` is the table that lacks it.
    fn required<T>(&mut self, value: Option<T>, at: Span, key: &str) -> Option<T> {
        if value.is_none() && !self.was_removed(at, key) {
            let message = format!("`{key}` is missing here");
            self.report
                .push(Diagnostic::error(code::MISSING, at, message).help(format!("add `{key} = …`")));
        }
        value
    }

    /// Whether a table had this key. Its place is that of its header, so it goes on to the next header.
    fn was_removed(&self, at: Span, key: &str) -> bool {
        let bytes = self.sources.bytes(self.file);
        let header_between = |from: usize, to: usize| {
            let mut lines = bytes[from..to].split(|byte| *byte == b'\n').skip(1);
            lines.any(|line| line.trim_ascii_start().starts_with(b"["))
        };
        let mut removed = self
            .removed
            .iter()
            .filter(|removed| removed.key == key && removed.at >= at.start);
        removed.any(|removed| !header_between(at.start, removed.at))
    }

    pub(super) fn name(&mut self, name: Option<toml::Spanned<String>>, at: Span) -> Option<Spanned<Arc<str>>> {
        let name = self.required(name, at, "name")?;
        let span = self.span(name.span());
        let name = name.into_inner();
        if let Some(odd) = odd_letter(&name) {
            self.report
                .push(Diagnostic::error(code::BAD_VALUE, span, odd).help(NAME_HELP));
            return None;
        }
        Some(Spanned::new(name.into(), span))
    }

    fn global(&mut self, written: Global, global: &mut plan::Global) {
        let Global {
            log,
            control,
            log_tag,
            log_hostname,
            pidfile,
            user,
            group,
            chroot,
            node,
            description,
            ..
        } = written;
        global.logs.extend(log.into_iter().filter_map(|log| self.log(log)));
        global
            .stats_sockets
            .extend(control.into_iter().filter_map(|control| self.control(control)));
        global.log_tag = log_tag.or(global.log_tag.take());
        global.log_hostname = log_hostname.or(global.log_hostname.take());
        global.pidfile = pidfile.map(Into::into).or(global.pidfile.take());
        global.user = user.or(global.user.take());
        global.group = group.or(global.group.take());
        global.chroot = chroot.map(Into::into).or(global.chroot.take());
        global.node = node.or(global.node.take());
        global.description = description.or(global.description.take());
        global.maxconn = written.maxconn.map(|most| most.0.0).or(global.maxconn);
        settings::set_count(&mut global.connection_rate, written.connection_rate.as_ref());
        settings::set_count(&mut global.session_rate, written.session_rate.as_ref());
        settings::set_count(&mut global.tls_connections, written.tls_connections.as_ref());
        settings::set_count(&mut global.tls_rate, written.tls_rate.as_ref());
        settings::set_count(&mut global.files, written.files.as_ref());
        global.open_files = written.open_files.map(|most| most.0.0).or(global.open_files);
        global.lenient_limits = written.strict_limits.map_or(global.lenient_limits, |strict| !strict);
        global.tls.base = written.default_path.map(Into::into).or(global.tls.base.take());
        let inspected = &mut global.inspected;
        inspected.size = written.inspect_size.map(|size| size.0.0).or(inspected.size);
        inspected.reserve = written.inspect_reserve.map(|size| size.0.0).or(inspected.reserve);
        settings::buffers(&mut global.client_buffers, &written.client_buffers);
        settings::buffers(&mut global.server_buffers, &written.server_buffers);
        global.local_peer = written.local_peer.map(Into::into).or(global.local_peer.take());
        global.daemon = written.daemon.unwrap_or(global.daemon);
        // The ranges of both numbers are checked where they are read.
        global.threads = written
            .threads
            .and_then(|count| u16::try_from(count.0.0).ok())
            .or(global.threads);
        let spread = written.spread_checks.and_then(|percent| u8::try_from(percent.0.0).ok());
        global.spread_checks = spread.unwrap_or(global.spread_checks);
        let within = written.first_checks_within;
        global.first_checks_within = within.map_or(global.first_checks_within, |limit| limit.0.0);
        global.pipes = written.pipes.map(|most| most.0.0).or(global.pipes);
        global.no_splice = written.splice.map_or(global.no_splice, |splice| !splice);
        global.external_checks = written.external_checks.unwrap_or(global.external_checks);
        global.accept = written.accept.map_or(global.accept, |accept| accept.0);
        global.hard_stop_after = written
            .hard_stop_after
            .map_or(global.hard_stop_after, |limit| limit.0.0);
        global.close_spread_time = written
            .close_spread_time
            .map_or(global.close_spread_time, |limit| limit.0.0);
        let state = &mut global.state;
        state.own = written.state_file.map(Into::into).or(state.own.take());
        state.every = written.state_every.map(|time| time.0.0).or(state.every);
        state.servers = written.server_state_file.map(Into::into).or(state.servers.take());
        state.servers_base = written.server_state_base.map(Into::into).or(state.servers_base.take());
        state.stats = written.stats_file.map(Into::into).or(state.stats.take());
        written.tls.onto(global, self);
        self.global_lines("set-var", written.set_var, global);
        self.global_lines("set-var-fmt", written.set_var_fmt, global);
        global.stats_clients = written.control_clients.map(|most| most.0.0).or(global.stats_clients);
        global.stats_timeout = written.control_timeout.map(|time| time.0.0).or(global.stats_timeout);
    }

    pub(super) fn log(&mut self, written: toml::Spanned<Log>) -> Option<LogTarget> {
        let at = self.span(written.span());
        let log = written.into_inner();
        let (to, facility) = (
            self.required(log.to, at, "to"),
            self.required(log.facility, at, "facility"),
        );
        let mut to = to?.0;
        if let LogAddress::Ring(ring) = &mut to {
            ring.at = Some(at);
        }
        Some(LogTarget {
            to,
            format: log.format.map(|format| format.0),
            length: log
                .length
                .and_then(|length| u16::try_from(length.0.0).ok())
                .unwrap_or(LOG_LENGTH),
            facility: facility?.0,
            max: log.max.map_or(Severity::Debug, |level| level.0),
            min: log.min.map_or(Severity::Emerg, |level| level.0),
            sample: log.sample.map(|sample| sample.0),
        })
    }

    fn control(&mut self, written: toml::Spanned<Control>) -> Option<StatsSocket> {
        let at = self.span(written.span());
        let control = written.into_inner();
        let mut addresses = self.required(control.address, at, "address")?.0;
        let address = addresses.pop().filter(|_| addresses.is_empty());
        if address.is_none() {
            self.report.push(Diagnostic::error(
                code::BAD_ADDRESS,
                at,
                "one address is wanted here, not a list",
            ));
        }
        Some(StatsSocket {
            address: address?,
            origin: self.sources.origin(at),
            level: control.level.map(|level| level.0).unwrap_or_default(),
            severities: control.severity_output.map(|shown| shown.0).unwrap_or_default(),
            file: plan::SocketFile {
                mode: control.mode.map(|mode| mode.0.0),
                user: control.user,
                group: control.group,
            },
            expose_listeners: control.expose_listeners,
        })
    }

    fn settings(&mut self, target: &mut draft::Settings, mut written: Settings) {
        settings::overlay(target, &written);
        if let Some(server) = &written.server_defaults {
            self.lookup(&mut target.server.resolve, &server.lookup);
            self.told(&mut target.server.told, server.proxy_v2_values.as_deref());
            if let Some(track) = &server.track {
                target.server.track = Some(Spanned::new(track.get_ref().clone(), self.span(track.span())));
            }
        }
        if let Some(tls) = written.server_defaults.as_ref().and_then(|server| server.tls.as_ref()) {
            tls.onto(&mut target.server_tls, self);
        }
        if let Some(global) = written.logging.global {
            target.logs.global = global;
        }
        if let Some(tag) = written.logging.tag.take() {
            target.logs.tag = Some(tag.into());
        }
        let logging = &mut written.logging;
        let of_line = log_format::of_line;
        for (format, read, place) in [
            (
                logging.format.take(),
                of_line as log_format::Read,
                &mut target.log_rule.format,
            ),
            (logging.structured.take(), of_line, &mut target.log_rule.structured),
            (
                logging.unique_id.take(),
                log_format::of_name,
                &mut target.log_rule.unique_id,
            ),
            (logging.error_format.take(), of_line, &mut target.log_rule.error),
        ] {
            let Some(format) = format else { continue };
            let (span, mut book) = (self.span(format.span()), Book::default());
            let text = format.into_inner();
            match read(&Word { text, span }, &mut book, self.world) {
                Ok(read) => *place = Some(Arc::new(read)),
                Err(error) => self.report.push(error),
            }
            target.references.append(&mut book.references);
        }
        if let Some(own) = written.logging.to.take() {
            target.logs.own = own.into_iter().filter_map(|log| self.log(log)).collect();
        }
        if let Some(key) = written.hash.as_mut().and_then(|hash| hash.key.take()) {
            let span = self.span(key.span());
            match expr::parse(key.get_ref(), self.world) {
                Ok(parsed) => {
                    let text = key.get_ref().clone();
                    let named = parsed
                        .references
                        .into_iter()
                        .map(|(named, _)| Spanned::new(named, span));
                    target.references.extend(named);
                    target.hash_key = Some(Spelled {
                        text,
                        expr: parsed.expr,
                    });
                }
                Err(error) => self.report.push(Diagnostic::error(error.code, span, error.message)),
            }
        }
        if let Some(backend) = written.default_backend.take() {
            let span = self.span(backend.span());
            target.written.note("default_backend", || self.sources.origin(span));
            target.default_backend = Some(Spanned::new(backend.into_inner(), span));
        }
        if let Some(stats) = written.stats.take() {
            let span = self.span(stats.span());
            self.stats(target.stats_at(span), stats.into_inner());
        }
    }

    fn stats(&mut self, target: &mut plan::Stats, written: Stats) {
        target.page |= written.page.unwrap_or(true);
        target.metrics = written.metrics.or(target.metrics.take());
        target.uri = written.uri.unwrap_or_else(|| std::mem::take(&mut target.uri));
        target.refresh = written.refresh.map_or(target.refresh, |limit| limit.0.0);
        target.realm = written.realm.or(target.realm.take());
        for pair in written.auth {
            let span = self.span(pair.span());
            match pair.get_ref().split_once(':').filter(|(user, _)| !user.is_empty()) {
                Some((user, password)) => target.auth.push((user.to_owned(), password.to_owned())),
                None => self.report.push(
                    Diagnostic::error(code::BAD_VALUE, span, "this is not USER:PASSWORD")
                        .help("a colon separates the two"),
                ),
            }
        }
        target.admin |= written.admin;
        target.hide_version |= written.hide_version;
        target.scopes.extend(written.scopes);
        target.show_node = written.show_node.or(target.show_node.take());
        target.show_desc = written.show_desc.or(target.show_desc.take());
        target.show_legends |= written.show_legends;
    }

    fn warn_in_vain(&mut self, name: &Spanned<Arc<str>>, keys: &[&str], kind: &str) {
        if keys.is_empty() {
            return;
        }
        let message = format!("{} has no effect in a {kind} and is ignored", keys.join(", "));
        self.report
            .push(Diagnostic::warning(code::MISPLACED, name.span, message));
    }

    fn proxy(&mut self, role: Role, mut table: Listen, at: Span, defaults: &draft::Settings) -> Option<Proxy> {
        let name = self.name(table.name.take(), at)?;
        let mut own = table.take_inherited();
        self.warn_in_vain(&name, &settings::in_vain(&own, role), role.word());
        let checks = Checks::of(&mut own);
        let mut proxy = Proxy::new(role, name, defaults.clone());
        proxy.settings.written.note_section(self.sources.origin(at));
        self.settings(&mut proxy.settings, own);
        self.checks(checks, &mut proxy);
        proxy.id = table.id.map(|id| Spanned::new(id.get_ref().0.0, self.span(id.span())));
        proxy.guid = table.guid.map(Into::into);
        proxy.description = table.description.map(Into::into);
        self.forward(table.forward, &mut proxy);
        for bind in table.bind {
            self.bind(bind, &mut proxy);
        }
        if let Some(stick) = table.stick {
            self.stick(stick, &mut proxy);
        }
        self.rules("acl", table.acl, &mut proxy);
        self.rules("stats", table.stats_rules, &mut proxy);
        self.rules("stick-table", table.stick_table, &mut proxy);
        self.rules("filter", table.filter, &mut proxy);
        self.rules("tcp-request", table.tcp_request, &mut proxy);
        self.rules("tcp-response", table.tcp_response, &mut proxy);
        self.rules("use_backend", table.use_backend, &mut proxy);
        self.rules("stick", table.stick_rules, &mut proxy);
        self.rules("force-persist", table.force_persist, &mut proxy);
        self.rules("use-server", table.use_server, &mut proxy);
        proxy.settings.server_state_file = table.server_state_file.map(Into::into);
        let defaults = (proxy.settings.server.clone(), proxy.settings.server_tls.clone());
        let servers = table.server.into_iter();
        proxy.servers = servers.flat_map(|server| self.server(server, &defaults)).collect();
        Some(proxy)
    }

    fn checks(&mut self, written: Checks, proxy: &mut Proxy) {
        self.rules("option", written.kind, proxy);
        self.rules("tcp-check", written.steps.unwrap_or_default(), proxy);
        self.rules("http-check", written.http.unwrap_or_default(), proxy);
    }

    fn bind(&mut self, written: toml::Spanned<Bind>, proxy: &mut Proxy) {
        let binds = self.binds(written);
        proxy.binds.extend(binds);
    }

    pub(super) fn binds(&mut self, written: toml::Spanned<Bind>) -> Vec<draft::Bind> {
        let at = self.span(written.span());
        let bind = written.into_inner();
        let Some(addresses) = self.required(bind.address, at, "address") else {
            return Vec::new();
        };
        let origin = self.sources.origin(at);
        let of = |address| plan::Bind {
            address,
            name: bind.name.clone(),
            id: bind.id.as_ref().map_or(0, |id| id.0.0),
            origin: Arc::clone(&origin),
            backlog: bind.backlog.as_ref().map(|most| most.0.0),
            maxconn: bind.maxconn.as_ref().map(|most| most.0.0),
            interface: bind.interface.clone(),
            v6only: bind.v6only,
            transparent: bind.transparent,
            guid_prefix: bind.guid_prefix.as_deref().map(Into::into),
            accept_proxy: bind.accept_proxy,
            user_timeout: bind.user_timeout.as_ref().map(|time| time.0.0),
            segment: bind.segment.as_ref().map(|most| most.0.0),
            defer_accept: bind.defer_accept,
            file: plan::SocketFile {
                mode: bind.mode.as_ref().map(|mode| mode.0.0),
                user: bind.user.clone(),
                group: bind.group.clone(),
            },
            tls: None,
        };
        let words = bind.tls.as_ref().map(|tls| tls.words(self)).unwrap_or_default();
        let tls = Spanned::new(words, at);
        let binds = addresses.0.into_iter().map(of);
        binds.map(|plan| draft::Bind { plan, tls: tls.clone() }).collect()
    }

    fn stick(&mut self, written: toml::Spanned<Stick>, proxy: &mut Proxy) {
        let at = self.span(written.span());
        let stick = written.into_inner();
        let (key, size) = (
            self.required(stick.key, at, "type"),
            self.required(stick.size, at, "size"),
        );
        let (Some(key), Some(size)) = (key, size) else { return };
        let mut settings = TableSettings {
            expire: stick.expire.and_then(|limit| limit.0.0),
            nopurge: stick.nopurge,
            ..TableSettings::new(key.0, size.0.0)
        };
        if let Some(length) = stick.length.and_then(|length| u16::try_from(length.0.0).ok()) {
            match table::with_length(key.0, length) {
                Some(key) => settings.key = key,
                None => {
                    let message = "only keys of the types `string` and `binary` have a length";
                    self.report
                        .push(Diagnostic::error(code::CONFLICT, at, message).help("leave `length` out"));
                }
            }
        }
        for stored in &stick.store {
            let done = table::store(stored.get_ref(), &mut settings.store);
            let said = done.map_err(|error| error.diagnostic(self.span(stored.span())));
            self.report.extend(said.err());
        }
        let peers = stick.peers.map(|peers| {
            let span = self.span(peers.span());
            Spanned::new(peers.into_inner(), span)
        });
        proxy.table = Some(Spanned::new(OwnTable { settings, peers }, at));
        let rule = Sticking {
            matches: stick.matches.unwrap_or(true),
            stores: if stick.stores.unwrap_or(true) {
                Storing::Request
            } else {
                Storing::Never
            },
            key: Expr::of(Fetch::Fact(Fact::Src)),
            table: proxy.name.value.clone(),
            when: None,
        };
        if rule.matches || rule.stores != Storing::Never {
            let own = Reference::Table(proxy.name.value.to_string());
            proxy.rules.book.references.push(Spanned::new(own, at));
            proxy.stick_rules.push(Spanned::new(rule, at));
        }
    }

    fn server(
        &mut self,
        written: toml::Spanned<Server>,
        defaults: &(draft::ServerOptions, Words),
    ) -> Vec<draft::Server> {
        let at = self.span(written.span());
        let mut table = written.into_inner();
        let count = table.count.take();
        let Some(server) = self.one_server(table, at, defaults) else {
            return Vec::new();
        };
        let Some(count) = count else { return vec![server] };
        server.numbered(1..=count.get_ref().0.0).collect()
    }

    /// "NUMBER FORMAT": what a PROXY header says beside.
    fn told(&mut self, target: &mut Vec<draft::Told>, written: Option<&[toml::Spanned<String>]>) {
        let Some(written) = written else { return };
        let mut all: Vec<draft::Told> = Vec::new();
        for line in written {
            let span = self.span(line.span());
            let (number, format) = line.get_ref().split_once(' ').unwrap_or((line.get_ref(), ""));
            let format = Word {
                text: format.to_owned(),
                span,
            };
            match told(number, &format, self.world) {
                Ok(told) if all.iter().any(|known| known.plan.number == told.plan.number) => {
                    let message = format!("the value {number} is told twice here");
                    let twice = Diagnostic::error(code::DUPLICATE, span, message);
                    self.report
                        .push(twice.help("leave one of them out: who reads a header takes one"));
                }
                Ok(told) => all.push(told),
                Err(error) => self.report.push(error),
            }
        }
        *target = all;
    }

    fn one_server(
        &mut self,
        mut table: Server,
        at: Span,
        defaults: &(draft::ServerOptions, Words),
    ) -> Option<draft::Server> {
        let name = self.name(table.name.take(), at)?;
        let (mut options, mut tls) = defaults.clone();
        let own = table.take_inherited();
        settings::server(&mut options, &own);
        self.lookup(&mut options.resolve, &own.lookup);
        self.told(&mut options.told, own.proxy_v2_values.as_deref());
        if let Some(track) = &own.track {
            options.track = Some(Spanned::new(track.get_ref().clone(), self.span(track.span())));
        }
        if let Some(written) = &own.tls {
            written.onto(&mut tls, self);
        }
        let Some(address) = table.address else {
            if self.was_removed(at, "address") {
                return None;
            }
            let message = format!("server `{}` has no address", name.value);
            self.report
                .push(Diagnostic::error(code::NO_ADDRESS, name.span, message).help("add `address = \"ADDRESS:PORT\"`"));
            return None;
        };
        let (host, port) = address.0;
        let id = table.id.map(|id| Spanned::new(id.get_ref().0.0, self.span(id.span())));
        Some(draft::Server {
            name,
            host,
            port,
            id,
            options,
            tls: Spanned::new(tls, at),
            origin: self.sources.origin(at),
            guid: table.guid.map(Into::into),
        })
    }
}
