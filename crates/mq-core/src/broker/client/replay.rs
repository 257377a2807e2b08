//! Named clients from the journal.

use std::time::Duration;

use tandem_time::Mono;

use super::{Client, Expiry, Listens};
use crate::broker::{Broker, Listening};
use crate::queue::Rules;
use crate::{ClientRecord, QueueId};

impl Broker {
    pub(in crate::broker) fn replay_client(&mut self, record: ClientRecord) {
        let client = self
            .clients
            .entry(record.name)
            .or_insert_with(|| Client::new(record.expiry));
        client.expiry = record.expiry;
        client.will = record.will;
        client.left = record.left;
        client.recorded = true;
    }

    /// Its groups have one client less.
    pub(in crate::broker) fn replay_client_gone(&mut self, name: &str) {
        let listens = self.clients.get(name).map(|client| &client.listens);
        let filters: Vec<Box<str>> = listens
            .into_iter()
            .flatten()
            .map(|(filter, _)| filter.clone())
            .collect();
        for filter in filters {
            self.replay_listens_not(name, &filter);
        }
        self.clients.remove(name);
    }

    pub(in crate::broker) fn replay_listens(
        &mut self,
        name: &str,
        filter: Box<str>,
        queue: QueueId,
        options: Listening,
    ) {
        let most = self.settings.most_of_client();
        let (Some(client), Some(into)) = (self.clients.get_mut(name), self.queues.get_mut(&queue)) else {
            return;
        };
        let shared = filter.starts_with("$share/");
        let listens = Listens {
            queue,
            options,
            shared,
            number: 0,
        };
        let new = client.listens.insert(filter, listens).is_none();
        let members = into.rules.members + usize::from(new);
        into.rules = Rules::of_client(name, options.no_local, shared, most);
        into.rules.members = members;
    }

    pub(in crate::broker) fn replay_listens_not(&mut self, name: &str, filter: &str) {
        let Some(listens) = self
            .clients
            .get_mut(name)
            .and_then(|client| client.listens.remove(filter))
        else {
            return;
        };
        // That the queue is gone, if it is, has a record of its own.
        if let Some(queue) = self.queues.get_mut(&listens.queue) {
            queue.rules.members = queue.rules.members.saturating_sub(1);
        }
    }

    /// It is away, since it left or since the node is there again. Time goes on while the node is down.
    pub(in crate::broker) fn resume_client(&mut self, name: &str, now: Mono) {
        let wall = self.wall(now);
        let Some(client) = self.clients.get_mut(name) else {
            return;
        };
        let left = client.left.unwrap_or(wall);
        let after = |seconds: u32| {
            let at = left.0 + u64::from(seconds) * 1000;
            now + Duration::from_millis(at.saturating_sub(wall.0))
        };
        client.ends_at = match client.expiry {
            Expiry::Never => None,
            Expiry::Seconds(seconds) => Some(after(seconds)),
        };
        client.will_at = client.will.as_ref().map(|will| after(will.delay));
        if client.left.is_none() {
            self.record_client(name, Some(left), None);
        }
        self.watch(name);
    }
}
