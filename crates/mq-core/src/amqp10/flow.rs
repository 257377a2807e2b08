//! How much may be on its way: frames on a channel (2.5.6), messages on a link (2.6.7).

use tandem_mq_wire::amqp10::{Condition, Flow};
use tandem_time::Mono;

use super::Session;
use super::channel::Channel;
use super::link::Way;
use super::mistake::Mistake;
use crate::broker;

/// How many frames with messages a channel may have on their way to us.
pub(super) const WINDOW: u32 = 2048;

/// What a flow says of the channel.
fn of_channel(channel: &Channel) -> Flow {
    Flow {
        next_incoming_id: Some(channel.next_incoming),
        incoming_window: channel.incoming_window,
        next_outgoing_id: channel.next_outgoing,
        outgoing_window: WINDOW,
        ..Flow::default()
    }
}

impl Session {
    pub(super) fn flow(&mut self, number: u16, flow: &Flow, now: Mono) -> Result<(), Mistake> {
        let Some(channel) = self.channels.get_mut(number) else {
            return Ok(());
        };
        // What it counts from when it has not seen our first is where we began.
        let from = flow.next_incoming_id.unwrap_or(0);
        // Whoever counts beyond what we have sent has nothing on its way (RFC 1982 arithmetic, 2.8.10).
        let ahead = channel.next_outgoing.wrapping_sub(from);
        let on_its_way = if ahead > u32::MAX / 2 { 0 } else { ahead };
        channel.outgoing_window = flow.incoming_window.saturating_sub(on_its_way);
        self.pump(number, now);
        let Some(handle) = flow.handle else {
            if flow.echo == Some(true) {
                self.say_flow(number);
            }
            return Ok(());
        };
        let known = self.channels.get_mut(number).and_then(|c| c.links.get_mut(&handle));
        let Some(link) = known else {
            return Err(Mistake::new(Condition::UnattachedHandle, "no link has this handle"));
        };
        if !link.postpone(flow) {
            self.link_flow(number, handle, flow);
        }
        Ok(())
    }

    fn say_flow(&mut self, number: u16) {
        if let Some(flow) = self.channels.get(number).map(of_channel) {
            self.say(number, flow);
        }
    }

    /// A frame with a message has come.
    pub(super) fn count_frame(&mut self, number: u16) -> Result<(), Mistake> {
        let Some(channel) = self.channels.get_mut(number) else {
            return Ok(());
        };
        if channel.incoming_window == 0 {
            return Err(Mistake::new(
                Condition::WindowViolation,
                "more frames than the window allows",
            ));
        }
        channel.incoming_window -= 1;
        channel.next_incoming = channel.next_incoming.wrapping_add(1);
        if channel.incoming_window <= WINDOW / 2 {
            channel.incoming_window = WINDOW;
            self.say_flow(number);
        }
        Ok(())
    }

    pub(super) fn link_flow(&mut self, number: u16, handle: u32, flow: &Flow) {
        let Some(channel) = self.channels.get_mut(number) else {
            return;
        };
        let Some(link) = channel.links.get_mut(&handle) else {
            return;
        };
        let echo = flow.echo == Some(true);
        match &mut link.way {
            Way::Closing => return,
            Way::In(_) => {}
            Way::Out(outgoing) => {
                if let Some(credit) = flow.link_credit {
                    let from = flow.delivery_count.unwrap_or(0);
                    let left = from.wrapping_add(credit).wrapping_sub(outgoing.delivery_count);
                    // Lowered below what is on its way.
                    outgoing.credit = if left > u32::MAX / 2 && credit < u32::MAX / 2 {
                        0
                    } else {
                        left
                    };
                }
                outgoing.drain = flow.drain == Some(true);
            }
        }
        if echo {
            self.say_link_flow(number, handle);
        }
        self.want_more(number, handle);
    }

    /// Where a link stands.
    pub(super) fn say_link_flow(&mut self, number: u16, handle: u32) {
        let Some(channel) = self.channels.get(number) else {
            return;
        };
        let Some(link) = channel.links.get(&handle) else {
            return;
        };
        let mut flow = Flow {
            handle: Some(handle),
            ..of_channel(channel)
        };
        match &link.way {
            Way::Closing => return,
            Way::In(incoming) => {
                flow.delivery_count = Some(incoming.delivery_count);
                flow.link_credit = Some(incoming.credit);
            }
            Way::Out(outgoing) => {
                flow.delivery_count = Some(outgoing.delivery_count);
                flow.link_credit = Some(outgoing.credit);
                flow.available = Some(outgoing.queued);
                flow.drain = Some(outgoing.drain);
            }
        }
        self.say(number, flow);
    }

