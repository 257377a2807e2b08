//! Looking at stick tables and changing them.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use tandem_lb_core::expr::Sample;
use tandem_lb_core::stick::{DataType, Dumped, Key, KeyType, Raw, Removed, TableSettings, Value, key_for};
use tandem_ops::control::{Call, Reply};
use tandem_time::Mono;

use super::Room;
use crate::tables::Table;

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Show,
    Set,
    Clear,
}

const CLEAR: &str = "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key>";
const SET: &str = "Required arguments: <table> key <key> [data.<store_data_type> <value>]*";
const ONLY: &str = "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and key <key>";

/// The most filters of one command.
const MOST_FILTERS: usize = 4;

/// Which entries are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    All,
    /// A key that no entry of this table can have is nobody's.
    Key(Option<Key<'static>>),
    Data(Vec<Filter>),
    /// The number that its line begins with.
    Pointer(u64),
}

/// `data.TYPE OP VALUE`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Filter {
    data: DataType,
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
        // HAProxy lists the one first that was declared last.
        return Reply::Output(
            room.directory
                .tables
                .all()
                .iter()
                .rev()
                .map(|table| title(table))
                .collect(),
        );
    }
    let Some(table) = room.directory.tables.named(name) else {
        return no_table();
    };
    let settings = table.settings();
    let wanted = match Wanted::read(&call.args()[1..], &settings, Verb::Show) {
        Ok(wanted) => wanted,
        Err(reply) => return reply,
    };
    let now = room.clock.now();
    let filters = match wanted {
        Wanted::Key(key) => {
            return match key.and_then(|key| table.lock().dump(&key, now)) {
                Some(entry) => Reply::Output(title(&table) + &line(&entry, &settings)),
                None => Reply::Done,
            };
        }
        Wanted::Pointer(number) => {
            return match at_pointer(&table, number, now) {
                Some(entry) => Reply::Output(title(&table) + &line(&entry, &settings)),
                None => no_pointer(),
            };
        }
        Wanted::All => Vec::new(),
        Wanted::Data(filters) => filters,
    };
    let entries = table.entries(now).into_iter();
    let lines = entries.filter_map(move |entry| {
        let is_wanted = fits(&entry, &filters, &settings);
        is_wanted.then(|| line(&entry, &settings))
    });
    Reply::Pieces(Box::new(std::iter::once(title(&table)).chain(lines)))
}

pub(super) fn set(room: &Room, call: &Call) -> Reply {
    if call.arg(0).is_empty() {
        return Reply::error(SET);
    }
    let Some(table) = room.directory.tables.named(call.arg(0)) else {
        return no_table();
    };
    let key = match (call.arg(1), call.arg(2)) {
        ("key", key) if !key.is_empty() => match read_key(key, table.settings().key, Verb::Set) {
            Ok(key) => key,
            Err(reply) => return reply,
        },
        ("key", _) => return Reply::error("Key value expected"),
        (word, _) if word.starts_with("data.") => {
            let text = "content-based lookup is only supported with the \"show\" and \"clear\" actions";
            return Reply::error(text);
        }
        ("", _) => return Reply::Done,
        _ => return Reply::error(SET),
    };
    let mut values = Vec::new();
    for pair in call.args().get(3..).unwrap_or_default().chunks(2) {
        match setting(pair, &table.settings()) {
            Ok(value) => values.push(value),
            Err(why) => return Reply::error(why),
        }
    }
    let Some(key) = key else { return Reply::Done };
    let now = room.clock.now();
    let mut table = table.lock();
    let Some(place) = table.obtain(&key, now) else {
        return Reply::error("Unable to allocate a new entry");
    };
    for (data, value) in values {
        table.set(place, data, 0, value, now);
    }
    table.touch(place, now);
    Reply::Done
}

