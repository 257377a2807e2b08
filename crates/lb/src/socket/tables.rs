//! Looking at stick tables and changing them.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::Guard;
use tandem_lb_core::ServerId;
use tandem_lb_core::stick::{Key, StickEntry};
use tandem_ops::control::{Call, Reply};
use tandem_time::Mono;

use super::Room;
use crate::affinity::Affinity;
use crate::publish::Snapshot;

/// What HAProxy's tables may hold beside the server.
const OTHER_DATA: [&str; 26] = [
    "bytes_in_cnt",
    "bytes_in_rate",
    "bytes_out_cnt",
    "bytes_out_rate",
    "conn_cnt",
    "conn_cur",
    "conn_rate",
    "gpc",
    "gpc0",
    "gpc0_rate",
    "gpc1",
    "gpc1_rate",
    "gpc_rate",
    "gpt",
    "gpt0",
    "http_err_cnt",
    "http_err_rate",
    "http_fail_cnt",
    "http_fail_rate",
    "http_req_cnt",
    "http_req_rate",
    "server_key",
    "sess_cnt",
    "sess_rate",
    "glitch_cnt",
    "glitch_rate",
];

/// The most filters of one command.
const MOST_FILTERS: usize = 4;

/// Which entries are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    All,
    /// A key that is no address is nobody's.
    Key(Option<IpAddr>),
    Data(Vec<Filter>),
}

/// `data.server_id OP VALUE`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Filter {
    operator: Operator,
    value: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    AtMost,
    AtLeast,
    Less,
    Greater,
}

pub(super) fn show(room: &Room, call: &Call) -> Reply {
    let name = call.arg(0);
    if name.is_empty() {
        let all = room.orders.backends();
        let tables = all.iter().map(|k| k.backend().now());
        return Reply::Output(
            tables
                .filter_map(|b| b.affinity.as_ref().map(|a| title(&b, a)))
                .collect(),
        );
    }
    let (backend, wanted) = match find(room, name).and_then(|b| Ok((b, Wanted::read(&call.args()[1..])?))) {
        Ok(found) => found,
        Err(reply) => return reply,
    };
    let Some(affinity) = &backend.affinity else {
        return no_table();
    };
    let now = room.clock.now();
    match wanted {
        Wanted::Key(key) => match key.and_then(|source| affinity.peek(source, now)) {
            Some((key, entry)) => Reply::Output(title(&backend, affinity) + &line(&backend, key, entry, now)),
            None => Reply::Done,
        },
        wanted => {
            let title = title(&backend, affinity);
            let entries = affinity.entries(now);
            let lines = entries.into_iter().filter(move |(_, entry)| wanted.holds(entry));
            let lines = lines.map(move |(key, entry)| line(&backend, key, entry, now));
            Reply::Pieces(Box::new(std::iter::once(title).chain(lines)))
        }
    }
}

pub(super) fn set(room: &Room, call: &Call) -> Reply {
    let (backend, source) = match keyed(room, call) {
        Ok(found) => found,
        Err(reply) => return reply,
    };
    let Some(affinity) = &backend.affinity else {
        return no_table();
    };
    let mut server = None;
    for pair in call.args().get(3..).unwrap_or_default().chunks(2) {
        match pair[0].strip_prefix("data.").map(|data| (data, kind(data))) {
            Some(("server_id", _)) => {
                let Some(id) = pair.get(1).and_then(|text| text.parse().ok()) else {
                    return Reply::error("Require a valid integer value to store");
                };
                server = Some(ServerId(id));
            }
            Some((_, Data::NotHere)) => return Reply::error("Data type not stored in this table"),
            Some(_) => return Reply::error("Unknown data type"),
            None => return Reply::error("\"data.<type>\" followed by a value expected"),
        }
    }
    // An entry without a server would mean nothing here.
    if let Some((source, server)) = source.zip(server)
        && !affinity.put(source, server, room.clock.now())
    {
        return Reply::error("Unable to allocate a new entry");
    }
    Reply::Done
}

pub(super) fn clear(room: &Room, call: &Call) -> Reply {
    if call.arg(0).is_empty() {
        let text = "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key>";
        return Reply::error(text);
    }
    let found = find(room, call.arg(0)).and_then(|b| Ok((b, Wanted::read(&call.args()[1..])?)));
    let (backend, wanted) = match found {
        Ok(found) => found,
        Err(reply) => return reply,
    };
    let Some(affinity) = &backend.affinity else {
        return no_table();
    };
    match wanted {
        Wanted::All => affinity.clear(),
        Wanted::Key(key) => key.into_iter().for_each(|source| affinity.forget_source(source)),
        wanted => {
            let mut entries = affinity.entries(room.clock.now());
            entries.retain(|(_, entry)| wanted.holds(entry));
            entries.iter().for_each(|(key, _)| affinity.forget(key));
        }
    }
    Reply::Done
}

/// The table and the key of `<table> key <key>`.
fn keyed(room: &Room, call: &Call) -> Result<(Arc<Snapshot>, Option<IpAddr>), Reply> {
    if call.arg(0).is_empty() {
        return Err(Reply::error(
            "Required arguments: <table> key <key> [data.<store_data_type> <value>]*",
        ));
    }
    let backend = find(room, call.arg(0))?;
    match (call.arg(1), call.arg(2)) {
        ("key", key) if !key.is_empty() => Ok((backend, key.parse().ok())),
        _ => Err(Reply::error("Key value expected")),
    }
}

fn find(room: &Room, name: &str) -> Result<Arc<Snapshot>, Reply> {
    let all = room.orders.backends();
    let found = all.iter().map(|k| Guard::into_inner(k.backend().now()));
    let mut tables = found.filter(|b| b.affinity.is_some());
    tables.find(|b| *b.plan.name == *name).ok_or_else(no_table)
}

