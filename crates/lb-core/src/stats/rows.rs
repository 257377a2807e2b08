//! From figures to rows: which fields a row of each kind has in TCP mode, and what HAProxy would put into them.

use std::collections::BTreeMap;

use super::figures::{Backend, Denials, Effort, Frontend, Http, Listener, Server, Time, Traffic};
use super::{Field, Kind, Row};
use crate::backend::{CheckReport, Operation, ServerView};
use crate::balance::{Algorithm, Policy};
use crate::health::Outcome;

pub fn frontend_row(f: &Frontend<'_>) -> Row {
    let mut row = Row::new(Kind::Frontend, f.name, "FRONTEND", f.iid, 0);
    traffic(&mut row, &f.traffic);
    row.set(Field::Slim, f.maxconn);
    row.set(Field::Status, if f.is_open { "OPEN" } else { "STOP" });
    row.set(Field::RateLim, f.session_rate);
    row.set(Field::Mode, if f.http.is_some() { "http" } else { "tcp" });
    row.set(Field::ConnRate, clipped(f.traffic.rate));
    row.set(Field::ConnRateMax, clipped(f.traffic.rate_max));
    let Denials {
        connections,
        sessions,
        requests: denied,
        headers,
        responses,
        handshakes,
    } = f.denials;
    row.set(Field::Dcon, connections);
    row.set(Field::Dses, sessions);
    row.set(Field::Dreq, denied);
    row.set(Field::Dresp, responses);
    // What was refused as a connection or a session was none.
    row.set(
        Field::ConnTot,
        f.traffic.sessions_total + connections + sessions + headers + handshakes,
    );
    let Http {
        answers,
        requests,
        rate,
        rate_max,
    } = f.http.unwrap_or_default();
    row.set(Field::ReqRate, clipped(rate));
    row.set(Field::ReqRateMax, clipped(rate_max));
    row.set(Field::ReqTot, requests);
    row.set(Field::Ereq, headers);
    zeros(&mut row, &PROXY_ZEROS);
    if f.http.is_some() {
        for (field, count) in ANSWERS.into_iter().zip(answers) {
            row.set(field, count);
        }
        row.set(Field::Intercepted, requests);
        zeros(&mut row, &[Field::CacheLookups, Field::CacheHits]);
    }
    row
}

pub fn listener_row(l: &Listener<'_>) -> Row {
    let mut row = Row::new(Kind::Listener, l.proxy, l.name, l.iid, l.number);
    row.set(Field::Scur, l.traffic.sessions);
    row.set(Field::Smax, l.traffic.sessions_max);
    row.set(Field::Slim, l.maxconn);
    row.set(Field::Stot, l.traffic.sessions_total);
    row.set(Field::Bin, l.traffic.bytes_in);
    row.set(Field::Bout, l.traffic.bytes_out);
    row.set(Field::Reqbin, l.traffic.bytes_in);
    row.set(Field::Resbin, l.traffic.bytes_out);
    let is_full = l.maxconn > 0 && l.traffic.sessions >= l.maxconn;
    // HAProxy says nothing here of one that was disabled: its frontend does.
    row.set(
        Field::Status,
        match (is_full, l.is_waiting) {
            (true, _) => "FULL",
            (false, true) => "WAITING",
            (false, false) => "OPEN",
        },
    );
    row.set(Field::Addr, l.address);
    row.set(Field::Mode, if l.is_http { "http" } else { "tcp" });
    row.set(Field::Dcon, l.denials.connections);
    row.set(Field::Dses, l.denials.sessions);
    row.set(Field::Dreq, l.denials.requests);
    row.set(Field::Dresp, l.denials.responses);
    row.set(Field::Ereq, l.denials.headers);
    zeros(&mut row, &[Field::Wrew, Field::Eint]);
    row
}