pub(super) fn clear(room: &Room, call: &Call) -> Reply {
    if call.arg(0).is_empty() {
        return Reply::error(CLEAR);
    }
    let Some(table) = room.directory.tables.named(call.arg(0)) else {
        return no_table();
    };
    let settings = table.settings();
    let wanted = match Wanted::read(&call.args()[1..], &settings, Verb::Clear) {
        Ok(wanted) => wanted,
        Err(reply) => return reply,
    };
    match wanted {
        Wanted::All => table.lock().clear(),
        Wanted::Key(None) => {}
        Wanted::Key(Some(key)) => {
            if table.lock().remove(&key) == Removed::InUse {
                return in_use();
            }
        }
        Wanted::Pointer(number) => {
            let Some(entry) = at_pointer(&table, number, room.clock.now()) else {
                return no_pointer();
            };
            if table.lock().remove(&entry.key) == Removed::InUse {
                return in_use();
            }
        }
        Wanted::Data(filters) => {
            let entries = table.entries(room.clock.now()).into_iter();
            for entry in entries.filter(|entry| fits(entry, &filters, &settings)) {
                table.lock().remove(&entry.key);
            }
        }
    }
    Reply::Done
}

fn no_table() -> Reply {
    Reply::error("No such table")
}

fn no_pointer() -> Reply {
    Reply::error("No entry of this table has that pointer")
}

fn in_use() -> Reply {
    Reply::error("Entry currently in use, cannot remove")
}

fn at_pointer(table: &Table, number: u64, now: Mono) -> Option<Dumped> {
    table
        .entries(now)
        .into_iter()
        .find(|entry| pointer(&entry.key) == number)
}

fn title(table: &Table) -> String {
    let name = table.name();
    let inside = table.lock();
    let settings = inside.settings();
    let (key, size) = (settings.key.word(), settings.size);
    format!("# table: {name}, type: {key}, size:{size}, used:{}\n", inside.len())
}

/// Where HAProxy prints an address in its memory, there is a number made of the key: the same for as long as it lives.
fn pointer(key: &Key) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    // As long as an address is.
    hasher.finish() >> 16
}

fn line(entry: &Dumped, settings: &TableSettings) -> String {
    let left = entry.left.map_or(0, |left| left.as_millis());
    let (pointer, key) = (pointer(&entry.key), &entry.key);
    let mut line = format!("{pointer:#x}: key={key} use={} exp={left}", entry.holders);
    for value in &entry.values {
        // Writing into a string cannot fail.
        let _ = write!(line, " {}={}", called(value), shown(value, settings));
    }
    line + "\n"
}

/// `gpc0_rate(10000)`, also where it is the first of an array.
fn called(value: &Value) -> String {
    let name = value.data.name();
    let name = match (value.data.is_array(), name.strip_suffix("_rate")) {
        (true, Some(start)) => format!("{start}{}_rate", value.at),
        (true, None) => format!("{name}{}", value.at),
        (false, _) => name.to_owned(),
    };
    match value.period {
        0 => name,
        period => format!("{name}({period})"),
    }
}

fn shown(value: &Value, settings: &TableSettings) -> String {
    match &value.raw {
        Raw::Name(name) => name.as_deref().unwrap_or("-").to_owned(),
        _ => value.shown(settings).to_string(),
    }
}

/// What `key` says; `None` when no entry can have that key.
fn read_key(text: &str, kind: KeyType, verb: Verb) -> Result<Option<Key<'static>>, Reply> {
    let value = match kind {
        // HAProxy takes what is no address for one that nobody has.
        KeyType::Ipv4 => match text.parse() {
            Ok(ip) => Sample::Ip(ip),
            Err(_) => return Ok(None),
        },
        KeyType::Ipv6 => match text.parse() {
            Ok(ip) => Sample::Ip(IpAddr::V6(ip)),
            Err(_) => return Err(Reply::error("Invalid key")),
        },
        KeyType::Integer => match text.parse::<u32>() {
            Ok(number) => Sample::Int(number.into()),
            Err(_) => return Err(Reply::error("Invalid key")),
        },
        KeyType::Text { .. } => Sample::text(text),
        KeyType::Binary { .. } => {
            let what = match verb {
                Verb::Show => "Showing keys from",
                Verb::Set => "Inserting keys into",
                Verb::Clear => "Removing keys from",
            };
            let text = format!("{what} tables of type other than ip, ipv6, string and integer is not supported");
            return Err(Reply::error(text));
        }
    };
    Ok(key_for(kind, value).map(Key::into_owned))
}

