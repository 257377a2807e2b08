//! `show stat json`: an array of rows, each an array of objects; and the schema that describes them.

use crate::stats::{Row, Tags, Value};
use std::fmt::Write;

pub fn json(rows: &[Row]) -> String {
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!("[{}]", rows.join(","))
}

fn row(row: &Row) -> String {
    let mut out = String::from("[");
    for (field, value) in row.values() {
        if out.len() > 1 {
            out.push(',');
        }
        // Writing into a string cannot fail.
        let _ = write!(
            out,
            "{{\"objType\":\"{}\",\"proxyId\":{},\"id\":{},\"field\":{{\"pos\":{},\"name\":\"{}\"}},",
            row.kind().word(),
            row.iid(),
            row.sid(),
            field.position(),
            field.name()
        );
        out.push_str(&tags_and_value(field.tags(row.kind()), value));
    }
    out.push(']');
    out
}

/// The rest of an object, with its closing brace.
pub(in crate::stats) fn tags_and_value(tags: Tags, value: &Value) -> String {
    let [origin, nature, scope] = tags.words();
    let shown = match value {
        Value::Text(text) => string(text),
        number => number.to_string(),
    };
    format!(
        "\"processNum\":1,\"tags\":{{\"origin\":\"{origin}\",\"nature\":\"{nature}\",\"scope\":\"{scope}\"}},\
         \"value\":{{\"type\":\"{}\",\"value\":{shown}}}}}",
        value.kind()
    )
}

/// In quotes, with what JSON wants escaped (RFC 8259 section 7).
pub(in crate::stats) fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A JSON schema (draft 4) of `show stat json` and `show info json`.
pub fn schema() -> &'static str {
    include_str!("schema.json").trim_ascii_end()
}
