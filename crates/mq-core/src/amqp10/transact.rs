//! Transactions (part 4): a coordinator is told to begin and to end them.

use bytes::Bytes;
use tandem_mq_wire::amqp10::{
    Accepted as IsAccepted, Body, Condition, Declared, Discharge, Order, Sections, State as Outcome, Value,
};

use super::Session;
use super::channel::Promise;
use super::mistake::Mistake;
use crate::broker;
use crate::{DeliveryId, TransactionId};

/// The most open transactions of a channel.
const MOST: usize = 1000;

/// An open transaction.
#[derive(Debug)]
pub(super) struct Work {
    /// The link that it was begun on.
    coordinator: u64,
    /// What was settled in it.
    pub(super) settled: Vec<DeliveryId>,
}

impl Session {
    pub(super) fn order(
        &mut self,
        number: u16,
        coordinator: u64,
        delivery: u32,
        payload: Bytes,
    ) -> Result<(), Mistake> {
        match order_of(payload) {
            Some(Order::Declare(declare)) if declare.global_id.is_none() => self.declare(number, coordinator, delivery),
            Some(Order::Declare(_)) => Err(Mistake::new(
                Condition::NotImplemented,
                "there are no global transactions here",
            )),
            Some(Order::Discharge(discharge)) => self.discharge(number, delivery, &discharge),
            None => Err(Mistake::new(
                Condition::InvalidField,
                "a coordinator is told declare or discharge",
            )),
        }
    }

    fn declare(&mut self, number: u16, coordinator: u64, delivery: u32) -> Result<(), Mistake> {
        let transaction = TransactionId(self.line.next());
        let Some(channel) = self.channels.get_mut(number) else {
            return Ok(());
        };
        if channel.transactions.len() >= MOST {
            return Err(Mistake::limit("too many open transactions"));
        }
        let work = Work {
            coordinator,
            settled: Vec::new(),
        };
        channel.transactions.insert(transaction, work);
        let session = channel.asks.session;
        self.ask(number, broker::Input::Begin { session, transaction });
        let declared = Declared {
            txn_id: Bytes::copy_from_slice(&transaction.0.to_be_bytes()),
        };
        self.say_state(number, delivery, Outcome::Declared(declared));
        Ok(())
    }

    fn discharge(&mut self, number: u16, delivery: u32, discharge: &Discharge) -> Result<(), Mistake> {
        let transaction = self.transaction(number, &discharge.txn_id)?;
        if discharge.fail == Some(true) {
            self.abort(number, transaction);
            self.say_state(number, delivery, Outcome::Accepted(IsAccepted {}));
            return Ok(());
        }
        let Some(channel) = self.channels.get_mut(number) else {
            return Ok(());
        };
        let work = channel.transactions.remove(&transaction);
        let settled = work.map(|work| work.settled).unwrap_or_default();
        let session = channel.asks.session;
        let request = self.ask_for_promise(number, broker::Input::Commit { session, transaction });
        let promise = Promise::Discharged {
            delivery,
            request,
            settled,
        };
        self.promise(number, promise);
        Ok(())
    }

    pub(super) fn discharged(&mut self, number: u16, delivery: u32, request: u64, settled: Vec<DeliveryId>) {
        let Some(channel) = self.channels.get_mut(number) else {
            return;
        };
        match channel.verdict(request..=request) {
            Some(mistake) => {
                self.give_back(number, settled);
                self.reject(number, delivery, &mistake);
            }
            None => self.say_state(number, delivery, Outcome::Accepted(IsAccepted {})),
        }
    }

    fn abort(&mut self, number: u16, transaction: TransactionId) {
        let Some(channel) = self.channels.get_mut(number) else {
            return;
        };
        let work = channel.transactions.remove(&transaction);
        let session = channel.asks.session;
        self.ask(number, broker::Input::Abort { session, transaction });
        self.give_back(number, work.map(|work| work.settled).unwrap_or_default());
    }

    /// What a transaction settled that has not happened is free again: the client has forgotten it.
    fn give_back(&mut self, number: u16, settled: Vec<DeliveryId>) {
        let Some(session) = self.channels.get(number).map(|channel| channel.asks.session) else {
            return;
        };
        for delivery in settled {
            let back = broker::Input::Settle {
                session,
                transaction: None,
                delivery,
                outcome: broker::Outcome::Failed,
            };
            self.ask(number, back);
        }
    }

    /// The coordinator's link is gone (4.3).
    pub(super) fn abort_all(&mut self, number: u16, coordinator: u64) {
        let Some(channel) = self.channels.get(number) else {
            return;
        };
        let begun = channel
            .transactions
            .iter()
            .filter(|(_, work)| work.coordinator == coordinator);
        let open: Vec<TransactionId> = begun.map(|(transaction, _)| *transaction).collect();
        for transaction in open {
            self.abort(number, transaction);
        }
    }
}

fn order_of(payload: Bytes) -> Option<Order> {
    match Sections::read(payload).ok()?.body {
        Body::Value(spelled) => Order::of(Value::read(spelled).ok()?),
        Body::Data(_) | Body::Sequence(_) => None,
    }
}
