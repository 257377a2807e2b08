//! What waits for its time: what there is, and one that is taken back.

use serde::Serialize;
use tandem_mq_core::broker::{Arranged, Arrangement, Broker, LaterView};
use tandem_mq_core::{MessageId, Schedule};

use super::act::{Done, What};
use super::desk::Desk;
use super::rows::{moment, word};
use super::{Console, Pairs, Problem, last};
use crate::users::Guest;

/// Rows of a page.
const MOST: usize = 100;

#[derive(Debug, Serialize)]
pub(super) struct Schedules {
    pub(super) schedules: Vec<ScheduleRow>,
    pub(super) next: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ScheduleRow {
    pub(super) id: u64,
    pub(super) to: Box<str>,
    pub(super) kind: &'static str,
    /// When it comes next.
    pub(super) at: String,
    /// Milliseconds between two times.
    pub(super) period: Option<u64>,
    /// How many times more after that; nothing where there is no end, or no other time.
    pub(super) repeats: Option<u64>,
    pub(super) endless: bool,
    pub(super) cron: Option<String>,
    pub(super) bytes: usize,
    pub(super) durable: bool,
}

impl ScheduleRow {
    fn new(view: &LaterView) -> ScheduleRow {
        let asked = view.message.schedule.as_deref().map(|Schedule { asked, .. }| asked);
        let repeat = asked.map_or(0, |asked| asked.repeat);
        ScheduleRow {
            id: view.id.0,
            to: (*view.message.address).into(),
            kind: word(view.kind),
            at: moment(view.at),
            period: asked.map(|asked| asked.period).filter(|_| repeat != 0),
            repeats: u64::try_from(repeat).ok().filter(|more| *more > 0),
            endless: repeat < 0,
            cron: asked.and_then(|asked| Some(asked.cron.as_ref()?.as_str().to_owned())),
            bytes: view.message.body.len(),
            durable: view.message.durable,
        }
    }
}

impl Console {
    /// That goes to where who asks may read.
    pub(super) async fn schedules(&self, guest: &Guest, query: &Pairs) -> Result<Schedules, Problem> {
        let after = last(query, "after").map(|text| number(text, "after")).transpose()?;
        let rights = guest.rights.clone();
        let look = move |broker: &Broker| broker.list_later(&rights, after, MOST);
        let page = self.hub.look(look).await.ok_or_else(Problem::ending)?;
        Ok(Schedules {
            schedules: page.rows.iter().map(ScheduleRow::new).collect(),
            next: page.next.map(|id| id.0.to_string()),
        })
    }

    pub(super) async fn take_back(&self, guest: &Guest, fields: &Pairs) -> Result<Done, Problem> {
        if last(fields, "action") != Some("cancel") {
            return Err(Problem::bad("which action? cancel"));
        }
        let id = number(last(fields, "id").unwrap_or_default(), "id")?;
        let mut desk = Desk::open(&self.hub, &self.sessions, guest.rights.clone()).await;
        match desk.arrange(Arrangement::CancelLater(id)).await? {
            Arranged::Count(count) => Ok(What::Cancelled.with(count)),
            _ => Ok(What::Cancelled.with(0)),
        }
    }
}

fn number(text: &str, what: &str) -> Result<MessageId, Problem> {
    let wrong = |_| Problem::bad(&format!("{what} is a number that the list has named"));
    text.parse().map(MessageId).map_err(wrong)
}
