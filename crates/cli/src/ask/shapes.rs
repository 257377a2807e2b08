//! The rarer shapes of answers, each told by how all of its lines look.

use serde_json::{Value, json};

use super::answer::{pair, value};
use super::fields::{Fields, assigned, unique};

/// All of the lines, or nothing.
fn each(lines: &[&str], one: impl Fn(&str) -> Option<Value>) -> Option<Value> {
    let all: Option<Vec<Value>> = lines.iter().map(|line| one(line)).collect();
    all.filter(|all| !all.is_empty()).map(Value::Array)
}

/// `show info typed` and `show stat typed`: `F.1.0.4.scur.1:MGP:u32:3`.
pub(super) fn typed(lines: &[&str]) -> Option<Value> {
    each(lines, |line| {
        let mut parts = line.splitn(4, ':');
        let (name, tags, kind, text) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_typed = name.contains('.') && tags.len() >= 3 && tags.chars().all(char::is_alphabetic);
        let is_known = matches!(kind, "s32" | "s64" | "u32" | "u64" | "flt" | "str");
        (is_typed && is_known).then(|| {
            let value = if kind == "str" { json!(text) } else { value(text) };
            json!({ "name": name, "tags": tags, "type": kind, "value": value })
        })
    })
}

/// `3 (initial 5)`
pub(super) fn weight(lines: &[&str]) -> Option<Value> {
    let [line] = lines else { return None };
    let (now, rest) = line.split_once(" (initial ")?;
    let (now, initial) = (now.parse::<u32>().ok()?, rest.strip_suffix(')')?.parse::<u32>().ok()?);
    Some(json!({ "weight": now, "initial": initial }))
}

/// `proc.name: type=sint value=<42>`
pub(super) fn variable(lines: &[&str]) -> Option<Value> {
    let [line] = lines else { return None };
    let (name, rest) = line.split_once(": type=")?;
    let (kind, text) = rest.split_once(" value=<")?;
    Some(json!({ "name": name, "type": kind, "value": value(text.strip_suffix('>')?) }))
}

/// What `help` lists.
pub(super) fn commands(lines: &[&str]) -> Option<Value> {
    let (head, rest) = lines.split_first()?;
    if !head.ends_with(':') {
        return None;
    }
    each(rest, |line| {
        let (usage, about) = line.strip_prefix("  ")?.split_once(": ")?;
        Some(json!({ "command": usage.trim_end(), "about": about }))
    })
}

/// `0x55…-0x55… (0x0001000) /file`
pub(super) fn libraries(lines: &[&str]) -> Option<Value> {
    each(lines, |line| {
        let mut words = line.splitn(3, ' ');
        let (start, end) = words
            .next()?
            .split_once('-')
            .filter(|(start, _)| start.starts_with("0x"))?;
        let size = words.next()?.strip_prefix('(')?.strip_suffix(')')?;
        Some(json!({ "start": start, "end": end, "size": size, "file": words.next()? }))
    })
}

