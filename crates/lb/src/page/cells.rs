//! A row of the statistics as cells of the page's table: HAProxy's columns, colours and tooltips (reference 3.3), and the
//! bytes of this second, which HAProxy has not.

mod checks;
mod colour;
mod columns;
mod tips;

use tandem_lb_core::stats::{Field, Kind, Row};

pub(super) use colour::class;
pub(super) use columns::{COLUMNS, Column, Group, groups};

use checks::{downtime, failed_checks, last_check, status, weight};
use tandem_ops::web::words::{bytes, duration, grouped};
use tips::Tip;

/// One cell. `tip` is what is said when somebody points at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) head: &'static str,
    pub(super) label: &'static str,
    pub(super) text: String,
    /// What it sorts by.
    pub(super) sort: String,
    pub(super) class: &'static str,
    /// The first of its group.
    pub(super) opens: bool,
    pub(super) tip: Tip,
    /// The row that it leads to.
    pub(super) link: Option<String>,
}

/// The cells of one row, one for each column.
pub(super) fn cells(row: &Row) -> Vec<Cell> {
    let is_server = row.kind() == Kind::Server;
    let limit = |field| match row.number(field) {
        0 => dash(),
        n => number(n),
    };
    let only = |kinds: &[Kind], cell: Cell| {
        if kinds.contains(&row.kind()) {
            cell
        } else {
            Cell::default()
        }
    };
    let (behind, front, server) = ([Kind::Backend, Kind::Server], [Kind::Frontend], [Kind::Server]);
    let count = |field| counted(row, field);
    let values = [
        count(Field::Qcur).key(),
        count(Field::Qmax),
        only(&server, limit(Field::Qlimit)),
        count(Field::Rate).key().tip(tips::rate(row, Field::Rate, "Current")),
        count(Field::RateMax).tip(tips::rate(row, Field::RateMax, "Max")),
        only(&front, limit(Field::RateLim)),
        count(Field::Scur).key().tip(tips::sessions(row)),
        count(Field::Smax),
        // A listener has the limit of its frontend, and none of its own.
        if row.kind() == Kind::Listener {
            count(Field::Slim)
        } else {
            limit(Field::Slim)
        },
        count(Field::Stot).key().tip(tips::total(row)),
        only(&behind, count(Field::Lbtot)),
        only(&behind, last_session(row)),
        size(row, Field::Bin).key(),
        size(row, Field::Bout).key(),
        size(row, Field::TandemBinRate),
        size(row, Field::TandemBoutRate),
        count(Field::Dreq).bad(),
        count(Field::Dresp).bad(),
        count(Field::Ereq).bad(),
        count(Field::Econ).bad(),
        count(Field::Eresp).bad().tip(tips::resets(row)),
        count(Field::Wretr).bad(),
        count(Field::Wredis).bad(),
        status(row),
        only(&server, last_check(row)),
        only(&behind, weight(row)),
        only(
            &behind,
            if is_server {
                yes(row, Field::Act)
            } else {
                count(Field::Act)
            },
        ),
        only(
            &behind,
            if is_server {
                yes(row, Field::Bck)
            } else {
                count(Field::Bck)
            },
        ),
        only(&server, failed_checks(row)),
        only(&behind, count(Field::Chkdown).bad()),
        only(&behind, downtime(row)),
        only(&server, limit(Field::Throttle)),
    ];
    let mut group = "";
    COLUMNS
        .iter()
        .zip(values)
        .map(|(column, cell)| {
            let opens = std::mem::replace(&mut group, column.group) != column.group;
            Cell {
                head: column.head,
                label: column.label,
                opens,
                ..cell
            }
        })
        .collect()
}

impl Cell {
    /// Also shown where there is little room.
    fn key(self) -> Cell {
        let class = if self.class == "zero" { "zero key" } else { "key" };
        Cell { class, ..self }
    }

    /// Not good when it is not zero.
    fn bad(self) -> Cell {
        let is_good = self.text.is_empty() || self.class == "zero";
        Cell {
            class: if is_good { self.class } else { "bad" },
            ..self
        }
    }

    fn tip(self, tip: Tip) -> Cell {
        let tip = if self.text.is_empty() { Vec::new() } else { tip };
        Cell { tip, ..self }
    }
}

fn number(n: i128) -> Cell {
    Cell {
        text: grouped(n),
        sort: n.to_string(),
        class: if n == 0 { "zero" } else { "" },
        ..Cell::default()
    }
}

fn text(text: impl Into<String>, sort: i128) -> Cell {
    Cell {
        text: text.into(),
        sort: sort.to_string(),
        ..Cell::default()
    }
}

fn dash() -> Cell {
    Cell {
        class: "zero",
        ..text("-", 0)
    }
}

fn counted(row: &Row, field: Field) -> Cell {
    row.value(field)
        .map_or_else(Cell::default, |_| number(row.number(field)))
}

fn size(row: &Row, field: Field) -> Cell {
    let n = row.number(field);
    Cell {
        class: if n == 0 { "zero" } else { "" },
        ..text(bytes(n), n)
    }
    .tip(vec![(field_words(field).to_owned(), grouped(n))])
}

fn field_words(field: Field) -> &'static str {
    match field {
        Field::Bin => "Bytes from clients:",
        Field::Bout => "Bytes to clients:",
        Field::TandemBinRate => "Bytes from clients in the last second:",
        _ => "Bytes to clients in the last second:",
    }
}

fn yes(row: &Row, field: Field) -> Cell {
    if row.number(field) > 0 { text("Y", 1) } else { dash() }
}

fn last_session(row: &Row) -> Cell {
    match row.number(Field::Lastsess) {
        ..0 => Cell {
            class: "zero",
            ..text("?", i128::MAX)
        },
        seconds => text(duration(seconds), seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn server(status: &str, backup: u32, weight: u32) -> Row {
        let mut row = Row::new(Kind::Server, "be", "a", 2, 1);
        row.set(Field::Status, status);
        row.set(Field::Bck, backup);
        row.set(Field::Weight, weight);
        row
    }

    #[test]
    fn a_cell_for_each_column() {
        let mut row = server("UP", 0, 1);
        row.set(Field::Lastchg, 114u32);
        row.set(Field::CheckStatus, "* L4OK");
        row.set(Field::CheckDuration, 1u64);
        let cells = cells(&row);
        assert_eq!(cells.len(), COLUMNS.len());
        let texts: Vec<&str> = cells.iter().map(|c| c.text.as_str()).collect();
        assert!(
            texts.contains(&"1m54s UP") && texts.contains(&"* L4OK in 1ms"),
            "{texts:?}"
        );
        assert_eq!(groups().iter().map(|g| g.columns).sum::<usize>(), COLUMNS.len());
        assert_eq!(
            groups()[2],
            Group {
                name: "Sessions",
                columns: 6
            }
        );
    }
}
