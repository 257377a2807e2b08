//! Acknowledgements, one or all up to one, and what they give room to.

use std::collections::BTreeMap;

use tandem_mq_wire::amqp091::{Code, Method};

use super::Session;
use super::channel::{Mode, Unacked};
use super::mistake::Mistake;
use crate::broker::{self, Outcome};

impl Session {
    pub(super) fn of_acknowledgements(&mut self, number: u16, method: Method) -> Result<(), Mistake> {
        let back = |requeue: bool| match requeue {
            true => Outcome::Released,
            false => Outcome::Rejected,
        };
        match method {
            Method::Ack { tag, multiple } => self.settle(number, tag, multiple, Outcome::Accepted),
            Method::Nack { tag, multiple, requeue } => self.settle(number, tag, multiple, back(requeue)),
            Method::Reject { tag, requeue } => self.settle(number, tag, false, back(requeue)),
            Method::Recover { requeue: false } | Method::RecoverAsync { requeue: false } => {
                Err(Mistake::new(Code::NotImplemented, "requeue=false"))
            }
            Method::Recover { .. } => {
                self.recover(number);
                self.say(number, Method::RecoverOk {});
                Ok(())
            }
            _ => {
                self.recover(number);
                Ok(())
            }
        }
    }

    fn settle(&mut self, number: u16, tag: u64, multiple: bool, outcome: Outcome) -> Result<(), Mistake> {
        let Some(channel) = self.channels.get_mut(number) else {
            return Ok(());
        };
        // Zero is all (section 1.8.3.13, "multiple").
        let all = multiple && tag == 0;
        if !all && !channel.unacked.contains_key(&tag) {
            return Err(Mistake::new(
                Code::PreconditionFailed,
                format!("unknown delivery tag {tag}"),
            ));
        }
        let settled: Vec<(u64, Unacked)> = match (all, multiple) {
            (true, _) => std::mem::take(&mut channel.unacked).into_iter().collect(),
            (false, true) => {
                let rest = channel.unacked.split_off(&(tag + 1));
                std::mem::replace(&mut channel.unacked, rest).into_iter().collect()
            }
            (false, false) => channel
                .unacked
                .remove(&tag)
                .map(|unacked| (tag, unacked))
                .into_iter()
                .collect(),
        };
        let (session, transaction) = (channel.asks.session, channel.transaction());
        for (_, unacked) in &settled {
            self.ask(
                number,
                broker::Input::Settle {
                    session,
                    transaction,
                    delivery: unacked.delivery,
                    outcome,
                },
            );
        }
        let Some(channel) = self.channels.get_mut(number) else {
            return Ok(());
        };
        match &mut channel.mode {
            Mode::Transaction { settled: open } => open.extend(settled),
            Mode::Plain | Mode::Confirm { .. } => self.give_room(number, settled.iter().map(|(_, unacked)| *unacked)),
        }
        Ok(())
    }

    /// Each consumer may have as many more as were settled.
    pub(super) fn give_room(&mut self, number: u16, settled: impl Iterator<Item = Unacked>) {
        let Some(channel) = self.channels.get(number) else {
            return;
        };
        let session = channel.asks.session;
        let mut more: BTreeMap<u64, u32> = BTreeMap::new();
        for unacked in settled.filter(|unacked| unacked.counts) {
            *more.entry(unacked.consumer).or_default() += 1;
        }
        let total: u32 = more.values().sum();
        let consumers: Vec<_> = more
            .into_iter()
            .map(|(number, more)| (channel.asks.consumer(number), more))
            .collect();
        for (consumer, more) in consumers {
            self.ask(number, broker::Input::Credit { consumer, more });
        }
        if total > 0 {
            self.ask(number, broker::Input::Window { session, more: total });
        }
    }

    fn recover(&mut self, number: u16) {
        let Some(channel) = self.channels.get_mut(number) else {
            return;
        };
        let session = channel.asks.session;
        let all = std::mem::take(&mut channel.unacked);
        for unacked in all.values() {
            self.ask(
                number,
                broker::Input::Settle {
                    session,
                    transaction: None,
                    delivery: unacked.delivery,
                    outcome: Outcome::Released,
                },
            );
        }
        self.give_room(number, all.into_values());
    }

    /// What went to consumers that acknowledge nothing has left.
    pub(super) fn flushed(&mut self) {
        for (consumer, delivery) in std::mem::take(&mut self.unflushed) {
            let Some((number, _)) = self.channels.of(consumer.session) else {
                continue;
            };
            self.ask(
                number,
                broker::Input::Settle {
                    session: consumer.session,
                    transaction: None,
                    delivery,
                    outcome: Outcome::Accepted,
                },
            );
            self.ask(number, broker::Input::Credit { consumer, more: 1 });
        }
    }
}
