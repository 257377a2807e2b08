//! What the console does to a queue: empties it, moves what is in it, sends to it, removes it.

use serde::Serialize;
use tandem_mq_core::broker::{Arranged, Arrangement, Broker, QueueView, Refusal, Scarce, Target, Thing, Which};
use tandem_mq_core::{Kind, MessageId};
use tandem_ops::web::form;
use tokio::time::{Duration, Instant};

use super::desk::{Desk, Failure};
use super::{Console, Pairs, Problem, last, letter};
use crate::users::Guest;
use hyper::StatusCode;

/// Moving goes on for so long in one request; what is left then is left.
const MOVING: Duration = Duration::from_secs(15);

/// What was done, and is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Done {
    done: What,
    /// So many messages.
    count: usize,
    /// So many are still there that were to be moved.
    left: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum What {
    Purged,
    Moved,
    Sent,
    Deleted,
    /// A policy.
    Set,
    Removed,
    /// Something that waited for its time.
    Cancelled,
}

const ALL: [(What, &str); 7] = [
    (What::Purged, "purged"),
    (What::Moved, "moved"),
    (What::Sent, "sent"),
    (What::Deleted, "deleted"),
    (What::Set, "set"),
    (What::Removed, "removed"),
    (What::Cancelled, "cancelled"),
];

impl What {
    pub(super) fn with(self, count: usize) -> Done {
        Done {
            done: self,
            count,
            left: 0,
        }
    }
}

impl Done {
    /// The page that says so.
    pub(super) fn leads_to(&self, queue: &str) -> String {
        let word = ALL
            .iter()
            .find(|(what, _)| *what == self.done)
            .map_or("", |(_, word)| word);
        let said = format!("done={word}&count={}&left={}", self.count, self.left);
        match self.done {
            What::Deleted => return format!("/admin/queues?{said}"),
            What::Set | What::Removed => return format!("/admin/policies?{said}"),
            What::Cancelled => return format!("/admin/schedules?{said}"),
            What::Purged | What::Moved | What::Sent => {}
        }
        let mut to = "/admin/queue?name=".to_owned();
        form::encode(&mut to, queue);
        format!("{to}&{said}")
    }

    /// The other way: what the page is to say. Nobody can make it say anything else.
    pub(super) fn told(query: &Pairs) -> Option<Done> {
        let word = last(query, "done")?;
        let (done, _) = ALL.iter().find(|(_, known)| *known == word)?;
        let number = |name| last(query, name).and_then(|text| text.parse().ok()).unwrap_or(0);
        Some(Done {
            done: *done,
            count: number("count"),
            left: number("left"),
        })
    }

    pub(super) fn text(&self) -> String {
        let messages = match self.count {
            1 => "1 message".to_owned(),
            count => format!("{count} messages"),
        };
        match (self.done, self.left) {
            (What::Purged, _) => format!("{messages} removed."),
            (What::Moved, 0) => format!("{messages} moved."),
            (What::Moved, left) => format!("{messages} moved, {left} not: move again for the rest."),
            (What::Sent, _) => "The message is sent.".to_owned(),
            (What::Set, _) => "The policy counts from now on, and is on disk.".to_owned(),
            (What::Removed, _) => "The policy is gone, here and on disk.".to_owned(),
            (What::Cancelled, _) => format!("{messages} taken back."),
            (What::Deleted, _) => format!("The queue is gone, and {messages} with it."),
        }
    }
}

impl Done {
    /// For the log.
    pub(super) fn in_brief(&self) -> String {
        let word = ALL
            .iter()
            .find(|(what, _)| *what == self.done)
            .map_or("", |(_, word)| word);
        format!("{word} {}", self.count)
    }
}