/// The master socket's processes, by kind.
pub(super) fn processes(lines: &[&str]) -> Option<Value> {
    let (head, rest) = lines.split_first()?;
    if !head.starts_with("#<PID>") {
        return None;
    }
    let (mut rows, mut group) = (Vec::new(), None);
    for line in rest {
        if let Some(title) = line.strip_prefix("# ") {
            group = Some(title);
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let (pid, kind, reloads, failed, uptime, version) = match *words {
            [pid, kind, reloads, uptime, version] => (pid, kind, reloads, None, uptime, version),
            [pid, kind, reloads, "[failed:", failed, uptime, version] => {
                (pid, kind, reloads, Some(failed), uptime, version)
            }
            _ => return None,
        };
        let mut row =
            json!({ "pid": value(pid), "type": kind, "reloads": value(reloads), "uptime": uptime, "version": version });
        if let Some(failed) = failed {
            row["failed"] = value(failed.trim_end_matches(']'));
        }
        if let Some(group) = group {
            row["group"] = json!(group);
        }
        rows.push(row);
    }
    Some(Value::Array(rows))
}

/// `  - Pool name (16 bytes) : 3 allocated (48 bytes), …`
pub(super) fn pools(lines: &[&str]) -> Option<Value> {
    let [head, rest @ .., total] = lines else { return None };
    if !head.starts_with("Dumping pools usage") {
        return None;
    }
    let rows: Option<Vec<Value>> = rest.iter().map(|line| pool(line)).collect();
    let totals = numbers(total);
    let [count, allocated, used, cached] = &*totals else {
        return None;
    };
    Some(
        json!({ "pools": rows?, "count": count, "bytes_allocated": allocated, "bytes_used": used, "bytes_cached": cached }),
    )
}

fn pool(line: &str) -> Option<Value> {
    let (name, rest) = line.trim_start().strip_prefix("- Pool ")?.split_once(" (")?;
    let mut parts = rest.split(", ");
    let (first, second) = (
        numbers(parts.next()?),
        parts.next()?.strip_suffix(" by thread caches)")?,
    );
    let second = numbers(second);
    let ([size, allocated, bytes], [used, cached]) = (&*first, &*second) else {
        return None;
    };
    let mut pool =
        json!({ "pool": name, "size": size, "allocated": allocated, "bytes": bytes, "used": used, "cached": cached });
    for part in parts {
        match part.split_once(' ') {
            Some(("needed_avg", count)) => pool["needed_avg"] = value(count),
            Some((count, name @ ("failures" | "users"))) => pool[name] = value(count),
            _ => pool["more"] = json!([pool["more"].as_str().unwrap_or_default(), part].join(" ").trim_start()),
        }
    }
    Some(pool)
}

/// `# bkname/svname … idle_per_thr[2]` and rows, of which the last column is all that is left.
pub(super) fn connections(lines: &[&str]) -> Option<Value> {
    let (head, rows) = lines.split_first()?;
    let names: Vec<&str> = head
        .strip_prefix("# ")
        .filter(|head| head.starts_with("bkname/svname "))?
        .split(' ')
        .collect();
    let (last, names) = names.split_last()?;
    let last = last.split('[').next().unwrap_or_default();
    each(rows, |row| {
        let mut words = row.split(' ');
        // One of the columns has no name, and nothing in it.
        let named = names.iter().zip(words.by_ref()).filter(|both| both != &(&"-", "-"));
        let mut object = unique(named.map(|(name, word)| Some(((*name).to_owned(), value(word)))))?;
        object.insert(last.to_owned(), words.map(value).collect());
        Some(Value::Object(object))
    })
    .or_else(|| rows.is_empty().then(|| json!([])))
}

/// `show sess all`: each with what its first line says, whom it leads to whom, and the other lines as they are.
pub(super) fn sessions_in_full(lines: &[&str]) -> Option<Value> {
    let mut all: Vec<Fields> = Vec::new();
    for line in lines {
        let is_session = |(id, rest): &(&str, &str)| id.starts_with("0x") && rest.contains(" proto=");
        if let Some((id, rest)) = line.split_once(": [").filter(is_session) {
            let (began, rest) = rest.split_once("] ")?;
            let own = [("session", json!(id)), ("began", json!(began)), ("lines", json!([]))];
            let own = own.map(|(name, said)| (name.to_owned(), said));
            all.push(assigned(Fields::from_iter(own), rest));
            continue;
        }
        let session = all.last_mut()?;
        let line = line.trim();
        match line.split_once('=') {
            Some((name @ ("frontend" | "backend" | "server"), said)) if !session.contains_key(name) => {
                session.insert(name.to_owned(), json!(said));
            }
            _ => session.get_mut("lines")?.as_array_mut()?.push(json!(line)),
        }
    }
    (!all.is_empty()).then(|| json!(all))
}

/// All numbers in a text.
fn numbers(text: &str) -> Vec<u64> {
    let words = text.split(|c: char| !c.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).collect()
}

/// ` Thread 1 : id=0x7f … act=0 …` and what is indented below it.
pub(super) fn threads(lines: &[&str]) -> Option<Value> {
    let mut all: Vec<(&str, String)> = Vec::new();
    for line in lines {
        let rest = line.trim_start_matches(['*', '>', ' ']).strip_prefix("Thread ");
        if let Some((number, rest)) = rest.and_then(|rest| rest.split_once(':')) {
            all.push((number.trim(), rest.to_owned()));
        } else {
            all.last_mut()?.1.push_str(&format!(" {line}"));
        }
    }
    let own = |number: &str| Fields::from_iter([("thread".to_owned(), value(number))]);
    let all: Vec<Fields> = all.iter().map(|(number, words)| assigned(own(number), words)).collect();
    (!all.is_empty()).then(|| json!(all))
}

/// `      6 : l.st=RDY fe=web …`: what is open.
pub(super) fn files(lines: &[&str]) -> Option<Value> {
    each(lines, |line| {
        let (number, rest) = line.split_once(" : ")?;
        let number: u32 = number.trim().parse().ok()?;
        let own = Fields::from_iter([("fd".to_owned(), json!(number))]);
        Some(Value::Object(assigned(own, rest)))
    })
}

/// `    buf0       : type=buffer, 0 dropped, what it is`
pub(super) fn sinks(lines: &[&str]) -> Option<Value> {
    let (head, rest) = lines.split_first()?;
    if !head.starts_with("Supported ") {
        return None;
    }
    let one = |line: &&str| {
        let (name, rest) = line.split_once(" : ")?;
        let mut parts = rest.splitn(3, ", ");
        let kind = parts.next()?.strip_prefix("type=")?;
        let dropped = value(parts.next()?.split(' ').next()?);
        Some(json!({ "sink": name.trim(), "type": kind, "dropped": dropped, "about": parts.next()? }))
    };
    let all: Option<Vec<Value>> = rest.iter().map(one).collect();
    all.map(Value::Array)
}

/// `Total events captured on [date] : 0`
pub(super) fn captured(lines: &[&str]) -> Option<Value> {
    let (line, events) = lines.split_first()?;
    let (at, total) = line.strip_prefix("Total events captured on [")?.split_once("] : ")?;
    Some(json!({ "at": at, "total": value(total), "events": events }))
}

/// Names below `# transaction` and `# filename`: certificates and their like.
pub(super) fn filenames(lines: &[&str]) -> Option<Value> {
    let mut all = Fields::new();
    let mut kind = None;
    for line in lines {
        match line.strip_prefix("# ") {
            Some(title) if all.contains_key(title) => return None,
            Some(title) => {
                all.insert(title.to_owned(), json!([]));
                kind = Some(title);
            }
            None => all.get_mut(kind?)?.as_array_mut()?.push(json!(line)),
        }
    }
    (!all.is_empty()).then_some(Value::Object(all))
}

/// Lines of which some stand below others: each with what it says, and those below it.
pub(super) fn tree(lines: &[&str]) -> Option<Value> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let first = depth(lines.first()?);
    lines
        .iter()
        .any(|line| depth(line) > first)
        .then(|| branches(lines, &depth))
}