fn no_table() -> Reply {
    Reply::error("No such table")
}

fn title(backend: &Snapshot, affinity: &Affinity) -> String {
    let fill = affinity.fill();
    let name = &backend.plan.name;
    format!(
        "# table: {name}, type: {}, size:{}, used:{}\n",
        fill.key, fill.size, fill.used
    )
}

/// Where HAProxy prints an address in its memory, there is a number made of the key: the same for as long as it lives.
fn line(backend: &Snapshot, key: Key, entry: StickEntry, now: Mono) -> String {
    let pointer = match key {
        Key::V4(ip) => u64::from(u32::from(ip)),
        Key::V6(ip) => (u128::from(ip) >> 64) as u64 ^ u128::from(ip) as u64,
    };
    let left = entry.expires.map_or(0, |at| at.since(now).as_millis());
    let id = entry.server;
    let server = backend.plan.servers.iter().find(|s| s.id == id);
    let name = server.map_or("-", |s| &*s.name);
    format!("{pointer:#x}: key={key} use=0 exp={left} server_id={id} server_key={name}\n")
}

impl Wanted {
    fn read(args: &[String]) -> Result<Wanted, Reply> {
        let arg = |n: usize| args.get(n).map_or("", String::as_str);
        match arg(0) {
            "" => Ok(Wanted::All),
            "key" if arg(1).is_empty() => Err(Reply::error("Key value expected")),
            "key" => Ok(Wanted::Key(arg(1).parse().ok())),
            word if word.starts_with("data.") => Wanted::data(args),
            _ => Err(Reply::error(
                "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and key <key>",
            )),
        }
    }

    fn data(args: &[String]) -> Result<Wanted, Reply> {
        let mut filters = Vec::new();
        for (number, filter) in args.chunks(3).take(MOST_FILTERS).enumerate() {
            let why = match Filter::read(filter) {
                Ok(filter) => {
                    filters.push(filter);
                    continue;
                }
                Err(why) => why,
            };
            return Err(Reply::error(format!("Filter entry #{}: {why}", number + 1)));
        }
        Ok(Wanted::Data(filters))
    }

    fn holds(&self, entry: &StickEntry) -> bool {
        match self {
            Wanted::All | Wanted::Key(_) => true,
            Wanted::Data(filters) => filters.iter().all(|f| f.holds(i64::from(entry.server.0))),
        }
    }
}

impl Filter {
    fn read(words: &[String]) -> Result<Filter, &'static str> {
        let word = |n: usize| words.get(n).map_or("", String::as_str);
        match kind(word(0).strip_prefix("data.").unwrap_or_default()) {
            Data::Server => {}
            Data::NotHere => return Err("Data type not stored in this table"),
            Data::Unknown => return Err("Unknown data type"),
        }
        let operator = match word(1) {
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "le" => Operator::AtMost,
            "ge" => Operator::AtLeast,
            "lt" => Operator::Less,
            "gt" => Operator::Greater,
            _ => return Err("Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\""),
        };
        let value = word(2).parse();
        let value = value.map_err(|_| "Require a valid integer value to compare against")?;
        Ok(Filter { operator, value })
    }

    fn holds(&self, stored: i64) -> bool {
        match self.operator {
            Operator::Equal => stored == self.value,
            Operator::NotEqual => stored != self.value,
            Operator::AtMost => stored <= self.value,
            Operator::AtLeast => stored >= self.value,
            Operator::Less => stored < self.value,
            Operator::Greater => stored > self.value,
        }
    }
}

/// What a data type's name is to our tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Data {
    Server,
    NotHere,
    Unknown,
}

fn kind(name: &str) -> Data {
    match name {
        "server_id" => Data::Server,
        other if OTHER_DATA.contains(&other) => Data::NotHere,
        _ => Data::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Wanted, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Wanted::read(&words).map_err(|reply| match reply {
            Reply::Message(_, text) => text,
            _ => String::new(),
        })
    }

    #[test]
    fn filters() {
        assert_eq!(read(""), Ok(Wanted::All));
        assert_eq!(read("key 192.0.2.1"), Ok(Wanted::Key(Some([192, 0, 2, 1].into()))));
        let filter = |operator, value| Filter { operator, value };
        assert_eq!(
            read("data.server_id ge 2 data.server_id ne 3"),
            Ok(Wanted::Data(vec![
                filter(Operator::AtLeast, 2),
                filter(Operator::NotEqual, 3)
            ]))
        );
        let wrong = [
            ("key", "Key value expected"),
            ("data.foo eq 1", "Filter entry #1: Unknown data type"),
            ("data.gpc0 eq 1", "Filter entry #1: Data type not stored in this table"),
            (
                "data.server_id eq 1 data.server_id xx 2",
                "Filter entry #2: Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"",
            ),
            (
                "data.server_id eq",
                "Filter entry #1: Require a valid integer value to compare against",
            ),
        ];
        for (text, why) in wrong {
            assert_eq!(read(text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn comparisons() {
        let holds = |operator| [1, 2, 3].map(|stored| Filter { operator, value: 2 }.holds(stored));
        assert_eq!(holds(Operator::Equal), [false, true, false]);
        assert_eq!(holds(Operator::NotEqual), [true, false, true]);
        assert_eq!(holds(Operator::AtMost), [true, true, false]);
        assert_eq!(holds(Operator::AtLeast), [false, true, true]);
        assert_eq!(holds(Operator::Less), [true, false, false]);
        assert_eq!(holds(Operator::Greater), [false, false, true]);
    }
}
