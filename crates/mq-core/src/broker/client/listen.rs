//! Subscriptions of named clients: each is a queue, which a group shares.

use tandem_mq_wire::mqtt::RetainHandling;
use tandem_time::Mono;

use super::{Listens, queue_name};
use crate::broker::route::check_name;
use crate::broker::session::Ending;
use crate::broker::{Broker, Listen, Refusal};
use crate::queue::Rules;
use crate::{ConsumerId, Kind, QueueId, Record, SessionId};

impl Broker {
    pub(in crate::broker) fn listen(&mut self, listen: Listen, now: Mono) {
        let session = listen.session;
        let Some((name, client)) = self.client_of(session) else {
            return self.refuse(session, Refusal::NoName);
        };
        if let Some(before) = client.listens.get_mut(&listen.filter) {
            before.options = listen.options;
            let queue = before.queue;
            self.set_rules(queue, &name, &listen);
            self.record_listening(&name, &listen, queue);
            if listen.retained == RetainHandling::Send {
                self.send_retained(queue, &listen, now);
            }
            return;
        }
        let (number, lasts) = (listen.number, client.lasts());
        let own = match &listen.group {
            Some(group) => format!("$share/{group}/{}", listen.address),
            None => queue_name(&name, &listen.address),
        };
        if let Err(reason) = check_name(&listen.address).and_then(|()| check_name(&own)) {
            return self.refuse(session, reason);
        }
        let queue = match self.subscription(&own, &listen, lasts) {
            Ok(queue) => queue,
            Err(reason) => return self.refuse(session, reason),
        };
        self.set_rules(queue, &name, &listen);
        self.join_queue(queue);
        let listens = Listens {
            queue,
            options: listen.options,
            shared: listen.group.is_some(),
            number,
        };
        if let Some((_, client)) = self.client_of(session) {
            client.listens.insert(listen.filter.clone(), listens);
        }
        self.record_listening(&name, &listen, queue);
        self.consume(ConsumerId { session, number }, queue);
        if listen.retained != RetainHandling::DoNotSend {
            self.send_retained(queue, &listen, now);
        }
        self.dispatch(queue);
    }

    /// The queue by that name; it survives a restart as soon as one of its clients does.
    fn subscription(&mut self, name: &str, listen: &Listen, lasts: bool) -> Result<QueueId, Refusal> {
        let Some(known) = self.names.find(Kind::Multicast, name) else {
            self.may_make_queues(1)?;
            return Ok(self.make_queue(name, &listen.address, Kind::Multicast, lasts));
        };
        if lasts {
            self.make_durable(known);
        }
        Ok(known)
    }

    fn set_rules(&mut self, queue: QueueId, client: &str, listen: &Listen) {
        let most = self.settings.most_of_client();
        let Some(queue) = self.queues.get_mut(&queue) else {
            return;
        };
        let members = queue.rules.members;
        queue.rules = Rules::of_client(client, listen.options.no_local, listen.group.is_some(), most);
        queue.rules.members = members;
    }

    fn record_listening(&mut self, client: &str, listen: &Listen, queue: QueueId) {
        if self.clients.get(client).is_some_and(super::Client::lasts) {
            let record = Record::Listens {
                client: client.into(),
                filter: listen.filter.clone(),
                queue,
                options: listen.options,
            };
            self.write(record, Some(listen.session));
        }
    }

    pub(in crate::broker) fn unlisten(&mut self, session: SessionId, filter: Box<str>) {
        let Some((name, client)) = self.client_of(session) else {
            return self.refuse(session, Refusal::NoName);
        };
        let lasts = client.lasts();
        let Some(listens) = client.listens.remove(&filter) else {
            return self.refuse(session, Refusal::NoSubscription(filter));
        };
        let consumer = ConsumerId {
            session,
            number: listens.number,
        };
        if let Some(known) = self.sessions.get_mut(&session) {
            known.consumers.remove(&consumer);
            known.pool.starved.retain(|queue| *queue != listens.queue);
        }
        self.together(Some(session), |broker| {
            broker.end(consumer, Ending::Unsubscribed, Mono::ZERO);
            broker.leave_queue(&listens);
            if lasts {
                let client = (*name).into();
                broker.write(Record::ListensNot { client, filter }, Some(session));
            }
        });
    }

    pub(in crate::broker) fn join_queue(&mut self, queue: QueueId) {
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.rules.members += 1;
        }
    }

    /// The last one takes the queue with it.
    pub(super) fn leave_queue(&mut self, listens: &Listens) {
        let Some(queue) = self.queues.get_mut(&listens.queue) else {
            return;
        };
        queue.rules.members = queue.rules.members.saturating_sub(1);
        if !listens.shared || queue.rules.members == 0 {
            self.remove_queue(listens.queue);
        }
    }
}
