//! What the client says of what it got (2.6.12, 2.7.6, 3.4), and that it has forgotten what it sent.

use tandem_mq_wire::amqp10::{Disposition, State as Said};

use super::Session;
use super::link::Way;
use super::mistake::Mistake;
use crate::broker::{self, Outcome};
use crate::{DeliveryId, TransactionId};

/// Sent, and not settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Out {
    pub(super) link: u64,
    pub(super) delivery: DeliveryId,
    /// It was only looked at.
    pub(super) browse: bool,
}

/// What becomes of a message. `None` when that is still open.
pub(super) fn outcome(said: &Said) -> Option<Outcome> {
    Some(match said {
        Said::Accepted(_) => Outcome::Accepted,
        Said::Rejected(_) => Outcome::Rejected,
        Said::Released(_) => Outcome::Released,
        // Whoever must not have it again would have it again at once, if it did not count.
        Said::Modified(how) if how.delivery_failed == Some(true) || how.undeliverable_here == Some(true) => {
            Outcome::Failed
        }
        Said::Modified(_) => Outcome::Released,
        Said::Received(_) | Said::Declared(_) | Said::Transactional(_) => return None,
    })
}

impl Session {
    pub(super) fn disposition(&mut self, number: u16, said: &Disposition) -> Result<(), Mistake> {
        let last = said.last.unwrap_or(said.first);
        let among = last.wrapping_sub(said.first);
        let within = |id: &u32| id.wrapping_sub(said.first) <= among;
        let Some(channel) = self.channels.get_mut(number) else {
            return Ok(());
        };
        // What it sent we have forgotten when we said what became of it.
        if !said.role {
            return Ok(());
        }
        let settled = said.settled == Some(true);
        let (transaction, state) = match &said.state {
            Some(Said::Transactional(within)) => {
                let inner = within.outcome.as_deref();
                (Some(within.txn_id.clone()), inner)
            }
            state => (None, state.as_ref()),
        };
        let concluded = state.and_then(outcome);
        if !settled && concluded.is_none() {
            return Ok(());
        }
        let ids: Vec<u32> = match said.first <= last {
            true => channel.unsettled.range(said.first..=last).map(|(id, _)| *id).collect(),
            false => channel.unsettled.keys().copied().filter(within).collect(),
        };
        let transaction = transaction.map(|name| self.transaction(number, &name)).transpose()?;
        for id in ids {
            let Some(channel) = self.channels.get_mut(number) else {
                return Ok(());
            };
            let Some(out) = channel.unsettled.remove(&id) else {
                continue;
            };
            let default = channel
                .numbers
                .get(&out.link)
                .and_then(|handle| channel.links.get(handle));
            let default = match default.map(|link| &link.way) {
                Some(Way::Out(outgoing)) => outgoing.default,
                _ => Outcome::Released,
            };
            let concluded = concluded.unwrap_or(default);
            if !out.browse {
                self.settle_at(number, out.delivery, concluded, transaction);
            }
        }
        if !settled {
            // The client waits until we have forgotten it, too.
            let answer = Disposition {
                role: false,
                first: said.first,
                last: said.last,
                settled: Some(true),
                state: said.state.clone(),
                batchable: None,
            };
            self.say(number, answer);
        }
        Ok(())
    }

    pub(super) fn settle_at(
        &mut self,
        number: u16,
        delivery: DeliveryId,
        outcome: Outcome,
        transaction: Option<TransactionId>,
    ) {
        let Some(channel) = self.channels.get_mut(number) else {
            return;
        };
        let session = channel.asks.session;
        if let Some(work) = transaction.and_then(|id| channel.transactions.get_mut(&id)) {
            work.settled.push(delivery);
        }
        self.ask(
            number,
            broker::Input::Settle {
                session,
                transaction,
                delivery,
                outcome,
            },
        );
    }

    /// What was sent as settled has left.
    pub(super) fn flushed(&mut self) {
        for (consumer, delivery) in std::mem::take(&mut self.unflushed) {
            if let Some((number, _)) = self.channels.of(consumer.session) {
                self.settle_at(number, delivery, Outcome::Accepted, None);
            }
        }
    }
}