pub fn backend_row(b: &Backend<'_>) -> Row {
    let mut row = Row::new(Kind::Backend, b.name, "BACKEND", b.iid, 0);
    traffic(&mut row, &b.traffic);
    effort(&mut row, &b.effort);
    let weight = weight_in_use(&b.view.servers, b.policy, |s| s.share.div_ceil(16));
    let is_up = weight > 0 || b.view.servers.is_empty();
    row.set(Field::Slim, b.fullconn);
    // As HAProxy 3.4 says it.
    let status = match (is_up, b.is_published) {
        (true, true) => "UP",
        (false, true) => "DOWN",
        (true, false) => "UP (UNPUB)",
        (false, false) => "DOWN (UNPUB)",
    };
    row.set(Field::Status, status);
    row.set(Field::Weight, weight);
    row.set(
        Field::Uweight,
        weight_in_use(&b.view.servers, b.policy, |s| u32::from(s.weight)),
    );
    row.set(Field::Act, b.view.online.active);
    row.set(Field::Bck, b.view.online.backup);
    row.set(Field::Chkdown, b.downs);
    row.set(Field::Lastchg, clipped(b.change_seconds));
    row.set(Field::Mode, if b.is_http { "http" } else { "tcp" });
    row.set(Field::Algo, algorithm(b.policy));
    if !b.view.servers.is_empty() {
        row.set(Field::Downtime, clipped(b.down_seconds));
    }
    let aggregates = [
        Field::AggServerStatus,
        Field::AggServerCheckStatus,
        Field::AggCheckStatus,
    ];
    aggregates.into_iter().for_each(|field| row.set(field, 0u32));
    zeros(&mut row, &[Field::Dreq]);
    zeros(&mut row, &PROXY_ZEROS);
    if b.is_http {
        zeros(&mut row, &ANSWERS);
        zeros(&mut row, &[Field::ReqTot, Field::CacheLookups, Field::CacheHits]);
    }
    row
}

pub fn server_row(s: &Server<'_>) -> Row {
    let view = &s.report.view;
    let mut row = Row::new(Kind::Server, s.proxy, &view.name, s.iid, view.id.0);
    traffic(&mut row, &s.traffic);
    effort(&mut row, &s.effort);
    if view.maxconn > 0 {
        row.set(Field::Slim, view.maxconn);
    }
    if s.maxqueue > 0 {
        row.set(Field::Qlimit, s.maxqueue);
    }
    row.set(Field::Status, s.report.status.to_string());
    row.set(Field::Weight, view.share.div_ceil(16));
    row.set(Field::Uweight, u32::from(view.weight));
    if let Some(percent) = view.throttle() {
        row.set(Field::Throttle, percent);
    }
    row.set(Field::Act, u32::from(!view.is_backup));
    row.set(Field::Bck, u32::from(view.is_backup));
    row.set(Field::Lastchg, clipped(s.change_seconds));
    row.set(Field::Addr, s.address);
    if let Some(tracked) = s.report.tracks {
        row.set(Field::Tracked, tracked.to_string());
    }
    row.set(Field::Mode, "tcp");
    zeros(&mut row, &[Field::Wrew, Field::Eint]);
    let idle = [
        Field::SrvIcur,
        Field::IdleConnCur,
        Field::SafeConnCur,
        Field::UsedConnCur,
        Field::NeedConnEst,
    ];
    idle.into_iter().for_each(|field| row.set(field, 0u32));
    if let Some(check) = s.report.check.as_ref().filter(|c| c.is_enabled) {
        row.set(Field::Chkfail, check.failures);
        if let Some(analyses) = check.analyses {
            row.set(Field::Hanafail, analyses);
        }
        row.set(Field::Chkdown, s.report.downs);
        row.set(Field::Downtime, clipped(s.report.down_time.as_secs()));
        // In maintenance nobody looks, and old news would mislead.
        if !view.admin.in_maint() {
            latest_check(&mut row, check);
        }
    }
    if let Some(agent) = s.report.agent.as_ref().filter(|agent| agent.is_enabled) {
        latest_agent(&mut row, agent);
    }
    row
}

/// Whoever follows a server that is observed says how many analyses of his own have failed, as in HAProxy: none.
pub fn lend_analyses(rows: &mut [Row]) {
    let name = |row: &Row| format!("{}/{}", row.text(Field::Pxname), row.text(Field::Svname));
    let mut observed: Vec<String> = Vec::new();
    let mut followers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        match row.value(Field::Tracked) {
            Some(tracked) => followers.entry(tracked.to_string()).or_default().push(place),
            None if row.value(Field::Hanafail).is_some() => observed.push(name(row)),
            None => {}
        }
    }
    // Who follows a follower has the same one above him.
    while let Some(tracked) = observed.pop() {
        for place in followers.remove(&tracked).unwrap_or_default() {
            rows[place].set(Field::Hanafail, 0u64);
            observed.push(name(&rows[place]));
        }
    }
}

fn latest_agent(row: &mut Row, agent: &CheckReport<'_>) {
    let star = if agent.is_running { "* " } else { "" };
    row.set(Field::AgentStatus, format!("{star}{}", agent.last.status));
    // That of one that was not asked yet is 0, not nothing.
    let ms = u64::try_from(agent.last.duration.as_millis()).unwrap_or(u64::MAX);
    row.set(Field::AgentDuration, ms);
    if let Some(code) = agent.last.code {
        row.set(Field::AgentCode, u32::from(code));
    }
    row.set(Field::LastAgt, agent.last.info.as_deref().unwrap_or_default());
    row.set(Field::AgentDesc, agent.last.status.description());
    row.set(Field::AgentRise, agent.health.rise());
    row.set(Field::AgentFall, agent.health.fall());
    row.set(Field::AgentHealth, agent.health.health());
}

