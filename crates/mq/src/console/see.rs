//! What there is to see, for one who may see it.

use hyper::StatusCode;
use tandem_mq_core::broker::{Broker, Refusal, Wanted};
use tandem_mq_core::{ConsumerId, Kind, Right, SessionId};

use super::rows::{Connected, ConnectionRow, ConsumerRow, Consumers, MessageRow, Overview, Queue, QueueRow, Queues};
use super::view::Shown;
use super::{Console, Pairs, Place, Problem, last, named};
use crate::users::Guest;

/// Rows of a page.
const QUEUES: usize = 100;
const MESSAGES: usize = 50;
const CONSUMERS: usize = 100;

impl Console {
    pub(super) async fn see(&self, guest: &Guest, place: Place, query: &Pairs) -> Result<Shown, Problem> {
        Ok(match place {
            Place::Overview | Place::Login => Shown::Overview(self.overview().await?),
            Place::Queues => Shown::Queues(self.queues(guest, query).await?),
            Place::Queue => Shown::Queue(Box::new(self.queue(guest, query).await?)),
            Place::Consumers => Shown::Consumers(self.consumers(guest, query).await?),
            Place::Connections => Shown::Connections(self.connections(guest, query)?),
            Place::Policies => Shown::Policies(self.policies(guest).await?),
            Place::Schedules => Shown::Schedules(self.schedules(guest, query).await?),
        })
    }

    async fn overview(&self) -> Result<Overview, Problem> {
        let figures = self.hub.figures().await.ok_or_else(Problem::ending)?;
        let uptime = self.clock.now().as_millis() / 1000;
        Ok(Overview::new(&figures, self.connections.count(), uptime))
    }

    async fn queues(&self, guest: &Guest, query: &Pairs) -> Result<Queues, Problem> {
        let part = last(query, "part").unwrap_or_default().to_owned();
        let after = match (last(query, "after"), last(query, "kind")) {
            (Some(name), Some("topic")) => Some((Kind::Multicast, name.to_owned())),
            (Some(name), _) => Some((Kind::Anycast, name.to_owned())),
            (None, _) => None,
        };
        let (rights, wanted) = (guest.rights.clone(), part.clone());
        let look = move |broker: &Broker| {
            broker.list_queues(&Wanted {
                rights: &rights,
                part: &wanted,
                after: after.as_ref().map(|(kind, name)| (*kind, name.as_str())),
                most: QUEUES,
            })
        };
        let page = self.hub.look(look).await.ok_or_else(Problem::ending)?;
        Ok(Queues::new(part, page))
    }

    async fn queue(&self, guest: &Guest, query: &Pairs) -> Result<Queue, Problem> {
        let name = named(last(query, "name").unwrap_or_default())?.to_owned();
        let after = last(query, "after").map(str::parse);
        let after = after
            .transpose()
            .map_err(|_| Problem::bad("after is a place that an earlier answer has named"))?;
        let rights = guest.rights.clone();
        let look = move |broker: &Broker| {
            let view = broker.find_queue(&rights, &name)?;
            let messages = broker.list_messages(&rights, &name, after, MESSAGES);
            Ok::<_, Refusal>((view, messages, broker.consumers_of(&name, CONSUMERS)))
        };
        let (view, messages, consumers) = self.hub.look(look).await.ok_or_else(Problem::ending)??;
        let (messages, next, denied) = match messages {
            Ok(page) => (page.rows, page.next, None),
            Err(why) => (Vec::new(), None, Some(why.to_string())),
        };
        let consumers = match denied {
            None => consumers,
            Some(_) => Vec::new(),
        };
        // Who others are, and from where, is not for everybody who may read.
        let row = |view| match guest.rights.may_all(Right::Configure) {
            true => self.connections.see(view),
            false => ConsumerRow::of_somebody(view),
        };
        Ok(Queue {
            queue: QueueRow::new(&view, Some(&guest.rights)),
            messages: messages.iter().map(MessageRow::new).collect(),
            next: next.map(|place| place.to_string()),
            denied,
            consumers: consumers.into_iter().map(row).collect(),
        })
    }

    async fn consumers(&self, guest: &Guest, query: &Pairs) -> Result<Consumers, Problem> {
        self.only_for_operators(guest)?;
        let after = last(query, "after").and_then(|text| {
            let (session, number) = text.split_once('.')?;
            Some(ConsumerId {
                session: SessionId(session.parse().ok()?),
                number: number.parse().ok()?,
            })
        });
        let page = self
            .hub
            .look(move |broker| broker.list_consumers(after, CONSUMERS))
            .await;
        let page = page.ok_or_else(Problem::ending)?;
        Ok(Consumers {
            rows: page.rows.into_iter().map(|view| self.connections.see(view)).collect(),
            next: page.next.map(|id| format!("{}.{}", id.session.0, id.number)),
        })
    }

    fn connections(&self, guest: &Guest, query: &Pairs) -> Result<Connected, Problem> {
        self.only_for_operators(guest)?;
        let after = last(query, "after").and_then(|text| text.parse().ok()).map(SessionId);
        let page = self.connections.after(after, CONSUMERS);
        let now = self.clock.now();
        Ok(Connected {
            rows: page
                .rows
                .iter()
                .map(|(id, c)| ConnectionRow::new(*id, c, now))
                .collect(),
            next: page.next.map(|id| id.0.to_string()),
        })
    }

    /// Who others are, and from where, is for those who look after the node.
    fn only_for_operators(&self, guest: &Guest) -> Result<(), Problem> {
        match guest.rights.may_all(Right::Configure) {
            true => Ok(()),
            false => Err(Problem {
                status: StatusCode::FORBIDDEN,
                text: "this is for those who may configure every name: configure = [\"#\"]".to_owned(),
            }),
        }
    }
}
