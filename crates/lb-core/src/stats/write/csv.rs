//! `show stat` and `;csv`: a header and rows, each with a comma at its end.

use crate::stats::{Field, Row};

/// The header and the rows.
pub fn csv(rows: &[Row]) -> String {
    let mut out = String::from("# ");
    cells(&mut out, |field| field.name().to_owned());
    for row in rows {
        cells(&mut out, |field| {
            row.value(field).map(|v| quoted(&v.to_string())).unwrap_or_default()
        });
    }
    out
}

/// One line. A dash in a column of its own divides HAProxy's columns from ours.
fn cells(out: &mut String, cell: impl Fn(Field) -> String) {
    for field in Field::all() {
        if field == Field::FIRST_OWN {
            out.push_str("-,");
        }
        out.push_str(&cell(field));
        out.push(',');
    }
    out.push('\n');
}

/// In quotes only when it has to be.
pub(in crate::stats) fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Kind;

    #[test]
    fn quotes_where_needed() {
        for (text, expect) in [
            ("", ""),
            ("L4OK", "L4OK"),
            ("a b", "a b"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("a\nb", "\"a\nb\""),
        ] {
            assert_eq!(quoted(text), expect);
        }
    }

    #[test]
    fn every_line_has_as_many_cells_as_the_header() {
        let text = csv(&[Row::new(Kind::Server, "be", "a", 3, 1)]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("# pxname,svname,qcur,") && lines[0].ends_with(','));
        assert_eq!(lines[0].split(',').count(), lines[1].split(',').count());
        assert_eq!(lines[0].split(',').count(), Field::COUNT + 2);
        assert!(lines[1].starts_with("be,a,,,,") && lines[1].ends_with(','));
    }
}
