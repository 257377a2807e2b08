//! How a server is: its state, its checks, its weight, and how long it was down.

use tandem_lb_core::stats::{Field, Row};

use super::{Cell, number, text};
use tandem_ops::web::words::{duration, grouped};

pub(super) fn status(row: &Row) -> Cell {
    let status = row.text(Field::Status);
    let is_timed = row.value(Field::Lastchg).is_some() && status != "no check";
    let shown = if is_timed {
        format!("{} {status}{}", duration(row.number(Field::Lastchg)), arrow(row))
    } else {
        status.to_owned()
    };
    let tip = status
        .ends_with(UNPUBLISHED)
        .then(|| (WHY_UNPUBLISHED.to_owned(), String::new()));
    Cell {
        sort: status.to_owned(),
        class: "words key",
        ..text(shown, 0)
    }
    .tip(tip.into_iter().collect())
}

/// Where its checks are leading a server.
fn arrow(row: &Row) -> &'static str {
    let now = row.number(Field::CheckHealth);
    let most = row.number(Field::CheckRise) + row.number(Field::CheckFall) - 1;
    // HAProxy lets whoever is not checked fall as well.
    if row.value(Field::CheckHealth).is_none() {
        return "";
    }
    match (row.text(Field::Status).starts_with("DOWN"), now) {
        (true, 1..) => " \u{2191}",
        (false, _) if now < most => " \u{2193}",
        _ => "",
    }
}

/// How the state of a backend ends that no rule leads to.
const UNPUBLISHED: &str = "(UNPUB)";

const WHY_UNPUBLISHED: &str =
    "Unpublished: rules pass it over until somebody gives 'publish backend'. Its servers are checked meanwhile.";

pub(super) fn last_check(row: &Row) -> Cell {
    // Of a server that its agent took down, that is what is to be known.
    let [found, code, took, described, info] = if row.text(Field::Status).starts_with("DOWN (agent)") {
        [
            Field::AgentStatus,
            Field::AgentCode,
            Field::AgentDuration,
            Field::AgentDesc,
            Field::LastAgt,
        ]
    } else {
        [
            Field::CheckStatus,
            Field::CheckCode,
            Field::CheckDuration,
            Field::CheckDesc,
            Field::LastChk,
        ]
    };
    let found = row.text(found);
    if found.is_empty() {
        return Cell::default();
    }
    let said = |field, before: &str, behind: &str| {
        let value = row.value(field);
        value.map(|n| format!("{before}{n}{behind}")).unwrap_or_default()
    };
    let shown = format!("{found}{}{}", said(code, "/", ""), said(took, " in ", "ms"));
    let (described, info) = (row.text(described), row.text(info));
    let meaning = if info.is_empty() {
        described.to_owned()
    } else {
        format!("{described}: {info}")
    };
    Cell {
        class: "words key",
        sort: found.trim_start_matches("* ").to_owned(),
        ..text(shown, 0)
    }
    .tip(vec![(meaning, String::new())])
}

pub(super) fn weight(row: &Row) -> Cell {
    let (now, user) = (row.number(Field::Weight), row.number(Field::Uweight));
    text(format!("{now}/{user}"), now)
}

pub(super) fn failed_checks(row: &Row) -> Cell {
    let (failed, tracked) = (row.number(Field::Chkfail), row.text(Field::Tracked));
    let of = |shown: Cell, tip: &str| shown.tip(vec![(tip.to_owned(), String::new())]);
    match (row.value(Field::Chkfail), row.value(Field::Hanafail)) {
        (Some(_), Some(analyses)) => {
            let cell = Cell {
                text: format!("{}/{analyses}", grouped(failed)),
                ..number(failed)
            };
            of(cell.bad(), "Failed Health Checks/Health Analyses")
        }
        (Some(_), None) => of(number(failed).bad(), "Failed Health Checks"),
        // Whom another server checks says who that is, if his own rest is not the news.
        (None, _) if !tracked.is_empty() && row.text(Field::Status) != "MAINT" => Cell {
            class: "words",
            link: Some(tracked.to_owned()),
            ..text(format!("via {tracked}"), 0)
        },
        (None, _) => Cell::default(),
    }
}

pub(super) fn downtime(row: &Row) -> Cell {
    let seconds = row.number(Field::Downtime);
    match row.value(Field::Downtime) {
        None => Cell::default(),
        Some(_) => Cell {
            class: if seconds == 0 { "zero" } else { "" },
            ..text(duration(seconds), seconds)
        },
    }
}

#[cfg(test)]
mod tests {
    use tandem_lb_core::stats::Kind;

    use super::super::tests::server;
    use super::*;

    #[test]
    fn who_is_unpublished_says_what_that_means() {
        let of = |state: &str| {
            let mut row = Row::new(Kind::Backend, "be", "BACKEND", 2, 0);
            row.set(Field::Status, state);
            status(&row).tip
        };
        assert_eq!(of("UP (UNPUB)"), [(WHY_UNPUBLISHED.to_owned(), String::new())]);
        assert_eq!(of("DOWN (UNPUB)").len(), 1);
        assert_eq!(of("UP"), []);
    }

    #[test]
    fn where_checks_lead() {
        for (status, health, arrow) in [
            ("UP", 4u32, ""),
            ("UP 2/3", 3, " \u{2193}"),
            ("NOLB 1/3", 2, " \u{2193}"),
            ("DOWN", 0, ""),
            ("DOWN 1/2", 1, " \u{2191}"),
        ] {
            let mut row = server(status, 0, 1);
            assert_eq!(super::arrow(&row), "", "{status} without checks");
            for (field, n) in [
                (Field::CheckHealth, health),
                (Field::CheckRise, 2),
                (Field::CheckFall, 3),
            ] {
                row.set(field, n);
            }
            assert_eq!(super::arrow(&row), arrow, "{status}");
        }
    }

    #[test]
    fn what_the_last_check_and_the_agent_found() {
        let mut row = server("DOWN", 0, 1);
        row.set(Field::CheckStatus, "L7STS");
        row.set(Field::CheckCode, 503u32);
        row.set(Field::CheckDuration, 2u64);
        row.set(Field::CheckDesc, "Layer7 wrong status");
        row.set(Field::AgentStatus, "L7STS");
        row.set(Field::AgentCode, 0u32);
        row.set(Field::AgentDesc, "Layer7 wrong status");
        row.set(Field::LastAgt, "via agent : down");
        let shown = |row: &Row| {
            let cell = last_check(row);
            (cell.text, cell.tip[0].0.clone())
        };
        assert_eq!(shown(&row), ("L7STS/503 in 2ms".into(), "Layer7 wrong status".into()));
        row.set(Field::Status, "DOWN (agent)");
        let by_agent = ("L7STS/0".into(), "Layer7 wrong status: via agent : down".into());
        assert_eq!(shown(&row), by_agent);
    }

    #[test]
    fn who_counts_failures() {
        let mut row = server("UP", 0, 1);
        row.set(Field::Tracked, "be/b");
        assert_eq!(failed_checks(&row).link.as_deref(), Some("be/b"));
        row.set(Field::Status, "MAINT");
        assert_eq!(failed_checks(&row), Cell::default());
        row.set(Field::Chkfail, 3u64);
        assert_eq!(failed_checks(&row).text, "3");
        row.set(Field::Hanafail, 0u64);
        let cell = failed_checks(&row);
        assert_eq!(
            (cell.text.as_str(), cell.sort.as_str(), cell.class),
            ("3/0", "3", "bad")
        );
        assert_eq!(cell.tip[0].0, "Failed Health Checks/Health Analyses");
    }
}
