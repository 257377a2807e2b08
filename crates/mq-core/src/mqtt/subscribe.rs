//! SUBSCRIBE and UNSUBSCRIBE.

use tandem_mq_wire::mqtt::{Qos, Reason, Subscribe, Unsubscribe};

use super::topic::Filter;
use super::{Listener, Promised, Session};
use crate::broker::{self, Listen, Listening};

impl Session {
    pub(super) fn subscribe(&mut self, subscribe: Subscribe) {
        let first = self.asks.last() + 1;
        let mut answers = Vec::new();
        for asked in subscribe.filters {
            answers.push(match self.listen(asked, subscribe.identifier) {
                Ok((qos, request)) => (granted(qos), Some(request)),
                Err(reason) => (reason, None),
            });
        }
        self.promise(first, Promised::Suback(subscribe.packet, answers));
    }

    fn listen(&mut self, asked: tandem_mq_wire::mqtt::Filter, identifier: Option<u32>) -> Result<(Qos, u64), Reason> {
        let Some(filter) = Filter::parse(&asked.filter) else {
            return Err(Reason::TopicFilterInvalid);
        };
        let known = self.numbers.get(&asked.filter).copied();
        if known.is_none() && self.numbers.len() >= self.settings.subscriptions {
            return Err(Reason::QuotaExceeded);
        }
        let number = known.unwrap_or(self.next_listener);
        self.next_listener = self.next_listener.max(number + 1);
        let options = Listening {
            qos: asked.qos,
            no_local: asked.no_local,
            retain_as_published: asked.retain_as_published,
            identifier,
        };
        self.listeners.insert(number, Listener { options });
        self.numbers.insert(asked.filter.clone(), number);
        self.ask(broker::Input::Listen(Listen {
            session: self.line.id,
            number,
            filter: asked.filter,
            address: filter.address,
            group: filter.group,
            options,
            retained: asked.retain_handling,
        }));
        Ok((asked.qos, self.asks.last()))
    }

    pub(super) fn unsubscribe(&mut self, unsubscribe: Unsubscribe) {
        let first = self.asks.last() + 1;
        let mut answers = Vec::new();
        for filter in unsubscribe.filters {
            let Some(number) = self.numbers.remove(&filter) else {
                answers.push(Reason::NoSubscriptionExisted);
                continue;
            };
            self.listeners.remove(&number);
            let session = self.line.id;
            self.ask(broker::Input::Unlisten { session, filter });
            answers.push(Reason::Success);
        }
        self.promise(first, Promised::Unsuback(unsubscribe.packet, answers));
    }
}

fn granted(qos: Qos) -> Reason {
    match qos {
        Qos::AtMostOnce => Reason::Success,
        Qos::AtLeastOnce => Reason::GrantedQos1,
        Qos::ExactlyOnce => Reason::GrantedQos2,
    }
}
