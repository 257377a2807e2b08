//! `show stat` and `show info`.

use std::sync::Arc;

use tandem_lb_core::snapshot::stats_file;
use tandem_lb_core::stats::name_servers;
use tandem_lb_core::stats::{Hide, Kind, Row, Selection, csv, json, schema, typed};
use tandem_ops::control::{Call, Reply};

use super::Room;

pub(super) fn info(room: &Room, call: &Call) -> Reply {
    let mut info = room.stats.info();
    if call.has("float") {
        room.stats.say_fractions(&mut info);
    }
    let described = call.has("desc");
    Reply::Output(if call.has("json") {
        info.json()
    } else if call.has("typed") {
        info.typed(described)
    } else {
        info.text(described)
    })
}

pub(super) fn stat(room: &Room, call: &Call) -> Reply {
    let args = match (call.arg(0), call.arg(1)) {
        ("domain", "proxy") => call.args().get(2..).unwrap_or_default(),
        ("domain", "resolvers") => return name_servers(room, call),
        ("domain", _) => return Reply::error("Invalid statistics domain."),
        _ => call.args(),
    };
    let mut rows = room.stats.rows();
    if let [proxy, kinds, server, ..] = args {
        let Some(filter) = Filter::read(&rows, proxy, kinds, server) else {
            return Reply::error("No such proxy.");
        };
        rows.retain(|row| filter.wants(row));
    }
    let hide = if call.has("up") {
        Hide::Down
    } else if call.has("no-maint") {
        Hide::Maint
    } else {
        Hide::Nothing
    };
    let selection = Selection {
        hide,
        ..Selection::default()
    };
    let rows = selection.of(rows);
    Reply::Output(if call.has("json") {
        json(&rows)
    } else if call.has("typed") {
        typed(&rows, call.has("desc"))
    } else {
        csv(&rows)
    })
}

fn name_servers(room: &Room, call: &Call) -> Reply {
    let seen = room.stats.name_servers();
    Reply::Output(if call.has("json") {
        name_servers::json(&seen)
    } else if call.has("typed") {
        name_servers::typed(&seen, call.has("desc"))
    } else {
        name_servers::csv(&seen)
    })
}

/// The counters of all that have a `guid`, for the `stats-file` of the next process.
pub(super) fn dump(room: &Room, _: &Call) -> Reply {
    let rows = room.stats.rows();
    let named: Vec<(Arc<str>, &Row)> = rows.iter().filter_map(|row| Some((guid(room, row)?, row))).collect();
    Reply::Output(stats_file::write(named.iter().map(|(guid, row)| (&**guid, *row))))
}

fn guid(room: &Room, row: &Row) -> Option<Arc<str>> {
    let frontend = || room.frontends.all().into_iter().find(|f| f.plan.id == row.iid());
    let backend = || {
        let backends = room.orders.backends();
        let keeper = backends.iter().find(|k| k.backend().now().plan.id == row.iid());
        keeper.map(|k| k.backend().now().clone())
    };
    match row.kind() {
        Kind::Frontend => frontend()?.plan.guid.clone(),
        Kind::Listener => {
            let place = usize::try_from(row.sid()).ok()?.checked_sub(1)?;
            let prefix = frontend()?.plan.binds.get(place)?.guid_prefix.clone()?;
            Some(format!("{prefix}-0").into())
        }
        Kind::Backend => backend()?.plan.guid.clone(),
        Kind::Server => {
            let backend = backend()?;
            let server = backend.servers.all().find(|s| s.plan().id.0 == row.sid())?;
            server.plan().guid.clone()
        }
    }
}

pub(super) fn json_schema(_: &Room, _: &Call) -> Reply {
    Reply::Output(schema().to_owned())
}

/// `show stat IID TYPE SID`; -1 is any.
#[derive(Debug, PartialEq, Eq)]
struct Filter {
    proxy: i64,
    /// 1 frontends, 2 backends, 4 servers.
    kinds: i64,
    server: i64,
}

impl Filter {
    /// `None` when no proxy has that name.
    fn read(rows: &[Row], proxy: &str, kinds: &str, server: &str) -> Option<Filter> {
        use tandem_lb_core::stats::Field;
        let number = |text: &str| text.parse::<i64>();
        // As everywhere, a number may stand behind `#`.
        let proxy = number(proxy.strip_prefix('#').unwrap_or(proxy)).ok().or_else(|| {
            let named = rows.iter().find(|row| row.text(Field::Pxname) == proxy);
            named.map(|row| i64::from(row.iid()))
        });
        Some(Filter {
            proxy: proxy?,
            kinds: number(kinds).unwrap_or(0),
            server: number(server).unwrap_or(0),
        })
    }

    fn wants(&self, row: &Row) -> bool {
        let bit = match row.kind() {
            Kind::Frontend => 1,
            Kind::Backend => 2,
            Kind::Server => 4,
            Kind::Listener => 8,
        };
        let is_server = row.kind() == Kind::Server;
        (self.proxy == -1 || i64::from(row.iid()) == self.proxy)
            && self.kinds & bit != 0
            && (!is_server || self.server == -1 || i64::from(row.sid()) == self.server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_by_numbers_and_names() {
        let rows = [
            Row::new(Kind::Frontend, "fe", "FRONTEND", 2, 0),
            Row::new(Kind::Server, "be", "a", 3, 1),
            Row::new(Kind::Server, "be", "b", 3, 2),
            Row::new(Kind::Backend, "be", "BACKEND", 3, 0),
        ];
        let wanted = |proxy, kinds, server| {
            Filter::read(&rows, proxy, kinds, server).map(|f| rows.iter().filter(|row| f.wants(row)).count())
        };
        assert_eq!(wanted("-1", "-1", "-1"), Some(4));
        assert_eq!(wanted("3", "-1", "-1"), Some(3));
        assert_eq!(wanted("#3", "-1", "-1"), Some(3));
        assert_eq!(wanted("be", "4", "-1"), Some(2));
        assert_eq!(wanted("be", "4", "2"), Some(1));
        assert_eq!(wanted("-1", "1", "-1"), Some(1));
        assert_eq!(wanted("9", "-1", "-1"), Some(0));
        assert_eq!(wanted("gone", "-1", "-1"), None);
    }
}
