//! `show stat typed`: a line for each value, with what kind of thing it is.

use super::quoted;
use crate::stats::Row;
use std::fmt::Write;

/// `described` adds what each field means, in quotes.
pub fn typed(rows: &[Row], described: bool) -> String {
    let mut out = String::new();
    for row in rows {
        let (kind, iid, sid) = (row.kind(), row.iid(), row.sid());
        for (field, value) in row.values() {
            let [origin, nature, scope] = field.tags(kind).letters();
            // Writing into a string cannot fail.
            let _ = write!(
                out,
                "{}.{iid}.{sid}.{}.{}.1:{origin}{nature}{scope}:{}:{}",
                kind.letter(),
                field.position(),
                field.name(),
                value.kind(),
                quoted(&value.to_string())
            );
            if described {
                let _ = write!(out, ":\"{}\"", field.about());
            }
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Field, Kind};

    #[test]
    fn a_line_says_what_it_is() {
        let mut row = Row::new(Kind::Server, "be", "a", 4, 1);
        row.set(Field::Act, 1u32);
        row.set(Field::Lastsess, -1);
        let text = typed(&[row], false);
        for line in [
            "S.4.1.0.pxname.1:KNS:str:be\n",
            "S.4.1.19.act.1:SGP:u32:1\n",
            "S.4.1.55.lastsess.1:MAP:s32:-1\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        let row = Row::new(Kind::Backend, "be", "BACKEND", 4, 0);
        assert!(typed(&[row], true).starts_with("B.4.0.0.pxname.1:KNS:str:be:\"the proxy's name\"\n"));
    }
}
