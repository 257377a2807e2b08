//! A row of the statistics as cells of the page's table: HAProxy's columns, colours and tooltips (reference 3.3), and the
//! bytes of this second, which HAProxy has not.

use tandem_lb_core::stats::{Field, Kind, Row};

use super::words::{bytes, duration, grouped};

/// One column: the group above it, its head, and what a screen reader says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) group: &'static str,
    pub(super) head: &'static str,
    pub(super) label: &'static str,
}

/// A group of columns and how many they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) columns: usize,
}

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
    pub(super) tip: Vec<(String, String)>,
    /// The row that it leads to.
    pub(super) link: Option<String>,
}

const fn column(group: &'static str, head: &'static str, label: &'static str) -> Column {
    Column { group, head, label }
}

pub(super) const COLUMNS: &[Column] = &[
    column("Queue", "Cur", "Queue now"),
    column("Queue", "Max", "Queue max"),
    column("Queue", "Limit", "Queue limit"),
    column("Session rate", "Cur", "Sessions/s"),
    column("Session rate", "Max", "Sessions/s max"),
    column("Session rate", "Limit", "Sessions/s limit"),
    column("Sessions", "Cur", "Sessions"),
    column("Sessions", "Max", "Sessions max"),
    column("Sessions", "Limit", "Sessions limit"),
    column("Sessions", "Total", "Sessions total"),
    column("Sessions", "LbTot", "Balanced"),
    column("Sessions", "Last", "Last session"),
    column("Bytes", "In", "Bytes in"),
    column("Bytes", "Out", "Bytes out"),
    column("Bytes", "In/s", "Bytes in/s"),
    column("Bytes", "Out/s", "Bytes out/s"),
    column("Denied", "Req", "Denied requests"),
    column("Denied", "Resp", "Denied responses"),
    column("Errors", "Req", "Request errors"),
    column("Errors", "Conn", "Connection errors"),
    column("Errors", "Resp", "Response errors"),
    column("Warnings", "Retr", "Retries"),
    column("Warnings", "Redis", "Redispatches"),
    column("Server", "Status", "Status"),
    column("Server", "LastChk", "Last check"),
    column("Server", "Wght", "Weight"),
    column("Server", "Act", "Active"),
    column("Server", "Bck", "Backup"),
    column("Server", "Chk", "Failed checks"),
    column("Server", "Dwn", "Times down"),
    column("Server", "Dwntme", "Downtime"),
    column("Server", "Thrtle", "Throttle"),
];

pub(super) fn groups() -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for column in COLUMNS {
        match groups.last_mut().filter(|group| group.name == column.group) {
            Some(group) => group.columns += 1,
            None => groups.push(Group {
                name: column.group,
                columns: 1,
            }),
        }
    }
    groups
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
        count(Field::Rate).key().tip(rate_tip(row, Field::Rate, "Current")),
        count(Field::RateMax).tip(rate_tip(row, Field::RateMax, "Max")),
        only(&front, limit(Field::RateLim)),
        count(Field::Scur).key().tip(sessions_tip(row)),
        count(Field::Smax),
        // A listener has the limit of its frontend, and none of its own.
        if row.kind() == Kind::Listener {
            count(Field::Slim)
        } else {
            limit(Field::Slim)
        },
        count(Field::Stot).key().tip(total_tip(row)),
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
        count(Field::Eresp).bad().tip(resets_tip(row)),
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

/// The colour of a row, by HAProxy's names.
pub(super) fn class(row: &Row) -> &'static str {
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

    fn tip(self, tip: Vec<(String, String)>) -> Cell {
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

fn status(row: &Row) -> Cell {
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

fn last_check(row: &Row) -> Cell {
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

fn weight(row: &Row) -> Cell {
    let (now, user) = (row.number(Field::Weight), row.number(Field::Uweight));
    text(format!("{now}/{user}"), now)
}

fn failed_checks(row: &Row) -> Cell {
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

fn downtime(row: &Row) -> Cell {
    let seconds = row.number(Field::Downtime);
    match row.value(Field::Downtime) {
        None => Cell::default(),
        Some(_) => Cell {
            class: if seconds == 0 { "zero" } else { "" },
            ..text(duration(seconds), seconds)
        },
    }
}

fn rate_tip(row: &Row, field: Field, which: &str) -> Vec<(String, String)> {
    let mut tip = Vec::new();
    if row.kind() == Kind::Frontend {
        let connections = if field == Field::Rate {
            Field::ConnRate
        } else {
            Field::ConnRateMax
        };
        tip.push((
            format!("{which} connection rate:"),
            format!("{}/s", grouped(row.number(connections))),
        ));
        tip.push((
            format!("{which} session rate:"),
            format!("{}/s", grouped(row.number(field))),
        ));
    }
    tip
}

fn sessions_tip(row: &Row) -> Vec<(String, String)> {
    if row.kind() != Kind::Server {
        return Vec::new();
    }
    let count = |name: &str, field| (name.to_owned(), grouped(row.number(field)));
    let limit = |name: &str, field| {
        let most = match row.number(field) {
            0 => "-".to_owned(),
            n => grouped(n),
        };
        (name.to_owned(), most)
    };
    vec![
        count("Current active connections:", Field::Scur),
        count("Current used connections:", Field::UsedConnCur),
        // Each is one client's, so none rests between two.
        count("Current idle connections:", Field::SrvIcur),
        count("- unsafe:", Field::IdleConnCur),
        count("- safe:", Field::SafeConnCur),
        count("Estimated need of connections:", Field::NeedConnEst),
        limit("Active connections limit:", Field::Slim),
        limit("Idle connections limit:", Field::SrcIlim),
    ]
}

fn total_tip(row: &Row) -> Vec<(String, String)> {
    let mut tip = Vec::new();
    if row.kind() == Kind::Listener {
        return tip;
    }
    if row.kind() == Kind::Frontend {
        tip.push(("Cum. connections:".to_owned(), grouped(row.number(Field::ConnTot))));
    }
    tip.push(("Cum. sessions:".to_owned(), grouped(row.number(Field::Stot))));
    if row.kind() != Kind::Frontend {
        tip.push(("Max / Avg over last 1024 success. conn.".to_owned(), String::new()));
        let times = [
            ("- Queue time:", Field::QtimeMax, Field::Qtime),
            ("- Connect time:", Field::CtimeMax, Field::Ctime),
            ("- Total time:", Field::TtimeMax, Field::Ttime),
        ];
        for (name, max, average) in times {
            let value = format!("{} / {} ms", grouped(row.number(max)), grouped(row.number(average)));
            tip.push((name.to_owned(), value));
        }
    }
    tip
}

fn resets_tip(row: &Row) -> Vec<(String, String)> {
    let [clients, servers] = [Field::CliAbrt, Field::SrvAbrt].map(|field| grouped(row.number(field)));
    vec![(
        "Connection resets during transfers:".to_owned(),
        format!("{clients} client, {servers} server"),
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(status: &str, backup: u32, weight: u32) -> Row {
        let mut row = Row::new(Kind::Server, "be", "a", 2, 1);
        row.set(Field::Status, status);
        row.set(Field::Bck, backup);
        row.set(Field::Weight, weight);
        row
    }

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
