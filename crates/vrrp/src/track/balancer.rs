//! The balancer on this host, asked over its stats socket. HAProxy answers the same questions in the same way.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::rc::Rc;

use tandem_vrrp_core::Observation;
use tandem_vrrp_core::settings::{LbCondition, LbSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::Teller;

/// A table of ten thousand servers fits.
const LONGEST: u64 = 8 << 20;

/// `overloaded`: what the last answer said of that, whoever asked.
pub(super) async fn track(settings: LbSettings, tell: Teller, overloaded: Rc<Cell<bool>>) {
    let mut ticks = tokio::time::interval(settings.interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let asked = ask(&settings.socket, question(&settings.condition));
        let holds = match tokio::time::timeout(settings.patience(), asked).await {
            Ok(Ok(answer)) => holds(&settings.condition, &answer, &overloaded),
            _ => false,
        };
        tell.observed(Observation::Holds(holds)).await;
    }
}

const fn question(condition: &LbCondition) -> &'static str {
    match condition {
        LbCondition::Alive | LbCondition::HasRoom { .. } => "show info\n",
        LbCondition::FrontendOpen(_) | LbCondition::BackendHasServers { .. } => "show stat\n",
    }
}

async fn ask(socket: &Path, question: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(question.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer).await?;
    Ok(answer)
}

/// `overloaded` is what the last answer said of that: only what is below the lower bound ends it. No answer says nothing of it.
fn holds(condition: &LbCondition, answer: &str, overloaded: &Cell<bool>) -> bool {
    match condition {
        LbCondition::Alive => answer.lines().any(|line| line.starts_with("Pid:")),
        LbCondition::FrontendOpen(name) => {
            rows(answer).any(|row| row.proxy == &**name && row.server == "FRONTEND" && row.status == "OPEN")
        }
        LbCondition::BackendHasServers { backend, at_least } => {
            let serving = |row: &Row<'_>| row.proxy == &**backend && row.is_server() && row.serves();
            rows(answer).filter(serving).count() >= usize::try_from(*at_least).unwrap_or(usize::MAX)
        }
        LbCondition::HasRoom { full, again } => {
            let Some((used, most)) = number(answer, "CurrConns").zip(number(answer, "Maxconn")) else {
                return false;
            };
            let bound = u64::from(if overloaded.get() { *again } else { *full });
            overloaded.set(used.saturating_mul(100) >= most.saturating_mul(bound));
            !overloaded.get()
        }
    }
}

/// The value of a line of `show info`.
fn number(answer: &str, name: &str) -> Option<u64> {
    let mut lines = answer.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = lines.find(|(field, _)| *field == name)?;
    value.parse().ok()
}

/// What matters of a line of `show stat`.
struct Row<'a> {
    proxy: &'a str,
    server: &'a str,
    status: &'a str,
}

impl Row<'_> {
    fn is_server(&self) -> bool {
        !matches!(self.server, "FRONTEND" | "BACKEND")
    }

    /// `UP`, on its way down (`UP 1/3`), or not checked.
    fn serves(&self) -> bool {
        self.status.starts_with("UP") || self.status == "no check"
    }
}

/// The columns are named in the first line, behind a `#`.
fn rows(answer: &str) -> impl Iterator<Item = Row<'_>> {
    let mut lines = answer.lines();
    let names = lines.next().unwrap_or_default().trim_start_matches("# ");
    let place = |name: &str| names.split(',').position(|n| n == name).unwrap_or(usize::MAX);
    let [proxy, server, status] = ["pxname", "svname", "status"].map(place);
    lines.filter_map(move |line| {
        let cell = |place: usize| line.split(',').nth(place);
        Some(Row {
            proxy: cell(proxy)?,
            server: cell(server)?,
            status: cell(status)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "# pxname,svname,qcur,status,weight,\n\
        broker,FRONTEND,0,OPEN,,\n\
        closed,FRONTEND,0,STOP,,\n\
        nodes,s1,0,UP,100,\n\
        nodes,s2,0,UP 1/3,100,\n\
        nodes,s3,0,DOWN,100,\n\
        nodes,s4,0,no check,100,\n\
        nodes,s5,0,MAINT,100,\n\
        nodes,BACKEND,0,UP,400,\n\
        \n";

    #[test]
    fn what_the_table_says() {
        let backend = |at_least| LbCondition::BackendHasServers {
            backend: "nodes".into(),
            at_least,
        };
        let table = [
            (LbCondition::FrontendOpen("broker".into()), true),
            (LbCondition::FrontendOpen("closed".into()), false),
            (LbCondition::FrontendOpen("nodes".into()), false),
            (backend(3), true),
            (backend(4), false),
        ];
        for (condition, expected) in table {
            assert_eq!(holds(&condition, STAT, &Cell::new(false)), expected, "{condition:?}");
        }
        assert!(!holds(&backend(1), "", &Cell::new(false)));
    }

    #[test]
    fn alive_is_who_says_its_pid() {
        let alive = |answer| holds(&LbCondition::Alive, answer, &Cell::new(false));
        assert!(alive("Name: HAProxy\nPid: 7\n"));
        assert!(!alive("Unknown command.\n"));
    }

    /// As HAProxy 2.6 writes it, as far as that is of use here.
    fn info(used: u64) -> String {
        let before = "Name: HAProxy\nMaxsock: 431\nMaxconn: 200\nHard_maxconn: 200\n";
        format!("{before}CurrConns: {used}\nCumConns: 4711\nCurrSslConns: 0\n\n")
    }

    #[test]
    fn overload_ends_below_where_it_began() {
        let condition = LbCondition::HasRoom { full: 90, again: 70 };
        assert_eq!(question(&condition), "show info\n");
        let overloaded = Cell::new(false);
        let rows = [
            (0, true),
            (179, true),
            (180, false),
            (179, false),
            (140, false),
            (139, true),
            (140, true),
            (179, true),
            (200, false),
        ];
        for (used, expected) in rows {
            let held = holds(&condition, &info(used), &overloaded);
            assert_eq!(held, expected, "{used} connections");
        }
    }

    #[test]
    fn who_does_not_tell_how_much_is_in_use_has_no_room_and_is_not_overloaded() {
        let condition = LbCondition::HasRoom { full: 90, again: 70 };
        let overloaded = Cell::new(false);
        for answer in ["", "Unknown command.\n", "Maxconn: 200\n", "CurrConns: 0\nMaxconn: -\n"] {
            assert!(!holds(&condition, answer, &overloaded), "{answer}");
        }
        assert!(holds(&condition, &info(150), &overloaded), "it never reached 180");
    }
}