    /// The client may send more, unless memory is full.
    pub(super) fn give_credit(&mut self, number: u16, handle: u32) {
        let (window, held) = (self.settings.window, self.held);
        let link = self.channels.get_mut(number).and_then(|c| c.links.get_mut(&handle));
        // Before its attach is answered nothing is said of it.
        let Some(Way::In(incoming)) = link.filter(|link| link.is_answered()).map(|link| &mut link.way) else {
            return;
        };
        if held || incoming.credit > window / 2 {
            return;
        }
        incoming.credit = window;
        self.say_link_flow(number, handle);
    }

    pub(super) fn hold(&mut self, held: bool) {
        self.held = held;
        let links = |(number, channel): (u16, &Channel)| {
            let handles: Vec<u32> = channel.links.keys().copied().collect();
            (number, handles)
        };
        let all: Vec<(u16, Vec<u32>)> = self.channels.iter().map(links).collect();
        for (number, handles) in all {
            for handle in handles {
                self.give_credit(number, handle);
            }
        }
    }

    /// Asks the broker for what the client wants, some of it at a time; takes back what it does not want any more.
    pub(super) fn want_more(&mut self, number: u16, handle: u32) {
        let most = self.settings.window;
        let Some(channel) = self.channels.get_mut(number) else {
            return;
        };
        let Some(link) = channel.links.get_mut(&handle) else {
            return;
        };
        let link_number = link.number;
        let Way::Out(outgoing) = &mut link.way else { return };
        if outgoing.kind.is_none() || outgoing.draining {
            return;
        }
        let wanted = outgoing
            .credit
            .saturating_sub(outgoing.queued)
            .min(most.saturating_sub(outgoing.queued));
        let more = wanted.saturating_sub(outgoing.asked);
        let all = outgoing.credit.saturating_sub(outgoing.queued) <= outgoing.asked + more;
        // Who has no room now is asked for more when something has gone; to ask the broker at once would never end.
        let has_room = outgoing.credit > outgoing.queued && outgoing.queued < most;
        let drains = outgoing.drain && has_room || outgoing.asked > outgoing.credit;
        // Not one by one.
        let enough = more > most / 4 || more > 0 && (all || drains);
        if enough {
            outgoing.asked += more;
        }
        outgoing.draining = drains;
        let consumer = channel.asks.consumer(link_number);
        if enough {
            self.ask(number, broker::Input::Credit { consumer, more });
        }
        if drains {
            self.ask(number, broker::Input::Drain { consumer });
        }
    }

    /// The broker has nothing more, or has given what it was asked for.
    pub(super) fn drained(&mut self, number: u16, handle: u32, left: u32) {
        let link = self.channels.get_mut(number).and_then(|c| c.links.get_mut(&handle));
        let Some(Way::Out(outgoing)) = link.map(|link| &mut link.way) else {
            return;
        };
        outgoing.asked = outgoing.asked.saturating_sub(left);
        outgoing.draining = false;
        if outgoing.drain && left > 0 {
            outgoing.empty = true;
            return self.finish_drain(number, handle);
        }
        self.want_more(number, handle);
    }

    /// What is left of the credit is used up by counting (2.6.7).
    pub(super) fn finish_drain(&mut self, number: u16, handle: u32) {
        let link = self.channels.get_mut(number).and_then(|c| c.links.get_mut(&handle));
        let Some(Way::Out(outgoing)) = link.map(|link| &mut link.way) else {
            return;
        };
        if !outgoing.drain || !outgoing.empty || outgoing.queued > 0 {
            return;
        }
        outgoing.delivery_count = outgoing.delivery_count.wrapping_add(outgoing.credit);
        outgoing.credit = 0;
        outgoing.empty = false;
        self.say_link_flow(number, handle);
        if let Some(Way::Out(outgoing)) = self
            .channels
            .get_mut(number)
            .and_then(|c| c.links.get_mut(&handle))
            .map(|link| &mut link.way)
        {
            outgoing.drain = false;
        }
    }
}
