//! The balancer on this host, asked over its stats socket. HAProxy answers the same questions in the same way.

use std::io;
use std::path::Path;

use tandem_vrrp_core::Observation;
use tandem_vrrp_core::settings::{LbCondition, LbSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::Teller;

/// A table of ten thousand servers fits.
const LONGEST: u64 = 8 << 20;

pub(super) async fn track(settings: LbSettings, tell: Teller) {
    let mut ticks = tokio::time::interval(settings.interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let answer = tokio::time::timeout(settings.patience(), look(&settings)).await;
        let holds = answer.is_ok_and(|looked| looked.unwrap_or(false));
        tell.observed(Observation::Holds(holds)).await;
    }
}

async fn look(settings: &LbSettings) -> io::Result<bool> {
    let question = match settings.condition {
        LbCondition::Alive => "show info\n",
        _ => "show stat\n",
    };
    Ok(holds(&settings.condition, &ask(&settings.socket, question).await?))
}

async fn ask(socket: &Path, question: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(question.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer).await?;
    Ok(answer)
}

fn holds(condition: &LbCondition, answer: &str) -> bool {
    match condition {
        LbCondition::Alive => answer.lines().any(|line| line.starts_with("Pid:")),
        LbCondition::FrontendOpen(name) => {
            rows(answer).any(|row| row.proxy == &**name && row.server == "FRONTEND" && row.status == "OPEN")
        }
        LbCondition::BackendHasServers { backend, at_least } => {
            let serving = |row: &Row<'_>| row.proxy == &**backend && row.is_server() && row.serves();
            rows(answer).filter(serving).count() >= usize::try_from(*at_least).unwrap_or(usize::MAX)
        }
    }
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
            assert_eq!(holds(&condition, STAT), expected, "{condition:?}");
        }
        assert!(!holds(&backend(1), ""));
    }

    #[test]
    fn alive_is_who_says_its_pid() {
        assert!(holds(&LbCondition::Alive, "Name: HAProxy\nPid: 7\n"));
        assert!(!holds(&LbCondition::Alive, "Unknown command.\n"));
    }
}
