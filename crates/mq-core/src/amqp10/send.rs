//! Messages to the client: transfers, cut to its frames, as far as its window allows (2.6.12).

use bytes::{Bytes, BytesMut};
use tandem_mq_wire::amqp10::{Frame, Transfer};
use tandem_time::Mono;

use super::link::Way;
use super::settle::Out;
use super::{Session, message};
use crate::broker::{Delivery, Outcome};
use crate::{DeliveryId, Kind};

/// What a transfer needs beside what it carries.
const AROUND: usize = 96;

/// A link on which the client receives.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// What it listens to. `None` for one that is only looked up.
    pub(super) kind: Option<Kind>,
    /// The client acknowledges nothing.
    pub(super) presettled: bool,
    pub(super) browse: bool,
    /// It outlives the link by this name.
    pub(super) durable: Option<Box<str>>,
    /// What becomes of what is settled without a word.
    pub(super) default: Outcome,
    pub(super) delivery_count: u32,
    /// How many more the client wants.
    pub(super) credit: u32,
    /// It wants to know when there is nothing more for now.
    pub(super) drain: bool,
    /// The broker has been asked for so many that have not come.
    pub(super) asked: u32,
    /// The broker has been told to stop.
    pub(super) draining: bool,
    /// And it had nothing more.
    pub(super) empty: bool,
    /// Those that wait for the window.
    pub(super) queued: u32,
}

impl Default for Outgoing {
    fn default() -> Self {
        Outgoing {
            kind: None,
            presettled: false,
            browse: false,
            durable: None,
            default: Outcome::Released,
            delivery_count: 0,
            credit: 0,
            drain: false,
            asked: 0,
            draining: false,
            empty: false,
            queued: 0,
        }
    }
}

/// A message on its way to the client.
#[derive(Debug)]
pub(super) struct Going {
    pub(super) link: u64,
    handle: u32,
    delivery: DeliveryId,
    what: What,
    presettled: bool,
    browse: bool,
}

/// How far it has come.
#[derive(Debug)]
enum What {
    Waits(Box<Delivery>, Kind),
    /// By this number, and this is left.
    Goes(u32, Bytes),
}

impl Session {
    pub(super) fn deliver(&mut self, delivery: Delivery, now: Mono) {
        let consumer = delivery.consumer;
        // The link or its channel may have ended while this was on its way; then the broker has it back already.
        let Some((number, channel)) = self.channels.of(consumer.session) else {
            return;
        };
        let Some(handle) = channel.numbers.get(&consumer.number).copied() else {
            return;
        };
        let Some(Way::Out(outgoing)) = channel.links.get_mut(&handle).map(|link| &mut link.way) else {
            return;
        };
        outgoing.asked = outgoing.asked.saturating_sub(1);
        let (Some(kind), true) = (outgoing.kind, outgoing.credit > outgoing.queued) else {
            // The client wants it no more.
            if !outgoing.browse {
                self.settle_at(number, delivery.delivery, Outcome::Released, None);
            }
            return;
        };
        outgoing.queued += 1;
        let going = Going {
            link: consumer.number,
            handle,
            delivery: delivery.delivery,
            presettled: outgoing.presettled,
            browse: outgoing.browse,
            what: What::Waits(Box::new(delivery), kind),
        };
        channel.going.push_back(going);
        self.pump(number, now);
    }

    /// Sends what the window allows.
    pub(super) fn pump(&mut self, number: u16, now: Mono) {
        let wall = self.line.wall(now);
        let most = self.frame_max as usize - AROUND;
        loop {
            let Some(channel) = self.channels.get_mut(number) else {
                return;
            };
            if channel.outgoing_window == 0 {
                return;
            }
            let Some(mut going) = channel.going.pop_front() else {
                return;
            };
            let mut transfer = Transfer {
                handle: going.handle,
                ..Transfer::default()
            };
            let (id, mut payload) = match going.what {
                What::Goes(id, rest) => (id, rest),
                What::Waits(delivery, kind) => {
                    let id = channel.next_delivery;
                    channel.next_delivery = id.wrapping_add(1);
                    transfer.delivery_id = Some(id);
                    transfer.delivery_tag = Some(Bytes::copy_from_slice(&delivery.delivery.0.to_be_bytes()));
                    transfer.message_format = Some(0);
                    transfer.settled = Some(going.presettled);
                    if !going.presettled {
                        let out = Out {
                            link: going.link,
                            delivery: going.delivery,
                            browse: going.browse,
                        };
                        channel.unsettled.insert(id, out);
                    }
                    let mut bytes = BytesMut::new();
                    message::write(&delivery, kind, wall).write(&mut bytes);
                    (id, bytes.freeze())
                }
            };
            channel.outgoing_window -= 1;
            channel.next_outgoing = channel.next_outgoing.wrapping_add(1);
            let part = payload.split_to(payload.len().min(most));
            if !payload.is_empty() {
                transfer.more = Some(true);
                going.what = What::Goes(id, payload);
                channel.going.push_front(going);
                self.line.send(Frame::Say(number, transfer.into(), part));
                continue;
            }
            let consumer = channel.asks.consumer(going.link);
            if let Some(Way::Out(outgoing)) = channel.links.get_mut(&going.handle).map(|link| &mut link.way) {
                outgoing.queued -= 1;
                outgoing.credit = outgoing.credit.saturating_sub(1);
                outgoing.delivery_count = outgoing.delivery_count.wrapping_add(1);
            }
            if going.presettled && !going.browse {
                self.unflushed.push((consumer, going.delivery));
            }
            self.line.send(Frame::Say(number, transfer.into(), part));
            self.finish_drain(number, going.handle);
            self.want_more(number, going.handle);
        }
    }
}