impl Console {
    pub(super) async fn act(&self, guest: &Guest, queue: &str, fields: &Pairs) -> Result<Done, Problem> {
        let scarce = *self.hub.held.borrow();
        let action = last(fields, "action").unwrap_or_default();
        match (action, scarce) {
            ("send", Some(scarce)) | ("move", Some(scarce @ Scarce::Disk)) => {
                return Err(Problem {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    text: format!("there is too little {scarce}: producers are held back until there is room again"),
                });
            }
            _ => {}
        }
        let mut desk = Desk::open(&self.hub, &self.sessions, guest.rights.clone()).await;
        match action {
            "purge" => {
                let answer = desk.arrange(Arrangement::Purge(queue.into())).await?;
                Ok(What::Purged.with(count(answer)))
            }
            "delete" => {
                // That it is not there is no mistake for clients of AMQP; here somebody has written its name.
                self.find(guest, queue).await?;
                let what = Arrangement::DropQueue {
                    name: queue.into(),
                    if_unused: true,
                    if_empty: false,
                };
                Ok(What::Deleted.with(count(desk.arrange(what).await?)))
            }
            "send" => {
                let name = queue.to_owned();
                let keeps = self.hub.look(move |broker| broker.keeps_what_comes_to(&name)).await;
                if !keeps.ok_or_else(Problem::ending)? {
                    return Err(Refusal::Missing(Thing::Queue, queue.into()).into());
                }
                let now = self.began + self.clock.now().as_millis();
                let message = letter::read(fields, now).map_err(|why| Problem::bad(&why))?;
                let to = Target {
                    address: queue.into(),
                    kind: Kind::Anycast,
                };
                desk.send(to, message).await?;
                Ok(What::Sent.with(1))
            }
            "move" => self.shift(&mut desk, queue, fields).await,
            _ => Err(Problem::bad("which action? purge, move, send or delete")),
        }
    }

    async fn shift(&self, desk: &mut Desk, queue: &str, fields: &Pairs) -> Result<Done, Problem> {
        let to = last(fields, "to").filter(|to| !to.is_empty());
        let to = to.ok_or_else(|| Problem::bad("to which queue? to=NAME"))?;
        let chosen = fields.iter().filter(|(name, _)| name == "id").map(|(_, id)| id.parse());
        let chosen: Vec<MessageId> = chosen
            .map(|id| id.map(MessageId))
            .collect::<Result<_, _>>()
            .map_err(|_| Problem::bad("an id is a number that the list of messages has named"))?;
        let is_all = last(fields, "all").is_some();
        let which = match (chosen.len(), is_all) {
            (0, false) => return Err(Problem::bad("which messages? id=ID, as often as needed, or all=1")),
            (1.., false) => Which::These(chosen),
            // What comes meanwhile is not meant.
            (_, true) => Which::Upto(self.hub.look(Broker::newest).await.ok_or_else(Problem::ending)?),
        };
        let mut moved = 0;
        let mut left = 0;
        let began = Instant::now();
        loop {
            let what = Arrangement::Move {
                from: queue.into(),
                to: to.into(),
                which: which.clone(),
            };
            match desk.arrange(what).await {
                Ok(answer) if count(answer) == 0 => break,
                Ok(answer) => moved += count(answer),
                // What has been moved has been moved.
                Err(Failure::Refused(_)) if moved > 0 => {
                    left = self.waiting(queue, which).await?;
                    break;
                }
                Err(why) => return Err(why.into()),
            }
            let disk_is_full = *self.hub.held.borrow() == Some(Scarce::Disk);
            if began.elapsed() > MOVING || disk_is_full {
                left = self.waiting(queue, which).await?;
                break;
            }
        }
        Ok(Done {
            left,
            ..What::Moved.with(moved)
        })
    }

    /// How many of these are there still.
    async fn waiting(&self, queue: &str, which: Which) -> Result<usize, Problem> {
        let name = queue.to_owned();
        let left = self.hub.look(move |broker| broker.count_messages(&name, &which)).await;
        left.ok_or_else(Problem::ending)
    }

    async fn find(&self, guest: &Guest, queue: &str) -> Result<QueueView, Problem> {
        let (rights, name) = (guest.rights.clone(), queue.to_owned());
        let view = self.hub.look(move |broker| broker.find_queue(&rights, &name)).await;
        Ok(view.ok_or_else(Problem::ending)??)
    }
}

fn count(answer: Arranged) -> usize {
    match answer {
        Arranged::Count(count) => count,
        _ => 0,
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        match failure {
            Failure::Refused(why) => why.into(),
            Failure::Gone => Problem::ending(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said_on_the_next_page_and_nothing_else_is() {
        for (what, _) in ALL {
            let done = Done {
                left: 7,
                ..what.with(3)
            };
            let to = done.leads_to("a b/\r\n&x=1");
            assert!(!to.contains(['\r', '\n', ' ']), "{to}");
            let query = to.split_once('?').map_or("", |(_, query)| query);
            assert_eq!(Done::told(&form::parse(query.as_bytes())), Some(done), "{to}");
        }
        assert_eq!(Done::told(&form::parse(b"done=<script>&count=1")), None);
        assert_eq!(What::Moved.with(1).text(), "1 message moved.");
    }
}
