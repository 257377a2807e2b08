//! What the broker says.

use tandem_time::Mono;

use super::Session;
use super::channel::Promise;
use super::mistake::Mistake;
use crate::broker::{Output, Refusal};
use crate::{ConsumerId, SessionId, Token};
use tandem_mq_wire::amqp10::Condition;

impl Session {
    pub(super) fn broker_says(&mut self, output: Output, now: Mono) {
        match output {
            Output::Deliver(delivery) => self.deliver(delivery, now),
            Output::Synced { session, token } => self.keep_promise(session, token),
            Output::Refused {
                session,
                reason,
                ends: true,
                ..
            } => self.ended(session, &reason, now),
            Output::Refused {
                session,
                reason,
                request,
                ..
            } => self.refused(session, &reason, request),
            Output::Drained { consumer, left } => {
                if let Some((number, handle)) = self.find(consumer) {
                    self.drained(number, handle, left);
                }
            }
            Output::Abandoned { consumer } => {
                if let Some((number, handle)) = self.find(consumer) {
                    let gone = Mistake::new(Condition::ResourceDeleted, "the queue has been deleted");
                    self.fail_link(number, handle, &gone);
                }
            }
            // For the journal, for all sessions, for other protocols; a browser sees by a drain that there is no more.
            Output::Write { .. }
            | Output::Hold(_)
            | Output::Omitted { .. }
            | Output::Browsed { .. }
            | Output::Arranged { .. }
            | Output::Returned { .. }
            | Output::Attached { .. }
            | Output::Taken { .. } => {}
        }
    }

    fn find(&mut self, consumer: ConsumerId) -> Option<(u16, u32)> {
        let (number, channel) = self.channels.of(consumer.session)?;
        Some((number, *channel.numbers.get(&consumer.number)?))
    }

    fn keep_promise(&mut self, session: SessionId, token: Token) {
        let Some((number, channel)) = self.channels.of(session) else {
            return;
        };
        let Some(promise) = channel.asks.promises.remove(&token) else {
            return;
        };
        match promise {
            Promise::Attached { link, requests } => self.attached(number, link, requests),
            Promise::Arrived {
                delivery,
                request,
                second,
                state,
            } => self.arrived(number, delivery, request, second, state),
            Promise::Discharged {
                delivery,
                request,
                settled,
            } => self.discharged(number, delivery, request, settled),
        }
    }

    fn refused(&mut self, session: SessionId, reason: &Refusal, request: u64) {
        if let Some((_, channel)) = self.channels.of(session) {
            channel.refuse(request, reason);
        }
    }

    fn ended(&mut self, session: SessionId, reason: &Refusal, now: Mono) {
        if let Some((number, _)) = self.channels.of(session) {
            self.fail_channel(number, &Mistake::from(reason), now);
        }
    }
}