/// As a line of the table shows it, with `0x` or without.
fn read_pointer(text: &str) -> Result<u64, Reply> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16)
        .map_err(|_| Reply::error("Invalid pointer: write it as the entry's line has it, 0x..."))
}

/// `data.TYPE VALUE`
fn setting(pair: &[String], settings: &TableSettings) -> Result<(DataType, u64), &'static str> {
    let Some(name) = pair[0].strip_prefix("data.") else {
        return Err("\"data.<type>\" followed by a value expected");
    };
    let data = stored(name, settings)?;
    let value = pair.get(1).and_then(|text| text.parse::<i64>().ok());
    value
        .map(|value| (data, value as u64))
        .ok_or("Require a valid integer value to store")
}

fn stored(name: &str, settings: &TableSettings) -> Result<DataType, &'static str> {
    let data = DataType::named(name).ok_or("Unknown data type")?;
    settings
        .stores(data)
        .then_some(data)
        .ok_or("Data type not stored in this table")
}

impl Wanted {
    fn read(args: &[String], settings: &TableSettings, verb: Verb) -> Result<Wanted, Reply> {
        let arg = |n: usize| args.get(n).map_or("", String::as_str);
        match arg(0) {
            "" => Ok(Wanted::All),
            "key" if arg(1).is_empty() => Err(Reply::error("Key value expected")),
            "key" => read_key(arg(1), settings.key, verb).map(Wanted::Key),
            "ptr" if arg(1).is_empty() => Err(Reply::error("Pointer value expected")),
            "ptr" => read_pointer(arg(1)).map(Wanted::Pointer),
            word if word.starts_with("data.") => Wanted::data(args, settings),
            _ if verb == Verb::Clear => Err(Reply::error(CLEAR)),
            _ => Err(Reply::error(ONLY)),
        }
    }

    fn data(args: &[String], settings: &TableSettings) -> Result<Wanted, Reply> {
        let mut filters = Vec::new();
        for (number, filter) in args.chunks(3).take(MOST_FILTERS).enumerate() {
            let why = match Filter::read(filter, settings) {
                Ok(filter) => {
                    filters.push(filter);
                    continue;
                }
                Err(why) => why,
            };
            return Err(Reply::error(format!("Filter entry #{}: {why}", number + 1)));
        }
        let read = 3 * MOST_FILTERS;
        match args.get(read) {
            None => Ok(Wanted::Data(filters)),
            Some(_) => {
                // Counted with the words `show table NAME`.
                let (number, last) = (read + 4, &args[read - 1]);
                let text = format!("Detected extra data in filter, {number}th word of input, after '{last}'");
                Err(Reply::error(text))
            }
        }
    }
}

/// Whether all of them hold.
fn fits(entry: &Dumped, filters: &[Filter], settings: &TableSettings) -> bool {
    let number = |data| entry.value(data).map_or(0, |value| value.shown(settings));
    let holds = |f: &Filter| f.holds(i64::try_from(number(f.data)).unwrap_or(i64::MAX));
    filters.iter().all(holds)
}

impl Filter {
    fn read(words: &[String], settings: &TableSettings) -> Result<Filter, &'static str> {
        let word = |n: usize| words.get(n).map_or("", String::as_str);
        let data = stored(word(0).strip_prefix("data.").unwrap_or_default(), settings)?;
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
        Ok(Filter { data, operator, value })
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

#[cfg(test)]
mod tests {
    use tandem_lb_core::ServerId;
    use tandem_lb_core::stick::{StickTable, Stored};

    use super::*;

    fn settings() -> TableSettings {
        let mut settings = TableSettings::new(KeyType::Ipv4, 10);
        settings.also(DataType::ServerId);
        settings
    }

    fn read(text: &str) -> Result<Wanted, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Wanted::read(&words, &settings(), Verb::Show).map_err(|reply| match reply {
            Reply::Message(_, text) => text,
            _ => String::new(),
        })
    }

