//! Clients with a name, as far as a new segment must begin with them.

use std::collections::{BTreeMap, BTreeSet};

use tandem_mq_core::broker::Listening;
use tandem_mq_core::{ClientRecord, PacketStep, QueueId, Record};

#[derive(Debug, Default)]
pub(super) struct Clients(BTreeMap<Box<str>, Client>);

#[derive(Debug)]
struct Client {
    record: ClientRecord,
    listens: BTreeMap<Box<str>, (QueueId, Listening)>,
    received: BTreeSet<u16>,
    sent: BTreeMap<u16, PacketStep>,
}

impl Clients {
    pub(super) fn apply(&mut self, record: &Record) {
        match record {
            Record::Client(record) => match self.0.get_mut(&record.name) {
                Some(client) => client.record = record.clone(),
                None => drop(self.0.insert(record.name.clone(), Client::new(record))),
            },
            Record::ClientGone(name) => drop(self.0.remove(name)),
            Record::Listens {
                client,
                filter,
                queue,
                options,
            } => {
                if let Some(client) = self.0.get_mut(client) {
                    client.listens.insert(filter.clone(), (*queue, *options));
                }
            }
            Record::ListensNot { client, filter } => {
                if let Some(client) = self.0.get_mut(client) {
                    client.listens.remove(filter);
                }
            }
            Record::Packet { client, packet, step } => {
                if let Some(client) = self.0.get_mut(client) {
                    client.packet(*packet, *step);
                }
            }
            _ => {}
        }
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        self.0.iter().flat_map(|(name, client)| client.records(name))
    }
}

impl Client {
    fn new(record: &ClientRecord) -> Client {
        Client {
            record: record.clone(),
            listens: BTreeMap::new(),
            received: BTreeSet::new(),
            sent: BTreeMap::new(),
        }
    }

    fn packet(&mut self, packet: u16, step: PacketStep) {
        match step {
            PacketStep::Received => drop(self.received.insert(packet)),
            PacketStep::Finished => drop(self.received.remove(&packet)),
            PacketStep::Named { .. } | PacketStep::Released => drop(self.sent.insert(packet, step)),
            PacketStep::Freed => drop(self.sent.remove(&packet)),
        }
    }

    fn records(&self, name: &str) -> impl Iterator<Item = Record> {
        let name: Box<str> = name.into();
        let named = name.clone();
        let listens = self
            .listens
            .iter()
            .map(move |(filter, (queue, options))| Record::Listens {
                client: named.clone(),
                filter: filter.clone(),
                queue: *queue,
                options: *options,
            });
        let received = self.received.iter().map(|packet| (*packet, PacketStep::Received));
        let sent = self.sent.iter().map(|(packet, step)| (*packet, *step));
        let packets = received.chain(sent).map(move |(packet, step)| Record::Packet {
            client: name.clone(),
            packet,
            step,
        });
        std::iter::once(Record::Client(self.record.clone()))
            .chain(listens)
            .chain(packets)
    }
}
