//! Exchanges, and what they are bound to.

use super::same::same_exchange;
use super::{Answer, Arranged, Binding, To};
use crate::broker::route::check_name;
use crate::broker::{Broker, MOST_THINGS, Refusal, Thing};
use crate::{BindingRecord, Destination, ExchangeRecord, QueueId, Record, SessionId};

impl Broker {
    pub(super) fn find_exchange(&self, name: &str) -> Result<&ExchangeRecord, Refusal> {
        self.exchanges
            .find(name)
            .ok_or_else(|| Refusal::Missing(Thing::Exchange, name.into()))
    }

    pub(super) fn declare_exchange(&mut self, session: SessionId, record: ExchangeRecord) -> Answer {
        if let Some(known) = self.exchanges.find(&record.name) {
            return same_exchange(known, &record).map(|()| Arranged::Done);
        }
        check_name(&record.name)?;
        if self.exchanges.count() >= MOST_THINGS {
            return Err(Refusal::TooMany(Thing::Exchange));
        }
        self.exchanges.make(record.clone());
        if record.durable {
            self.write(Record::ExchangeMade(record), Some(session));
        }
        Ok(Arranged::Done)
    }

    pub(super) fn drop_exchange(&mut self, session: SessionId, name: &str, if_unused: bool) -> Answer {
        // Deleting what is not there is no error in RabbitMQ.
        if self.exchanges.find(name).is_none() {
            return Ok(Arranged::Done);
        }
        if if_unused && self.exchanges.is_used(name) {
            return Err(Refusal::InUse(Thing::Exchange, name.into()));
        }
        self.together(Some(session), |broker| broker.remove_exchange(name, Some(session)));
        Ok(Arranged::Done)
    }

    /// With all bindings from and to it, and the exchanges that go with their last one. These may stand in a long row.
    pub(super) fn remove_exchange(&mut self, name: &str, by: Option<SessionId>) {
        let mut ending: Vec<Box<str>> = vec![name.into()];
        while let Some(name) = ending.pop() {
            let durable = self.exchanges.find(&name).is_some_and(|record| record.durable);
            if durable {
                self.write(Record::ExchangeGone(name.clone()), by);
            }
            let sources = self.exchanges.remove(&name).into_iter().map(|binding| binding.source);
            ending.extend(sources.filter(|source| self.exchanges.ends(source)));
        }
    }

    /// An exchange that goes with its last binding.
    pub(super) fn maybe_remove_exchange(&mut self, name: &str, by: Option<SessionId>) {
        if self.exchanges.ends(name) {
            self.remove_exchange(name, by);
        }
    }

    /// Whether a binding survives a restart: when both its ends do.
    pub(super) fn lasts(&self, binding: &BindingRecord) -> bool {
        let to = match &binding.destination {
            Destination::Queue(queue) => self.queues.get(queue).is_some_and(|queue| queue.durable),
            Destination::Exchange(name) => self.exchanges.find(name).is_some_and(|exchange| exchange.durable),
        };
        to && self.exchanges.find(&binding.source).is_some_and(|from| from.durable)
    }

    pub(super) fn resolve(&mut self, session: SessionId, binding: Binding) -> Result<BindingRecord, Refusal> {
        let destination = match &binding.to {
            To::Queue(name) => Destination::Queue(self.open_queue(session, name)?),
            To::Exchange(name) => {
                self.find_exchange(name)?;
                Destination::Exchange(name.clone())
            }
        };
        self.find_exchange(&binding.source)?;
        Ok(BindingRecord {
            source: binding.source,
            destination,
            key: binding.key,
            arguments: binding.arguments,
        })
    }

    pub(super) fn bind(&mut self, session: SessionId, binding: Binding) -> Answer {
        let record = self.resolve(session, binding)?;
        if self.exchanges.bindings() >= MOST_THINGS {
            return Err(Refusal::TooMany(Thing::Binding));
        }
        if self.exchanges.bind(record.clone()) && self.lasts(&record) {
            self.write(Record::Bound(record), Some(session));
        }
        Ok(Arranged::Done)
    }

    pub(super) fn unbind(&mut self, session: SessionId, binding: Binding) -> Answer {
        // Neither is it an error to undo what is not there.
        let record = match self.resolve(session, binding) {
            Err(Refusal::Missing(..)) => return Ok(Arranged::Done),
            resolved => resolved?,
        };
        let lasts = self.lasts(&record);
        self.together(Some(session), |broker| {
            if broker.exchanges.unbind(&record) {
                if lasts {
                    broker.write(Record::Unbound(record.clone()), Some(session));
                }
                broker.maybe_remove_exchange(&record.source, Some(session));
            }
        });
        Ok(Arranged::Done)
    }

    /// A queue goes, and all ways to it.
    pub(in crate::broker) fn unbind_queue(&mut self, id: QueueId, lasted: bool, by: Option<SessionId>) {
        for binding in self.exchanges.to_queue(id) {
            let lasts = lasted && self.exchanges.find(&binding.source).is_some_and(|from| from.durable);
            self.exchanges.unbind(&binding);
            if lasts {
                self.write(Record::Unbound(binding.clone()), by);
            }
            self.maybe_remove_exchange(&binding.source, by);
        }
    }
}