fn latest_check(row: &mut Row, check: &CheckReport<'_>) {
    let star = if check.is_running { "* " } else { "" };
    row.set(Field::CheckStatus, format!("{star}{}", check.last.status));
    if check.last.status.outcome() != Outcome::Neutral {
        let ms = u64::try_from(check.last.duration.as_millis()).unwrap_or(u64::MAX);
        row.set(Field::CheckDuration, ms);
    }
    if let Some(code) = check.last.code {
        row.set(Field::CheckCode, u32::from(code));
    }
    row.set(Field::LastChk, check.last.info.as_deref().unwrap_or_default());
    row.set(Field::CheckDesc, check.last.status.description());
    row.set(Field::CheckRise, check.health.rise());
    row.set(Field::CheckFall, check.health.fall());
    row.set(Field::CheckHealth, check.health.health());
}

fn traffic(row: &mut Row, t: &Traffic) {
    row.set(Field::Scur, t.sessions);
    row.set(Field::Smax, t.sessions_max);
    row.set(Field::Stot, t.sessions_total);
    row.set(Field::Bin, t.bytes_in);
    row.set(Field::Bout, t.bytes_out);
    row.set(Field::Rate, clipped(t.rate));
    row.set(Field::RateMax, clipped(t.rate_max));
    row.set(Field::Reqbin, t.bytes_in);
    row.set(Field::Resbin, t.bytes_out);
    row.set(Field::TandemBinRate, t.bytes_in_rate);
    row.set(Field::TandemBoutRate, t.bytes_out_rate);
}

fn effort(row: &mut Row, e: &Effort) {
    row.set(Field::Qcur, e.queued);
    row.set(Field::Qmax, e.queued_max);
    row.set(Field::Econ, e.connect_errors);
    row.set(Field::Eresp, e.response_errors);
    row.set(Field::Dresp, e.refused_answers);
    row.set(Field::Wretr, e.retries);
    row.set(Field::Wredis, e.redispatches);
    row.set(Field::Lbtot, e.balanced);
    row.set(Field::CliAbrt, e.client_aborts);
    row.set(Field::SrvAbrt, e.server_aborts);
    let last = e.last_session.map_or(-1, |s| i32::try_from(s).unwrap_or(i32::MAX));
    row.set(Field::Lastsess, last);
    row.set(Field::Connect, e.connects);
    row.set(Field::Reuse, 0u64);
    let times = [
        (Field::Qtime, Field::QtimeMax, e.queue_time),
        (Field::Ctime, Field::CtimeMax, e.connect_time),
        (Field::Rtime, Field::RtimeMax, Time::default()),
        (Field::Ttime, Field::TtimeMax, e.total_time),
    ];
    for (average, max, time) in times {
        row.set(average, time.average);
        row.set(max, time.max);
    }
}

/// What proxies of HAProxy count and a TCP proxy never sees.
const PROXY_ZEROS: [Field; 6] = [
    Field::CompIn,
    Field::CompOut,
    Field::CompByp,
    Field::CompRsp,
    Field::Wrew,
    Field::Eint,
];

const ANSWERS: [Field; 6] = [
    Field::Hrsp1xx,
    Field::Hrsp2xx,
    Field::Hrsp3xx,
    Field::Hrsp4xx,
    Field::Hrsp5xx,
    Field::HrspOther,
];

fn zeros(row: &mut Row, fields: &[Field]) {
    for field in fields {
        row.set(*field, 0u64);
    }
}

/// The weight of the servers that share the load now: the active ones, or the backup or backups in their place.
fn weight_in_use(servers: &[ServerView], policy: &Policy, of_one: fn(&ServerView) -> u32) -> u32 {
    let of = |backup: bool| {
        servers
            .iter()
            .filter(move |s| s.is_backup == backup && s.operation == Operation::Running && s.takes_new())
            .map(of_one)
    };
    let active: u32 = of(false).sum();
    match (active, policy.all_backups) {
        (1.., _) => active,
        (0, true) => of(true).sum(),
        (0, false) => of(true).next().unwrap_or(0),
    }
}

fn algorithm(policy: &Policy) -> &'static str {
    match policy.algorithm {
        Algorithm::RoundRobin => "roundrobin",
        Algorithm::StaticRr => "static-rr",
        Algorithm::LeastConn => "leastconn",
        Algorithm::First => "first",
        Algorithm::Source => "source",
        Algorithm::Random { .. } => "random",
        Algorithm::HashSrc | Algorithm::Hash => "hash",
    }
}

/// Where HAProxy's type is too narrow, the value stays at its end.
fn clipped(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
