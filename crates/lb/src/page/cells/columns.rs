//! Which columns there are, and the groups above them.

/// One column: the group above it, its head, and what a screen reader says.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Column {
    pub(in super::super) group: &'static str,
    pub(in super::super) head: &'static str,
    pub(in super::super) label: &'static str,
}

/// A group of columns and how many they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Group {
    pub(in super::super) name: &'static str,
    pub(in super::super) columns: usize,
}

const fn column(group: &'static str, head: &'static str, label: &'static str) -> Column {
    Column { group, head, label }
}

pub(in super::super) const COLUMNS: &[Column] = &[
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

pub(in super::super) fn groups() -> Vec<Group> {
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
