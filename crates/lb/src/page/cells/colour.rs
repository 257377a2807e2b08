//! The colour of a row, by HAProxy's names.

use tandem_lb_core::stats::{Field, Kind, Row};

pub(in super::super) fn class(row: &Row) -> &'static str {
    match row.kind() {
        Kind::Frontend => "frontend",
        Kind::Backend => "backend",
        Kind::Listener => "socket",
        Kind::Server => server_class(row),
    }
}

fn server_class(row: &Row) -> &'static str {
    let status = row.text(Field::Status);
    let is_backup = row.number(Field::Bck) > 0;
    let of = |active, backup| if is_backup { backup } else { active };
    let (word, progress) = status.split_once(' ').unwrap_or((status, ""));
    match word {
        "MAINT" => "maintain",
        "DOWN" if progress.contains('/') => of("active_going_up", "backup_going_up"),
        "DOWN" => of("active_down", "backup_down"),
        "NOLB" => of("active_nolb", "backup_nolb"),
        "DRAIN" => of("active_draining", "backup_draining"),
        _ if row.number(Field::Weight) == 0 => of("active_draining", "backup_draining"),
        "no" => of("active_no_check", "backup_no_check"),
        _ if progress.contains('/') => of("active_going_down", "backup_going_down"),
        _ => of("active_up", "backup_up"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::server;
    use super::*;

    #[test]
    fn colours() {
        let rows = [
            ("UP", 0, 1, "active_up"),
            ("UP", 1, 1, "backup_up"),
            ("UP 1/3", 0, 1, "active_going_down"),
            ("UP 1/3", 1, 1, "backup_going_down"),
            ("UP", 0, 0, "active_draining"),
            ("DOWN", 0, 1, "active_down"),
            ("DOWN 1/2", 0, 1, "active_going_up"),
            ("DOWN 1/2", 1, 1, "backup_going_up"),
            ("NOLB 1/2", 0, 1, "active_nolb"),
            ("DRAIN", 1, 1, "backup_draining"),
            ("MAINT", 1, 1, "maintain"),
            ("MAINT (via be/b)", 0, 1, "maintain"),
            ("no check", 0, 1, "active_no_check"),
        ];
        for (status, backup, weight, expect) in rows {
            assert_eq!(class(&server(status, backup, weight)), expect, "{status}");
        }
    }
}
