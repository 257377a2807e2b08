//! What waits for its time, as those see it who may read where it goes, and how they take it back.

use std::ops::Bound;
use std::sync::Arc;

use super::Broker;
use crate::broker::arrange::Arranged;
use crate::broker::{Page, Refusal, Thing};
use crate::{Kind, Message, MessageId, Right, Rights, SessionId, WallMillis};

/// So many are looked at in one go, also when few of them are to be shown.
const MOST_SEEN: usize = 10_000;

/// A message that waits for its time.
#[derive(Clone, Debug, PartialEq)]
pub struct LaterView {
    pub id: MessageId,
    pub kind: Kind,
    pub at: WallMillis,
    pub message: Arc<Message>,
}

impl Broker {
    /// In the order in which they came.
    pub fn list_later(&self, rights: &Rights, after: Option<MessageId>, most: usize) -> Page<LaterView, MessageId> {
        let mut page = Page {
            rows: Vec::new(),
            next: None,
        };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let known = self.later.messages.range((from, Bound::Unbounded));
        for (count, (id, waits)) in known.enumerate() {
            if page.rows.len() >= most || count >= MOST_SEEN {
                return page;
            }
            if rights.may(Right::Read, &waits.message.address) {
                page.rows.push(LaterView {
                    id: *id,
                    kind: waits.kind,
                    at: self.wall(waits.at),
                    message: waits.message.clone(),
                });
            }
            page.next = Some(*id);
        }
        page.next = None;
        page
    }

    /// Where it will go.
    pub(in crate::broker) fn later_to(&self, id: MessageId) -> Option<&str> {
        Some(&self.later.messages.get(&id)?.message.address)
    }

    /// It is not sent any more. A series that a crontab has begun is one of its own.
    pub(in crate::broker) fn cancel_later(&mut self, session: SessionId, id: MessageId) -> Result<Arranged, Refusal> {
        let gone = self.together(Some(session), |broker| broker.forget_later(id));
        match gone {
            Some(_) => Ok(Arranged::Count(1)),
            None => Err(Refusal::Missing(Thing::Schedule, id.0.to_string().into())),
        }
    }
}
