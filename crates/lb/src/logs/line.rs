//! The line that a connection leaves behind.

use socket2::Socket;
use tandem_lb_core::ServerIdx;
use tandem_lb_core::conn::Summary;
use tandem_ops::clock::Wall;
use tandem_ops::syslog::{Local, Severity};

use crate::frontend::Frontend;
use crate::session::{Carried, Peer};
use crate::worker::Worker;

/// A connection that has ended.
pub(crate) struct Ended<'a> {
    pub(crate) frontend: &'a Frontend,
    pub(crate) peer: Peer,
    pub(crate) server: Option<ServerIdx>,
    pub(crate) summary: Summary,
    pub(crate) carried: Carried,
}

impl Ended<'_> {
    /// Whether the frontend's options want a line for this one, and how severe it is.
    fn severity(&self) -> Option<Severity> {
        let rule = &self.frontend.plan.log_rule;
        let is_normal = self.summary.ending.is_normal();
        if self.frontend.logs.is_empty()
            || rule.dontlognull && self.carried.from_client == 0
            || rule.dontlog_normal && is_normal && self.summary.retries == 0
        {
            return None;
        }
        let is_error = !is_normal || self.summary.retries > 0;
        Some(if rule.log_separate_errors && is_error {
            Severity::Err
        } else {
            Severity::Info
        })
    }
}

/// Writes the line, when there is somewhere to write it and the frontend wants it.
pub(crate) fn connection(worker: &Worker, client: &Socket, ended: &Ended<'_>) {
    let Some(severity) = ended.severity() else { return };
    let at = Wall::now();
    let text = if ended.frontend.plan.log_rule.tcplog {
        tcplog(worker, ended, at)
    } else {
        connect_from(client, ended)
    };
    worker.log.borrow_mut().send(&ended.frontend.logs, severity, &text, at);
}

fn tcplog(worker: &Worker, ended: &Ended<'_>, now: Wall) -> String {
    let Ended {
        frontend,
        peer,
        summary,
        carried,
        server,
    } = ended;
    let began = Wall::from_micros(now.as_micros() - i64::try_from(summary.total.as_micros()).unwrap_or(0));
    let local = Local::new(began, began.local_offset());
    let date = format!(
        "{:02}/{}/{}:{:02}:{:02}:{:02}.{:03}",
        local.day,
        local.month,
        local.year,
        local.hour,
        local.minute,
        local.second,
        local.micros / 1000
    );
    let backend = frontend.backend.as_ref();
    let backend_name = backend.map_or(&frontend.plan.name, |b| &b.plan.name);
    let server_name = server
        .zip(backend)
        .and_then(|(s, b)| b.plan.servers.get(s.place()))
        .map_or("<NOSRV>", |s| &s.name);
    let millis = |d: Option<std::time::Duration>| d.map_or(-1, |d| d.as_millis() as i64);
    let who = peer.socket().map_or_else(|| "unix:1".to_owned(), |a| a.to_string());
    format!(
        "{who} [{date}] {} {backend_name}/{server_name} {}/{}/{} {} {} {}/{}/{}/{}/{}{} 0/0",
        frontend.plan.name,
        millis(summary.wait),
        millis(summary.connect),
        millis(Some(summary.total)),
        carried.to_client,
        summary.ending,
        worker.crew.sessions.now(),
        frontend.traffic.sessions.now(),
        backend.map_or(0, |b| b.traffic.sessions.now()),
        server
            .zip(backend)
            .and_then(|(s, b)| b.server(s))
            .map_or(0, |s| s.traffic.sessions.now()),
        if summary.redispatched { "+" } else { "" },
        summary.retries,
    )
}

/// HAProxy's line without `option tcplog`.
fn connect_from(client: &Socket, ended: &Ended<'_>) -> String {
    let from = ended
        .peer
        .socket()
        .map_or_else(|| "unix:1".to_owned(), |a| a.to_string());
    let local = client.local_addr().ok().and_then(|a| a.as_socket());
    let to = local.map_or_else(|| "unix:1".to_owned(), |a| a.to_string());
    format!("Connect from {from} to {to} ({}/TCP)", ended.frontend.plan.name)
}