fn branches(lines: &[&str], depth: &impl Fn(&str) -> usize) -> Value {
    let mut all = Vec::new();
    let mut rest = lines;
    while let Some((head, below)) = rest.split_first() {
        let end = below
            .iter()
            .position(|line| depth(line) <= depth(head))
            .unwrap_or(below.len());
        let (inside, next) = below.split_at(end);
        all.push(branch(head.trim(), inside, depth));
        rest = next;
    }
    Value::Array(all)
}

fn branch(line: &str, inside: &[&str], depth: &impl Fn(&str) -> usize) -> Value {
    let leaves = unique(inside.iter().map(|line| pair(line.trim())));
    let is_flat = inside.windows(2).all(|two| depth(two[0]) == depth(two[1]));
    let (assignments, words): (Vec<&str>, Vec<&str>) = line.split_whitespace().partition(|word| word.contains('='));
    let mut map = Fields::new();
    match pair(line) {
        _ if !assignments.is_empty() => {
            if !words.is_empty() {
                map.insert("name".to_owned(), json!(words.join(" ")));
            }
            map = assigned(map, &assignments.join(" "));
            None
        }
        Some((name, Value::String(text))) if text.is_empty() => map.insert("name".to_owned(), json!(name)),
        Some((name, said)) => map.insert(name, said),
        None => map.insert("name".to_owned(), json!(line)),
    };
    let is_apart = |leaves: &Fields| !leaves.keys().any(|name| map.contains_key(name));
    match leaves.filter(|leaves| is_flat && !inside.is_empty() && is_apart(leaves)) {
        Some(leaves) => map.extend(leaves),
        None if inside.is_empty() => {}
        None => drop(map.insert("below".to_owned(), branches(inside, depth))),
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::super::answer::Answer;
    use super::*;

    #[test]
    fn each_shape_becomes_what_a_script_expects() {
        for (text, expected) in [
            (
                "F.1.0.4.scur.1:MGP:u32:3\nF.1.0.0.pxname.1:KNS:str:a:b\n",
                json!([{"name":"F.1.0.4.scur.1","tags":"MGP","type":"u32","value":3},
                       {"name":"F.1.0.0.pxname.1","tags":"KNS","type":"str","value":"a:b"}]),
            ),
            ("3 (initial 5)\n", json!({"weight":3,"initial":5})),
            (
                "proc.x: type=sint value=<42>\n",
                json!({"name":"proc.x","type":"sint","value":42}),
            ),
            (
                "The following commands are valid at this level:\n  show fd [num]  : dump list\n",
                json!([{"command":"show fd [num]","about":"dump list"}]),
            ),
            (
                "0x01-0x0f (0x000f) /lib/a b\n",
                json!([{"start":"0x01","end":"0x0f","size":"0x000f","file":"/lib/a b"}]),
            ),
            (
                "#<PID>          <type>          <reloads>\n5 master 1 [failed: 2] 0d00h00m01s 2.6\n# workers\n6 worker 0 0d00h00m01s 2.6\n# programs\n",
                json!([{"pid":5,"type":"master","reloads":1,"failed":2,"uptime":"0d00h00m01s","version":"2.6"},
                       {"pid":6,"type":"worker","group":"workers","reloads":0,"uptime":"0d00h00m01s","version":"2.6"}]),
            ),
            (
                "Dumping pools usage. Use SIGQUIT to flush them.\n  - Pool be (16 bytes) : 3 allocated (48 bytes), 3 used (~0 by thread caches), needed_avg 2, 0 failures, 5 users, @0x1 [SHARED]\nTotal: 1 pools, 48 bytes allocated, 48 used (~0 by thread caches).\n",
                json!({"pools":[{"pool":"be","size":16,"allocated":3,"bytes":48,"used":3,"cached":0,
                    "needed_avg":2,"failures":0,"users":5,"more":"@0x1 [SHARED]"}],
                    "count":1,"bytes_allocated":48,"bytes_used":48,"bytes_cached":0}),
            ),
            (
                "  Thread 1 : id=0x7 act=0\n      1/1    stuck=0\n",
                json!([{"thread":1,"id":"0x7","act":0,"stuck":0,"words":["1/1"]}]),
            ),
            (
                "      6 : l.st=RDY fe=web fam=ipv4\n",
                json!([{"fd":6,"l.st":"RDY","fe":"web","fam":"ipv4"}]),
            ),
            (
                "Supported events sinks are listed below.\n    buf0       : type=buffer, 0 dropped, in-memory\n",
                json!([{"sink":"buf0","type":"buffer","dropped":0,"about":"in-memory"}]),
            ),
            (
                "Total events captured on [21/Nov/2026] : 0\n",
                json!({"at":"21/Nov/2026","total":0,"events":[]}),
            ),
            (
                "# bkname/svname bkid/svid addr port - used idle_per_thr[2]\nbe/s 3/1 ::1 80 - 2 0 1\n",
                json!([{"bkname/svname":"be/s","bkid/svid":"3/1","addr":"::1","port":80,"used":2,"idle_per_thr":[0,1]}]),
            ),
            (
                "0x1: [22/Nov/2026:01:07:13.117000] id=1 proto=tcpv4\n  flags=0x0, x=0\n  frontend=fe (id=2), listener=?\n0x2: [y] id=2 proto=unix\n",
                json!([{"session":"0x1","began":"22/Nov/2026:01:07:13.117000","id":1,"proto":"tcpv4",
                        "frontend":"fe (id=2), listener=?","lines":["flags=0x0, x=0"]},
                       {"session":"0x2","began":"y","id":2,"proto":"unix","lines":[]}]),
            ),
            (
                "0x1: [22/Nov] id=p flags=0x1\n  0x2: id=b(remote,active) addr=x:1\n        confirm=0 coll=1\n        flags=0x1\n        shared tables:\n",
                json!([{"name":"0x1: [22/Nov]","id":"p","flags":"0x1","below":[
                    {"name":"0x2:","id":"b(remote,active)","addr":"x:1","below":[{"confirm":0,"coll":1},{"flags":"0x1"},{"name":"shared tables"}]}]}]),
            ),
            (
                "# transaction\n*a.pem\n# filename\na.pem\n",
                json!({"transaction":["*a.pem"],"filename":["a.pem"]}),
            ),
            (
                "Resolvers section r\n nameserver n:\n  sent: 1\n  valid: 2\n",
                json!([{"name":"Resolvers section r","below":[{"name":"nameserver n","sent":1,"valid":2}]}]),
            ),
        ] {
            assert_eq!(Answer::of(text).json(""), expected, "{text}");
        }
    }
}
