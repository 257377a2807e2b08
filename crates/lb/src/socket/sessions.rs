//! The connections there are, and ending them.

use std::sync::Arc;

use tandem_ops::control::{Call, Reply};
use tandem_time::Mono;

use super::Room;
use crate::live::Connection;
use crate::servers::Server;
use crate::session::Peer;

/// One line for each, in HAProxy's form; what exists only inside of HAProxy is 0 or empty.
pub(super) fn show(room: &Room, call: &Call) -> Reply {
    let now = room.clock.now();
    if let Some(id) = number(call.arg(0)) {
        return match room.live.find(id) {
            Some(connection) => Reply::Output(details(id, &connection, now)),
            None => Reply::Output("Session not found.".to_owned()),
        };
    }
    let form = if call.arg(0) == "all" { details } else { line };
    let all = room.live.all();
    Reply::Pieces(Box::new(
        all.into_iter().map(move |(id, connection)| form(id, &connection, now)),
    ))
}

pub(super) fn shutdown(room: &Room, call: &Call) -> Reply {
    let Some(id) = number(call.arg(0)) else {
        return Reply::error("Session pointer expected (use 'show sess').");
    };
    match room.live.find(id) {
        Some(connection) => {
            connection.end();
            Reply::Done
        }
        None => Reply::error("No such session (use 'show sess')."),
    }
}

pub(super) fn shutdown_at_server(room: &Room, call: &Call) -> Reply {
    match room.server(call.arg(0)) {
        Ok(server) => {
            room.live.end_at(server.keeper().backend(), server.idx());
            Reply::Done
        }
        Err(reply) => reply,
    }
}

/// Hexadecimal after `0x`, as it is shown; else decimal.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn line(id: u64, connection: &Arc<Connection>, now: Mono) -> String {
    let Names { backend, server } = Names::of(connection);
    let (frontend, age) = (
        &connection.frontend.plan.name,
        age(now.since(connection.began).as_secs()),
    );
    let (proto, source) = source(connection.peer);
    format!(
        "{id:#x}: proto={proto} src={source} fe={frontend} be={backend} srv={server} ts=00 epoch=0 age={age} calls=1 \
         rate=0 cpu=0 lat=0 rq[f=0h,i=0,an=00h,rx=,wx=,ax=] rp[f=0h,i=0,an=00h,rx=,wx=,ax=] scf=[8,0h,fd=-1] \
         scb=[8,1h,fd=-1] exp= rc=0 c_exp=\n"
    )
}

fn details(id: u64, connection: &Arc<Connection>, now: Mono) -> String {
    let names = Names::of(connection);
    let plan = &connection.frontend.plan;
    let (proto, source) = source(connection.peer);
    let backend_id = connection.backend().map_or(-1, |b| i64::from(b.now().plan.id));
    let (server_id, address) = match server_of(connection) {
        Some(server) => (i64::from(server.plan().id.0), format!(" addr={}", server.address)),
        None => (-1, String::new()),
    };
    format!(
        "{id:#x}: id={id} proto={proto} source={source}\n  frontend={} (id={} mode=tcp)\n  backend={} \
         (id={backend_id} mode=tcp)\n  server={} (id={server_id}){address}\n  age={}\n",
        plan.name,
        plan.id,
        names.backend,
        names.server,
        age(now.since(connection.began).as_secs()),
    )
}

struct Names {
    backend: Arc<str>,
    server: Arc<str>,
}

impl Names {
    fn of(connection: &Connection) -> Names {
        Names {
            backend: connection.backend().map_or_else(|| "<NONE>".into(), |b| b.name()),
            server: server_of(connection).map_or_else(|| "<none>".into(), |s| s.name()),
        }
    }
}

fn server_of(connection: &Connection) -> Option<Arc<Server>> {
    connection.backend()?.server(connection.server()?)
}

fn source(peer: Peer) -> (&'static str, String) {
    match peer.socket() {
        None => ("unix_stream", "unix:1".to_owned()),
        Some(address) if address.is_ipv4() => ("tcpv4", address.to_string()),
        Some(address) => ("tcpv6", format!("{}:{}", address.ip(), address.port())),
    }
}

/// The two largest units, as in `1h3m` and `12s`.
fn age(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{minutes}m{}s", seconds % 60),
        3_600..86_400 => format!("{hours}h{}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        let table = [(0, "0s"), (59, "59s"), (61, "1m1s"), (3_700, "1h1m"), (90_000, "1d1h")];
        for (seconds, expected) in table {
            assert_eq!(age(seconds), expected);
        }
    }

    #[test]
    fn numbers_as_show_sess_prints_them() {
        assert_eq!(number("0x1f"), Some(31));
        assert_eq!(number("31"), Some(31));
        assert_eq!(number("1f"), None);
        assert_eq!(number("0x"), None);
    }
}
