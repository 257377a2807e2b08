//! A draft to the native form: what is otherwise than a reader of the file would take for granted.
//!
//! Drafts are taken apart without `..`, so that the compiler asks for each new setting here.

mod peers;
mod proxy;
mod server;
mod settings;

use std::path::Path;
use std::time::Duration;

use tandem_lb_core::rules::Made;

use super::model::{Buffers, Control, Global, Hold, Log, Resolvers};
use super::tls::OfGlobal;
use super::value::{FileMode, Limit, Number, Span, Time, Value};
use crate::names::LOG_LENGTH;
use crate::plan::{self, FirstValue, Inspected, LogTarget, Severity, SocketFile, StateFiles, StatsSocket};

pub(super) use peers::peers;
pub(super) use proxy::proxy;
pub(super) use settings::settings;

/// A value of a document that nobody has written yet.
fn new<T>(value: T) -> toml::Spanned<T> {
    toml::Spanned::new(0..0, value)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// What is to be written, unless it is as in `base`.
fn unless_as<T: PartialEq, U>(value: &T, base: &T, write: impl FnOnce(&T) -> U) -> Option<U> {
    (value != base).then(|| write(value))
}

fn limit(value: Option<Duration>, base: Option<Duration>) -> Option<Value<Limit>> {
    unless_as(&value, &base, |value| Value(Limit(*value)))
}

fn time(value: Option<Duration>, base: Option<Duration>) -> Option<Value<Time>> {
    value.filter(|_| value != base).map(|time| Value(Time(time)))
}

/// 0 is no limit.
fn count<const LOW: u32, const HIGH: u32>(value: Option<u32>, base: Option<u32>) -> Option<Value<Number<LOW, HIGH>>> {
    unless_as(&value, &base, |value| Value(Number(value.unwrap_or_default())))
}

fn number<const LOW: u32, const HIGH: u32>(value: u32, base: u32) -> Option<Value<Number<LOW, HIGH>>> {
    unless_as(&value, &base, |value| Value(Number(*value)))
}

fn flag(value: bool, base: bool) -> Option<bool> {
    unless_as(&value, &base, |value| *value)
}

pub(super) fn global(global: &plan::Global) -> Global {
    let usual = plan::Global::default();
    let plan::Global {
        logs,
        log_tag,
        log_hostname,
        maxconn,
        connection_rate,
        session_rate,
        tls_connections,
        tls_rate,
        files,
        open_files,
        lenient_limits,
        daemon,
        threads,
        accept,
        pidfile,
        user,
        group,
        chroot,
        node,
        description,
        hard_stop_after,
        close_spread_time,
        local_peer,
        spread_checks,
        first_checks_within,
        pipes,
        no_splice,
        external_checks,
        stats_sockets,
        stats_timeout,
        stats_clients,
        state,
        variables,
        client_buffers,
        server_buffers,
        inspected: Inspected { size, reserve },
        // Each listener says it.
        unix_bind: _,
        tls,
    } = global;
    let StateFiles {
        own,
        every,
        servers,
        servers_base,
        stats,
    } = state;
    Global {
        log: logs.iter().map(|target| new(log(target))).collect(),
        log_tag: log_tag.clone(),
        log_hostname: log_hostname.clone(),
        local_peer: local_peer.as_ref().map(ToString::to_string),
        maxconn: count(*maxconn, None),
        connection_rate: count(*connection_rate, None),
        session_rate: count(*session_rate, None),
        tls_connections: count(*tls_connections, None),
        tls_rate: count(*tls_rate, None),
        files: count(*files, None),
        open_files: count(*open_files, None),
        strict_limits: lenient_limits.then_some(false),
        daemon: flag(*daemon, usual.daemon),
        threads: count(threads.map(u32::from), None),
        accept: unless_as(accept, &usual.accept, |accept| Value(*accept)),
        pidfile: pidfile.as_deref().map(text),
        user: user.clone(),
        group: group.clone(),
        chroot: chroot.as_deref().map(text),
        default_path: tls.base.as_deref().map(text),
        node: node.clone(),
        description: description.clone(),
        hard_stop_after: limit(*hard_stop_after, None),
        close_spread_time: limit(*close_spread_time, None),
        spread_checks: number((*spread_checks).into(), usual.spread_checks.into()),
        first_checks_within: limit(*first_checks_within, None),
        pipes: count(*pipes, None),
        splice: no_splice.then_some(false),
        external_checks: flag(*external_checks, usual.external_checks),
        control: stats_sockets.iter().map(|socket| new(control(socket))).collect(),
        control_timeout: time(*stats_timeout, None),
        control_clients: count(*stats_clients, None),
        state_file: own.as_deref().map(text),
        state_every: time(*every, None),
        stats_file: stats.as_deref().map(text),
        server_state_file: servers.as_deref().map(text),
        server_state_base: servers_base.as_deref().map(text),
        set_var: first_values(variables, |value| matches!(value, Made::Value(_))),
        set_var_fmt: first_values(variables, |value| matches!(value, Made::Text(_))),
        client_buffers: buffers(*client_buffers),
        server_buffers: buffers(*server_buffers),
        inspect_size: count(*size, None),
        inspect_reserve: count(*reserve, None),
        tls: OfGlobal::of(tls),
    }
}

fn buffers(plan::Buffers { receive, send }: plan::Buffers) -> Buffers {
    Buffers {
        receive: count(receive, None),
        send: count(send, None),
    }
}

fn first_values(variables: &[FirstValue], is_wanted: fn(&Made) -> bool) -> Vec<toml::Spanned<String>> {
    let wanted = variables.iter().filter(|first| is_wanted(&first.value));
    wanted.map(|first| new(first.written.to_string())).collect()
}

fn control(socket: &StatsSocket) -> Control {
    let StatsSocket {
        address,
        origin: _,
        level,
        severities,
        file: SocketFile { mode, user, group },
        expose_listeners,
    } = socket;
    Control {
        address: Some(Value(vec![address.clone()])),
        level: unless_as(level, &plan::Level::default(), |level| Value(*level)),
        severity_output: unless_as(severities, &plan::SeverityOutput::default(), |shown| Value(*shown)),
        mode: mode.map(|mode| Value(FileMode(mode))),
        user: user.clone(),
        group: group.clone(),
        expose_listeners: *expose_listeners,
    }
}

fn log(target: &LogTarget) -> Log {
    let LogTarget {
        to,
        format,
        length,
        facility,
        max,
        min,
        sample,
    } = target;
    Log {
        to: Some(Value(to.clone())),
        facility: Some(Value(*facility)),
        format: format.map(Value),
        length: number((*length).into(), LOG_LENGTH.into()),
        max: unless_as(max, &Severity::Debug, |max| Value(*max)),
        min: unless_as(min, &Severity::Emerg, |min| Value(*min)),
        sample: sample.clone().map(Value),
    }
}

pub(super) fn resolvers(section: &plan::Resolvers) -> Resolvers {
    let usual = plan::Resolvers::new(section.name.clone());
    let plan::Resolvers {
        name,
        nameservers,
        payload,
        tries,
        resolve,
        retry,
        hold,
    } = section;
    let held = |time: Duration, usual: Duration| unless_as(&time, &usual, |time| Value(Span(*time)));
    Resolvers {
        name: Some(new(name.to_string())),
        nameservers: nameservers.iter().cloned().map(Value).collect(),
        system: false,
        payload_size: number((*payload).into(), usual.payload.into()),
        retries: number(*tries, usual.tries),
        resolve_interval: time(Some(*resolve), Some(usual.resolve)),
        retry_interval: time(Some(*retry), Some(usual.retry)),
        hold: Hold {
            valid: held(hold.valid, usual.hold.valid),
            obsolete: held(hold.obsolete, usual.hold.obsolete),
            nx: held(hold.no_name, usual.hold.no_name),
            refused: held(hold.refused, usual.hold.refused),
            timeout: held(hold.timeout, usual.hold.timeout),
            other: held(hold.other, usual.hold.other),
        },
    }
}
