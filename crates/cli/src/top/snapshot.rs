//! One moment of a balancer, out of its CSV and `show info`.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::csv::cells;

/// What a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Frontend,
    Backend,
    Server,
    Listener,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) proxy: String,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) queue: u64,
    pub(super) sessions: u64,
    pub(super) sessions_max: u64,
    pub(super) limit: Option<u64>,
    pub(super) total: u64,
    /// New sessions in the last second.
    pub(super) rate: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// A second; `None` until it is known.
    pub(super) in_rate: Option<u64>,
    pub(super) out_rate: Option<u64>,
    /// Connections and answers that failed.
    pub(super) errors: u64,
    pub(super) weight: Option<u64>,
    pub(super) is_backup: bool,
    /// Seconds in this status.
    pub(super) since: Option<u64>,
    pub(super) check: String,
}

/// The balancer as a whole. Of a page there are no words about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) words: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) at: Instant,
    pub(super) process: Process,
    pub(super) rows: Vec<Row>,
}

impl Snapshot {
    /// Reads `show stat` and, where there is one, `show info`. `None` when it is no statistics.
    pub(super) fn parse(csv: &str, info: &str, at: Instant) -> Option<Snapshot> {
        let mut lines = csv.lines().skip_while(|line| line.is_empty());
        let head = lines.next()?.strip_prefix("# ")?;
        let names = cells(head);
        names.iter().find(|name| *name == "pxname")?;
        let rows = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
            let cells = cells(line);
            let named: BTreeMap<&str, &str> = names
                .iter()
                .map(String::as_str)
                .zip(cells.iter().map(String::as_str))
                .collect();
            row(&named)
        });
        let pairs = info.lines().filter_map(|line| line.split_once(": "));
        Some(Snapshot {
            at,
            process: Process {
                words: pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            },
            rows: rows.collect(),
        })
    }

    /// Fills in the bytes a second since `before`, which HAProxy does not say.
    pub(super) fn compare(&mut self, before: &Snapshot) {
        let passed = self.at.saturating_duration_since(before.at).as_secs_f64();
        if passed < 0.05 {
            return;
        }
        // Cleared counters have not grown; a rate of part of a byte is none.
        let rate = |now: u64, then: u64| Some((now.saturating_sub(then) as f64 / passed) as u64);
        for row in &mut self.rows {
            let same = |other: &&Row| other.kind == row.kind && other.proxy == row.proxy && other.name == row.name;
            if let Some(then) = before.rows.iter().find(same) {
                row.in_rate = row.in_rate.or(rate(row.bytes_in, then.bytes_in));
                row.out_rate = row.out_rate.or(rate(row.bytes_out, then.bytes_out));
            }
        }
    }
}

impl Process {
    pub(super) fn word(&self, name: &str) -> &str {
        self.words.get(name).map_or("", String::as_str)
    }
}

fn row(named: &BTreeMap<&str, &str>) -> Option<Row> {
    let text = |name: &str| named.get(name).copied().unwrap_or_default();
    let known = |name: &str| text(name).parse::<u64>().ok();
    let number = |name: &str| known(name).unwrap_or(0);
    let check = match (text("check_status"), text("check_duration")) {
        (status, "") => status.to_owned(),
        (status, ms) => format!("{status} {ms}ms"),
    };
    Some(Row {
        kind: match text("type") {
            "0" => Kind::Frontend,
            "1" => Kind::Backend,
            "2" => Kind::Server,
            "3" => Kind::Listener,
            _ => return None,
        },
        proxy: text("pxname").to_owned(),
        name: text("svname").to_owned(),
        status: text("status").to_owned(),
        queue: number("qcur"),
        sessions: number("scur"),
        sessions_max: number("smax"),
        limit: known("slim").filter(|limit| *limit > 0),
        total: number("stot"),
        rate: number("rate"),
        bytes_in: number("bin"),
        bytes_out: number("bout"),
        in_rate: known("tandem_bin_rate"),
        out_rate: known("tandem_bout_rate"),
        errors: number("econ") + number("eresp") + number("ereq"),
        weight: known("weight"),
        is_backup: text("type") == "2" && number("bck") > 0,
        since: known("lastchg"),
        check,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const CSV: &str = "# pxname,svname,scur,slim,stot,bin,bout,status,weight,bck,lastchg,type,check_status,check_duration,\n\
                       fe,FRONTEND,3,100,7,1000,2000,OPEN,,,,0,,,\n\
                       be,a,2,,5,500,700,UP 1/2,3,1,12,2,L4OK,1,\n\n> ";

    #[test]
    fn rows_by_the_names_of_their_columns() {
        let snapshot = Snapshot::parse(CSV, "Name: HAProxy\nnode: lb1\n", Instant::now()).expect("statistics");
        assert_eq!(snapshot.rows.len(), 2);
        let server = &snapshot.rows[1];
        assert_eq!((server.kind, server.sessions, server.limit), (Kind::Server, 2, None));
        assert_eq!((server.status.as_str(), server.check.as_str()), ("UP 1/2", "L4OK 1ms"));
        assert_eq!(
            (server.is_backup, server.weight, server.since),
            (true, Some(3), Some(12))
        );
        assert_eq!((snapshot.rows[0].limit, snapshot.rows[0].in_rate), (Some(100), None));
        assert_eq!((snapshot.process.word("node"), snapshot.process.word("x")), ("lb1", ""));
    }

    #[test]
    fn what_is_no_statistics() {
        for text in ["", "Permission denied\n", "# a,b\n1,2\n"] {
            assert!(Snapshot::parse(text, "", Instant::now()).is_none(), "{text}");
        }
    }

    #[test]
    fn rates_come_from_two_moments() {
        let then = Instant::now();
        let before = Snapshot::parse(CSV, "", then).expect("statistics");
        let later = CSV.replace("500,700", "2500,600");
        let mut now = Snapshot::parse(&later, "", then + Duration::from_secs(2)).expect("statistics");
        now.compare(&before);
        assert_eq!((now.rows[1].in_rate, now.rows[1].out_rate), (Some(1000), Some(0)));
    }
}
