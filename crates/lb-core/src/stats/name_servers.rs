//! `show stat domain resolvers`: what was seen of name servers, in the forms of the statistics.

use std::fmt::Write;

use super::prometheus::NameServerSeen;
use super::{Nature, Origin, Scope, Tags, Value};

const ABOUT: [&str; 17] = [
    "ID",
    "Parent ID",
    "Sent",
    "Send error",
    "Valid",
    "Update",
    "CNAME",
    "CNAME error",
    "Any errors",
    "NX",
    "Timeout",
    "Refused",
    "Other",
    "Invalid",
    "Too big",
    "Truncated",
    "Outdated",
];

type Cell = (&'static str, Tags, Value);

fn cells(of: &NameServerSeen) -> Vec<Cell> {
    let named = Tags::new(Origin::Config, Nature::Gauge, Scope::Process);
    let counted = Tags::new(Origin::Metric, Nature::Gauge, Scope::Process);
    let names = [
        ("id", named, of.name.to_string().into()),
        ("pid", named, of.section.to_string().into()),
    ];
    let counts = of.words().map(|(word, count)| (word, counted, Value::U64(count)));
    names.into_iter().chain(counts).collect()
}

pub fn csv(all: &[NameServerSeen]) -> String {
    let mut out = String::new();
    let line = |out: &mut String, cells: &mut dyn Iterator<Item = String>| {
        cells.for_each(|cell| {
            out.push_str(&cell);
            out.push(',');
        });
        out.push('\n');
    };
    for (place, of) in all.iter().enumerate() {
        let cells = cells(of);
        if place == 0 {
            out.push_str("# ");
            line(&mut out, &mut cells.iter().map(|(name, ..)| (*name).to_owned()));
        }
        line(&mut out, &mut cells.iter().map(|(.., value)| value.to_string()));
    }
    out
}

pub fn typed(all: &[NameServerSeen], described: bool) -> String {
    let mut out = String::new();
    for (place, (name, tags, value)) in all.iter().flat_map(|of| cells(of).into_iter().enumerate()) {
        let [origin, nature, scope] = tags.letters();
        // Writing into a string cannot fail.
        let _ = write!(out, "N.{place}.{name}:{origin}{nature}{scope}:{}:{value}", value.kind());
        if described {
            let _ = write!(out, ":\"{}\"", ABOUT[place]);
        }
        out.push('\n');
    }
    out
}

pub fn json(all: &[NameServerSeen]) -> String {
    let object = |(place, (name, tags, value)): (usize, Cell)| {
        let [origin, nature, scope] = tags.words();
        let shown = match &value {
            Value::Text(text) => super::write::json_string(text),
            number => number.to_string(),
        };
        format!(
            "{{\"field\":{{\"pos\":{place},\"name\":\"{name}\"}},\"tags\":{{\"origin\":\"{origin}\",\"nature\":\"{nature}\",\
             \"scope\":\"{scope}\"}},\"value\":{{\"type\":\"{}\",\"value\":{shown}}}}}",
            value.kind()
        )
    };
    let row = |of: &NameServerSeen| {
        let objects: Vec<String> = cells(of).into_iter().enumerate().map(object).collect();
        format!("[{}]", objects.join(","))
    };
    let rows: Vec<String> = all.iter().map(row).collect();
    format!("[{}]", rows.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_as_haproxy_writes_it() {
        let all = [NameServerSeen {
            section: "dns".into(),
            name: "a".into(),
            seen: crate::dns::Counters::default(),
        }];
        let head = "# id,pid,sent,send_error,valid,update,cname,cname_error,any_err,nx,timeout,refused,other,invalid,too_big,\
                    truncated,outdated,\n";
        assert_eq!(csv(&all), format!("{head}a,dns,{}\n", "0,".repeat(15)));
        let lines = "N.0.id:CGP:str:a\nN.1.pid:CGP:str:dns\nN.2.sent:MGP:u64:0\n";
        assert!(typed(&all, false).starts_with(lines));
        assert!(typed(&all, true).ends_with("N.16.outdated:MGP:u64:0:\"Outdated\"\n"));
        let first = "[[{\"field\":{\"pos\":0,\"name\":\"id\"},\"tags\":{\"origin\":\"Config\",\"nature\":\"Gauge\",\
                     \"scope\":\"Process\"},\"value\":{\"type\":\"str\",\"value\":\"a\"}},";
        assert!(json(&all).starts_with(first), "{}", json(&all));
        assert_eq!(csv(&[]), "");
    }
}
