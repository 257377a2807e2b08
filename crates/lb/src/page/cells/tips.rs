//! What is said when somebody points at a cell: a name and a value on each line.

use tandem_lb_core::stats::{Field, Kind, Row};

use tandem_ops::web::words::grouped;

pub(in super::super) type Tip = Vec<(String, String)>;

pub(super) fn rate(row: &Row, field: Field, which: &str) -> Tip {
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

pub(super) fn sessions(row: &Row) -> Tip {
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

pub(super) fn total(row: &Row) -> Tip {
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

pub(super) fn resets(row: &Row) -> Tip {
    let [clients, servers] = [Field::CliAbrt, Field::SrvAbrt].map(|field| grouped(row.number(field)));
    vec![(
        "Connection resets during transfers:".to_owned(),
        format!("{clients} client, {servers} server"),
    )]
}
