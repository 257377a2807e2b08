//! Which rows somebody wants to see: `;up`, `;no-maint`, `?scope=` and `stats scope`.

use super::{Field, Kind, Row};

/// Servers that are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hide {
    #[default]
    Nothing,
    /// Those that are down, for maintenance or by their checks.
    Down,
    Maint,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    pub hide: Hide,
    /// Only proxies with this in their name.
    pub scope: Option<String>,
    /// Only these proxies; empty means all.
    pub only: Vec<String>,
}

impl Selection {
    /// Keeps the order. A backend whose servers may be hidden says how many of them work, as in HAProxy.
    pub fn of(&self, rows: Vec<Row>) -> Vec<Row> {
        let mut rows: Vec<Row> = rows.into_iter().filter(|row| self.wants_proxy(row)).collect();
        if self.hide != Hide::Nothing {
            count_servers(&mut rows);
            rows.retain(|row| row.kind() != Kind::Server || !self.hides(row.text(Field::Status)));
        }
        rows
    }

    fn wants_proxy(&self, row: &Row) -> bool {
        let name = row.text(Field::Pxname);
        self.scope.as_ref().is_none_or(|part| name.contains(part.as_str()))
            && (self.only.is_empty() || self.only.iter().any(|only| only == name))
    }

    fn hides(&self, status: &str) -> bool {
        let is_maint = status.starts_with("MAINT");
        match self.hide {
            Hide::Nothing => false,
            Hide::Maint => is_maint,
            Hide::Down => is_maint || status.starts_with("DOWN"),
        }
    }
}

fn count_servers(rows: &mut [Row]) {
    let mut servers: Vec<(u32, bool)> = Vec::new();
    for row in rows.iter().filter(|row| row.kind() == Kind::Server) {
        let status = row.text(Field::Status);
        servers.push((row.iid(), !status.starts_with("MAINT") && !status.starts_with("DOWN")));
    }
    for row in rows.iter_mut().filter(|row| row.kind() == Kind::Backend) {
        let own = || servers.iter().filter(|(iid, _)| *iid == row.iid());
        let (up, all) = (own().filter(|(_, is_up)| *is_up).count(), own().count());
        let status = format!("{} ({up}/{all})", row.text(Field::Status));
        row.set(Field::Status, status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: Kind, proxy: &str, name: &str, iid: u32, status: &str) -> Row {
        let mut row = Row::new(kind, proxy, name, iid, 0);
        row.set(Field::Status, status);
        row
    }

    fn rows() -> Vec<Row> {
        vec![
            row(Kind::Frontend, "fe", "FRONTEND", 2, "OPEN"),
            row(Kind::Server, "be", "a", 3, "UP 1/2"),
            row(Kind::Server, "be", "b", 3, "DOWN"),
            row(Kind::Server, "be", "c", 3, "MAINT"),
            row(Kind::Server, "be", "d", 3, "no check"),
            row(Kind::Backend, "be", "BACKEND", 3, "UP"),
        ]
    }

    fn shown(selection: &Selection) -> Vec<String> {
        let rows = selection.of(rows());
        rows.iter()
            .map(|r| format!("{}={}", r.text(Field::Svname), r.text(Field::Status)))
            .collect()
    }

    #[test]
    fn hidden_servers_are_counted() {
        let hiding = |hide| Selection {
            hide,
            ..Selection::default()
        };
        assert_eq!(shown(&hiding(Hide::Nothing)).len(), 6);
        assert_eq!(
            shown(&hiding(Hide::Down)),
            ["FRONTEND=OPEN", "a=UP 1/2", "d=no check", "BACKEND=UP (2/4)"]
        );
        assert_eq!(shown(&hiding(Hide::Maint)).len(), 5);
    }

    #[test]
    fn scopes_name_proxies() {
        let of = |scope: Option<&str>, only: &[&str]| {
            let only = only.iter().map(ToString::to_string).collect();
            shown(&Selection {
                hide: Hide::Nothing,
                scope: scope.map(ToOwned::to_owned),
                only,
            })
            .len()
        };
        assert_eq!(of(Some("b"), &[]), 5);
        assert_eq!(of(Some("e"), &[]), 6);
        assert_eq!(of(None, &["fe"]), 1);
        assert_eq!(of(Some("b"), &["fe"]), 0);
    }
}