    #[test]
    fn filters() {
        assert_eq!(read(""), Ok(Wanted::All));
        assert_eq!(
            read("key 192.0.2.1"),
            Ok(Wanted::Key(Some(Key::V4([192, 0, 2, 1].into()))))
        );
        let filter = |operator, value| Filter {
            data: DataType::ServerId,
            operator,
            value,
        };
        assert_eq!(
            read("data.server_id ge 2 data.server_id ne 3"),
            Ok(Wanted::Data(vec![
                filter(Operator::AtLeast, 2),
                filter(Operator::NotEqual, 3)
            ]))
        );
        assert_eq!(read("ptr 0x1f"), Ok(Wanted::Pointer(31)));
        assert_eq!(read("ptr 1f"), Ok(Wanted::Pointer(31)));
        let wrong = [
            ("ptr", "Pointer value expected"),
            ("ptr x", "Invalid pointer: write it as the entry's line has it, 0x..."),
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
        let five = read(&"data.server_id gt 1 ".repeat(5));
        assert_eq!(
            five,
            Err("Detected extra data in filter, 16th word of input, after '1'".to_owned())
        );
    }

    #[test]
    fn a_line() {
        let mut settings = settings();
        settings.also(DataType::ServerKey);
        settings.also(DataType::BytesInCnt);
        let array = |data, count, period| Stored { data, count, period };
        settings
            .store
            .extend([array(DataType::Gpc, 2, 0), array(DataType::GpcRate, 1, 500)]);
        let mut table = StickTable::new(settings, [1, 2]);
        let (now, key) = (Mono::from_millis(5), Key::V4([192, 0, 2, 1].into()));
        table.store(&key, ServerId(3), "a", now);
        let entry = table.dump(&key, now).expect("it is there");
        let text = line(&entry, table.settings());
        let (_, behind) = text.split_once(": ").expect("a number first");
        assert_eq!(
            behind,
            "key=192.0.2.1 use=0 exp=0 server_id=3 bytes_in_cnt=0 server_key=a gpc0=0 gpc1=0 gpc0_rate(500)=0\n"
        );
    }

    /// `brates-factor`: what is counted are blocks, what is shown and compared are bytes.
    #[test]
    fn rates_of_bytes_that_are_counted_in_blocks() {
        let mut settings = TableSettings::new(KeyType::Ipv4, 10);
        settings.bytes_unit = 1024;
        settings.store.push(Stored {
            data: DataType::BytesInRate,
            count: 1,
            period: 1000,
        });
        let mut table = StickTable::new(settings, [1, 2]);
        let (now, key) = (Mono::from_millis(5), Key::V4([192, 0, 2, 1].into()));
        let place = table.obtain(&key, now).expect("there is room");
        table.spend(place, DataType::BytesInRate, 2000, now);
        let entry = table.dump(&key, now).expect("it is there");
        let text = line(&entry, table.settings());
        assert!(text.ends_with(" bytes_in_rate(1000)=2048\n"), "{text}");
        for (operator, value) in [(Operator::Equal, 2048), (Operator::Greater, 1500)] {
            let filter = Filter {
                data: DataType::BytesInRate,
                operator,
                value,
            };
            assert!(fits(&entry, &[filter], table.settings()), "{filter:?}");
        }
    }

    #[test]
    fn comparisons() {
        let filter = |operator| Filter {
            data: DataType::ServerId,
            operator,
            value: 2,
        };
        let holds = |operator| [1, 2, 3].map(|stored| filter(operator).holds(stored));
        assert_eq!(holds(Operator::Equal), [false, true, false]);
        assert_eq!(holds(Operator::NotEqual), [true, false, true]);
        assert_eq!(holds(Operator::AtMost), [true, true, false]);
        assert_eq!(holds(Operator::AtLeast), [false, true, true]);
        assert_eq!(holds(Operator::Less), [true, false, false]);
        assert_eq!(holds(Operator::Greater), [false, false, true]);
    }
}
