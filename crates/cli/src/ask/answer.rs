//! What a balancer answered: whether it refused, and its lines as JSON.
//!
//! HAProxy's answers have a handful of shapes (reference 4.2); each is known by its lines. What has none of them
//! stays a list of lines. Names may become keys and titles go, but nothing that is said is ever dropped: where a key
//! comes twice or a word has no place, the answer has another shape.

use serde_json::{Value, json};

use super::fields::{Fields, assigned, records, unique};
use super::shapes;
use crate::csv::cells;

/// HAProxy says this as a warning.
const SINKS: &str = "Supported events sinks";

/// So do the parts of an answer to `set server … addr` and `… fqdn` begin when it was done; they come as warnings as well.
const MOVES: [&str; 5] = [
    "IP changed from ",
    "port changed from ",
    "no need to change the addr",
    "no need to change the port",
    "no need to change the FDQN",
];

/// One answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    pub(crate) text: &'a str,
    pub(crate) refused: bool,
}

impl<'a> Answer<'a> {
    /// `text` as it came after `set severity-output number`: messages begin with `[N]: `, dumps do not.
    pub(crate) fn of(text: &'a str) -> Answer<'a> {
        let text = text.trim_matches('\n');
        let Some((severity, rest)) = message(text) else {
            return Answer { text, refused: false };
        };
        // Below a notice (5) is a warning or worse; an unknown command and a missing right are said as mere information.
        let refused = severity < 5 && !rest.starts_with(SINKS) && !has_moved(rest)
            || ["Unknown command", "Permission denied"]
                .iter()
                .any(|w| rest.starts_with(w));
        Answer { text: rest, refused }
    }

    /// What `command` was answered. The lines of a log are whatever somebody writes, and their indents mean nothing.
    pub(crate) fn json(&self, command: &str) -> Value {
        if self.refused {
            return json!({ "error": self.text });
        }
        let lines: Vec<&str> = self.text.lines().filter(|l| !l.trim().is_empty()).collect();
        if command.starts_with("show events ") || command.ends_with("show startup-logs") {
            return json!({ "lines": lines });
        }
        if let Ok(value @ (Value::Array(_) | Value::Object(_))) = serde_json::from_str(self.text) {
            return value;
        }
        let shapes = [
            tables,
            csv,
            lists,
            shapes::processes,
            shapes::connections,
            shapes::sessions_in_full,
            columns,
            sessions,
            shapes::libraries,
            entries,
            findings,
            shapes::typed,
            shapes::weight,
            shapes::variable,
            shapes::commands,
            shapes::pools,
            shapes::threads,
            shapes::files,
            shapes::sinks,
            pairs,
            assignments,
            shapes::captured,
            shapes::filenames,
            shapes::tree,
        ];
        let shaped = shapes.iter().find_map(|shape| shape(&lines));
        shaped.unwrap_or_else(|| json!({ "lines": lines }))
    }
}

fn message(text: &str) -> Option<(u8, &str)> {
    let (number, rest) = text.strip_prefix('[')?.split_once("]: ")?;
    Some((number.parse().ok()?, rest.trim_end()))
}

/// A server is elsewhere now, or was there before. An address that was taken and a port that was not is a refusal.
fn has_moved(text: &str) -> bool {
    let is_done =
        |part: &str| MOVES.iter().any(|done| part.starts_with(done)) || part.contains(" changed its FQDN from ");
    text.strip_suffix(" by 'stats socket command'")
        .is_some_and(|said| said.split(", ").all(is_done))
}

/// `# pxname,svname,…` and rows: the statistics.
fn csv(lines: &[&str]) -> Option<Value> {
    let (head, rows) = lines.split_first()?;
    let names: Vec<&str> = head.strip_prefix("# ")?.trim_end_matches(',').split(',').collect();
    if names.len() < 2 {
        return None;
    }
    rows.iter().map(|row| object(&names, cells(row))).collect()
}

/// `# table: name, type: ip, …` and its entries, once or several times.
fn tables(lines: &[&str]) -> Option<Value> {
    let mut tables: Vec<Fields> = Vec::new();
    let field = |field: &str| field.split_once(':').map(|(k, v)| (k.to_owned(), value(v.trim())));
    for line in lines {
        if let Some(head) = line.strip_prefix("# table: ") {
            let fields = format!("table: {head}");
            let entries = ("entries".to_owned(), json!([]));
            tables.push(unique(fields.split(", ").map(field).chain([Some(entries)]))?);
        } else {
            let entry = session(line)?;
            tables.last_mut()?.get_mut("entries")?.as_array_mut()?.push(entry);
        }
    }
    (!tables.is_empty()).then(|| json!(tables))
}

/// `# id (file) description` and the lists of patterns, whose figures stand behind the description.
fn lists(lines: &[&str]) -> Option<Value> {
    let rows = lines.strip_prefix(&["# id (file) description"])?;
    let one = |line: &&str| {
        let (id, rest) = line.split_once(" (")?;
        let (file, rest) = rest.split_once(") ")?;
        let (description, figures) = rest.rsplit_once(". ")?;
        let own = [
            ("id", value(id)),
            ("file", json!(file)),
            ("description", json!(description)),
        ];
        let own = own.map(|(name, said)| (name.to_owned(), said));
        Some(Value::Object(assigned(Fields::from_iter(own), figures)))
    };
    rows.iter().map(one).collect()
}

/// `0x55… key value`: what is in one of them.
fn entries(lines: &[&str]) -> Option<Value> {
    let one = |line: &&str| {
        let (id, rest) = line.split_once(' ').filter(|(id, _)| id.starts_with("0x"))?;
        Some(match rest.split_once(' ') {
            Some((key, value)) => json!({ "id": id, "key": key, "value": value }),
            None => json!({ "id": id, "key": rest }),
        })
    };
    let all: Option<Vec<Value>> = lines.iter().map(one).collect();
    all.filter(|all| !all.is_empty()).map(Value::Array)
}

/// `type=ip, case=sensitive, match=yes, …`: what is found in one.
fn findings(lines: &[&str]) -> Option<Value> {
    let one = |line: &&str| {
        let fields = line.strip_prefix("type=").map(|_| line.split(", "))?;
        let pair = |(name, text): (&str, &str)| (name.to_owned(), json!(text.trim_matches('"')));
        unique(fields.map(|field| field.split_once('=').map(pair))).map(Value::Object)
    };
    let all: Option<Vec<Value>> = lines.iter().map(one).collect();
    all.filter(|all| !all.is_empty()).map(Value::Array)
}

/// `# name other` and rows of words, or of what stands between tabs; a line with the version of the format may come
/// before (`show servers state`). One word alone is a title (`# filename`), but for `show backend`.
fn columns(lines: &[&str]) -> Option<Value> {
    let place = lines.iter().take(2).position(|l| l.starts_with("# "))?;
    if lines[..place].iter().any(|l| l.parse::<u32>().is_err()) {
        return None;
    }
    let head = &lines[place][2..];
    let split = |row: &str| -> Vec<String> {
        if head.contains('\t') {
            return row.split('\t').map(str::to_owned).collect();
        }
        row.split_whitespace().map(str::to_owned).collect()
    };
    let names = split(head);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if names.len() < 2 && names != ["name"] {
        return None;
    }
    lines[place + 1..]
        .iter()
        .map(|row| object(&names, split(row)))
        .collect()
}

/// `0x55…: key=value key=value`, one line for each.
fn sessions(lines: &[&str]) -> Option<Value> {
    let all: Option<Vec<Value>> = lines.iter().map(|l| session(l)).collect();
    all.filter(|all| !all.is_empty()).map(Value::Array)
}

fn session(line: &str) -> Option<Value> {
    let (id, rest) = line.split_once(": ")?;
    if !id.starts_with("0x") {
        return None;
    }
    let own = Fields::from_iter([("id".to_owned(), json!(id))]);
    Some(Value::Object(assigned(own, rest)))
}

/// `Key: value` on each line.
fn pairs(lines: &[&str]) -> Option<Value> {
    let all: Option<Vec<(String, Value)>> = lines.iter().map(|l| pair(l)).collect();
    all.filter(|all| all.len() > 1).map(records)
}

/// A colon within a word is no end of a key: `08:43:01`.
pub(super) fn pair(line: &str) -> Option<(String, Value)> {
    let (key, rest) = line.split_once(':')?;
    let is_key = key.starts_with(char::is_alphabetic) && (rest.is_empty() || rest.starts_with(' '));
    is_key.then(|| (key.trim_end().to_owned(), value(rest.trim())))
}

/// `NAME=value` on each line: the environment.
fn assignments(lines: &[&str]) -> Option<Value> {
    let pair = |(k, v): (&str, &str)| (k.to_owned(), json!(v));
    let is_name = |(k, _): &(&str, &str)| !k.contains(char::is_whitespace);
    let all = unique(lines.iter().map(|line| line.split_once('=').filter(is_name).map(pair)))?;
    (!all.is_empty()).then_some(Value::Object(all))
}

/// A row with more than there are names has another shape.
fn object(names: &[&str], cells: Vec<String>) -> Option<Value> {
    if cells.iter().skip(names.len()).any(|cell| !cell.is_empty()) {
        return None;
    }
    let filled = names.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
    unique(filled.map(|(name, cell)| Some(((*name).to_owned(), value(&cell))))).map(Value::Object)
}

/// Whole numbers are numbers, the rest is text.
pub(super) fn value(text: &str) -> Value {
    // "007" and "+1" are names that happen to be digits.
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => json!(number),
        _ => json!(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_becomes_what_a_script_expects() {
        for (text, expected) in [
            (
                "# pxname,svname,scur,\nbe,s1,3,\nbe,\"odd,\"\"name\",,\n",
                json!([{"pxname":"be","svname":"s1","scur":3}, {"pxname":"be","svname":"odd,\"name"}]),
            ),
            (
                "1\n# be_id be_name srv_addr\n2 l 127.0.0.1\n",
                json!([{"be_id":2,"be_name":"l","srv_addr":"127.0.0.1"}]),
            ),
            ("# name\nl\n", json!([{"name":"l"}])),
            (
                "# table: l, type: ip, size:1024, used:1\n0x7f: key=10.0.0.1 use=0 exp=5 server_id=1\n",
                json!([{"table":"l","type":"ip","size":1024,"used":1,
                        "entries":[{"id":"0x7f","key":"10.0.0.1","use":0,"exp":5,"server_id":1}]}]),
            ),
            (
                "0x1: proto=tcpv4 age=0s\n",
                json!([{"id":"0x1","proto":"tcpv4","age":"0s"}]),
            ),
            (
                "# id (file) description\n0 () acl 'src' file 'a.cfg' line 3. curr_ver=0 next_ver=1 entry_cnt=2\n",
                json!([{"id":0,"file":"","description":"acl 'src' file 'a.cfg' line 3","curr_ver":0,"next_ver":1,"entry_cnt":2}]),
            ),
            (
                "0x100000001 10.0.0.0/8 a b\n0x100000002 ::1\n",
                json!([{"id":"0x100000001","key":"10.0.0.0/8","value":"a b"}, {"id":"0x100000002","key":"::1"}]),
            ),
            (
                "type=ip, case=sensitive, match=yes, idx=tree, pattern=\"10.0.0.0/8\"\n",
                json!([{"type":"ip","case":"sensitive","match":"yes","idx":"tree","pattern":"10.0.0.0/8"}]),
            ),
            (
                "Name: HAProxy\nMaxconn: 007\n",
                json!({"Name":"HAProxy","Maxconn":"007"}),
            ),
            ("HOME=/root\nA=b=c\n", json!({"HOME":"/root","A":"b=c"})),
            ("{\"a\":1}", json!({"a":1})),
            ("[6]: 2.6.12\n\n", json!({"lines":["2.6.12"]})),
            ("\n\n", json!({"lines":[]})),
        ] {
            assert_eq!(Answer::of(text).json(""), expected, "{text}");
        }
    }

    #[test]
    fn lines_of_a_log_stay_lines() {
        let text = "[WARNING] (7) : config : f.cfg:3\n   |\n 3 | server a\n   |        ^ odd\n";
        let lines = json!({ "lines": text.lines().collect::<Vec<_>>() });
        for command in ["show startup-logs", "@1 show startup-logs"] {
            assert_eq!(Answer::of(text).json(command), lines);
        }
    }

    #[test]
    fn a_refusal_is_told_from_an_answer() {
        for (text, refused) in [
            ("\n[3]: No such server.\n\n", true),
            ("\n[6]: Unknown command, but maybe …\n", true),
            ("[6]: Permission denied\n", true),
            ("[6]: 2.6.12\n", false),
            ("# name\n[3]: a proxy's odd name\n", false),
            ("", false),
            ("[4]: IP changed from '::1' to '::2' by 'stats socket command'\n", false),
            ("[4]: no need to change the addr by 'stats socket command'\n", false),
            (
                "[4]: no need to change the addr, port changed from '1' to '2' by 'stats socket command'\n",
                false,
            ),
            (
                "[4]: be/s changed its FQDN from a to b by 'stats socket command'\n",
                false,
            ),
            ("[4]: no need to change the FDQN by 'stats socket command'\n", false),
            ("[4]: Invalid addr 'x' by 'stats socket command'\n", true),
            ("[4]: could not update be/s FQDN by 'stats socket command'\n", true),
            (
                "[4]: nothing was changed: provided port is not valid by 'stats socket command'\n",
                true,
            ),
            (
                "[4]: IP changed from '::1' to '::2', problem converting port 'x' to an int by 'stats socket command'\n",
                true,
            ),
        ] {
            assert_eq!(Answer::of(text).refused, refused, "{text}");
        }
    }
}
