//! What the kernel is asked for, in its order: addresses, routes and rules, and what must be set for them.
//!
//! They are asked for some at a time, in one system call, by a thread of its own: the kernel works them off before the call
//! returns, and lets the caller wait for whoever else is changing any network on the machine (its one `rtnl_mutex`). That
//! is tens of milliseconds where containers come and go. Meanwhile the router looks after packets and timers, and what has
//! come is announced: hundreds of addresses keep neither an advert waiting nor each other's announcements.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use tandem_sys::netlink::{Batch, Index, NetlinkError, Request};
use tandem_vrrp_core::Router;
use tandem_vrrp_core::settings::InstanceId;
use tokio::sync::mpsc;

use super::lent::{Lent, Setting};
use super::{Answer, Brain};
use crate::urgency::Urgency;

/// The kernel works on them for a fraction of a millisecond.
const SOME: usize = 16;
const STACK: usize = 256 << 10;
/// For all that was asked for at once: on a machine with far too much to do the kernel is slower than this, and then
/// somebody has to be told all the same.
const USABLE: Duration = Duration::from_millis(20);

pub(super) struct Errands {
    to: mpsc::UnboundedSender<Errand>,
    /// Not answered yet.
    under_way: usize,
}

#[derive(Debug)]
enum Errand {
    Ask(Request, Purpose),
    Set(Setting),
}

/// Who wants to know how it went.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Hold { instance: InstanceId, address: IpAddr },
    Give { index: Index, address: IpAddr },
    Other,
}

/// How errands went.
#[derive(Debug, Default)]
pub(super) struct Done {
    asked: Vec<Asked>,
    set: Vec<Result<(), String>>,
}

type Asked = (Request, Purpose, Result<(), NetlinkError>);

impl Errands {
    /// Addresses are as urgent as adverts. That it may be refused has been said for the router's thread.
    pub(super) fn start(answering: mpsc::UnboundedSender<Answer>, urgency: Urgency, lent: Lent) -> io::Result<Errands> {
        let batch = Batch::open()?;
        let (to, waiting) = mpsc::unbounded_channel();
        let work = move || {
            urgency.take().ok();
            run(batch, lent, waiting, &answering);
        };
        std::thread::Builder::new()
            .name("errands".into())
            .stack_size(STACK)
            .spawn(work)?;
        Ok(Errands { to, under_way: 0 })
    }

    pub(super) fn push(&mut self, request: Request, purpose: Purpose) {
        self.send(Errand::Ask(request, purpose));
    }

    pub(super) fn set(&mut self, setting: Setting) {
        self.send(Errand::Set(setting));
    }

    fn send(&mut self, errand: Errand) {
        // Its thread ends after us.
        if self.to.send(errand).is_ok() {
            self.under_way += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.under_way == 0
    }
}

/// Until there is nobody to run errands for.
fn run(
    mut batch: Batch,
    mut lent: Lent,
    mut waiting: mpsc::UnboundedReceiver<Errand>,
    answering: &mpsc::UnboundedSender<Answer>,
) {
    let mut patience = USABLE;
    loop {
        if waiting.is_empty() {
            patience = USABLE;
        }
        let Some(first) = waiting.blocking_recv() else { return };
        let more = std::iter::from_fn(|| waiting.try_recv().ok()).take(SOME - 1);
        let mut asked = Vec::new();
        let mut done = Done::default();
        for errand in std::iter::once(first).chain(more) {
            match errand {
                Errand::Ask(request, purpose) => asked.push((request, purpose)),
                // What was asked for before comes before.
                Errand::Set(setting) => {
                    done.asked.extend(ask(&mut batch, std::mem::take(&mut asked)));
                    done.set.push(lent.carry_out(&setting));
                }
            }
        }
        done.asked.extend(ask(&mut batch, asked));
        let late = Done {
            asked: take_unusable(&mut done.asked),
            set: Vec::new(),
        };
        let fresh: Vec<_> = late
            .asked
            .iter()
            .filter_map(|(request, ..)| request.is_wanted_at_once())
            .collect();
        // Nobody to answer means that the brain has ended.
        if answering.send(Answer::Errands(done)).is_err() {
            return;
        }
        if !fresh.is_empty() {
            let begun = Instant::now();
            // Whoever hears of them sends packets at once, and whoever had them lets them go.
            batch.wait_until_usable(&fresh, patience);
            patience = patience.saturating_sub(begun.elapsed());
            answering.send(Answer::Errands(late)).ok();
        }
    }
}

fn ask(batch: &mut Batch, asked: Vec<(Request, Purpose)>) -> impl Iterator<Item = Asked> {
    let requests: Vec<&Request> = asked.iter().map(|(request, _)| request).collect();
    let results = batch.carry_out(&requests);
    let outcomes = asked.into_iter().zip(results);
    outcomes.map(|((request, purpose), result)| (request, purpose, result))
}

/// What was added and may not be usable yet, unless it is gone again already. What else was asked for does not wait for it.
fn take_unusable(asked: &mut Vec<Asked>) -> Vec<Asked> {
    let mut gone = BTreeSet::new();
    let mut unusable = Vec::new();
    for (place, (request, _, result)) in asked.iter().enumerate().rev() {
        match (request, request.is_wanted_at_once()) {
            (Request::DeleteAddress(gone_too), _) => drop(gone.insert((gone_too.index, gone_too.cidr.ip()))),
            (_, Some((index, ip))) if result.is_ok() && !gone.contains(&(index, ip.into())) => unusable.push(place),
            _ => {}
        }
    }
    let mut taken: Vec<Asked> = unusable.into_iter().map(|place| asked.remove(place)).collect();
    taken.reverse();
    taken
}

impl Brain {
    pub(super) fn ask(&mut self, request: Request) {
        self.errands.push(request, Purpose::Other);
    }

    pub(super) fn errands_done(&mut self, Done { asked, set }: Done) {
        self.errands.under_way = self.errands.under_way.saturating_sub(asked.len() + set.len());
        let mut refused = false;
        for (request, purpose, result) in asked {
            refused |= self.asked(&request, purpose, result);
        }
        if refused {
            self.owners_may_be_mute();
        }
        for trouble in set.into_iter().filter_map(Result::err) {
            self.reports.trouble(trouble);
        }
    }

    /// Whether an address was refused.
    fn asked(&mut self, request: &Request, purpose: Purpose, result: Result<(), NetlinkError>) -> bool {
        let happened = result.is_ok();
        // An answer that was lost says nothing; a number of the kernel's says no, unless it is so already.
        let errno = result.as_ref().err().and_then(NetlinkError::errno);
        let refused = errno.is_some_and(|errno| !request.is_already_so(errno));
        if let Err(error) = result
            && !errno.is_some_and(|errno| request.is_already_so(errno))
        {
            self.reports.trouble(error);
        }
        match purpose {
            Purpose::Hold { instance, address } => self.held(instance, address, !refused),
            Purpose::Give { index, address } => self.holding.removed(index, address, happened),
            Purpose::Other => {}
        }
        refused && matches!(purpose, Purpose::Hold { .. })
    }

    fn held(&mut self, instance: InstanceId, address: IpAddr, is_there: bool) {
        let due = self.holding.added(instance, address, is_there);
        // Nothing may be said with a MAC address of its own before all of them are there, and the advert first.
        self.advertise_if_all_are_there(instance);
        for (instance, address) in of_masters(&self.router, due) {
            self.announce(instance, address);
        }
    }
}

/// Whoever has said goodbye while the kernel was asked may have a successor by now, and would call its clients back.
fn of_masters(router: &Router, due: Vec<(InstanceId, IpAddr)>) -> Vec<(InstanceId, IpAddr)> {
    let serves = |id| router.instance(id).is_some_and(|view| view.serves_alone());
    due.into_iter().filter(|(instance, _)| serves(*instance)).collect()
}

#[cfg(test)]
mod tests {
    use tandem_sys::netlink::{AddressRequest, Cidr};
    use tandem_time::Mono;
    use tandem_vrrp_core::settings::{Family, InstanceSettings, RouterSettings, VirtualAddress, Vrid};
    use tandem_vrrp_core::{Input, Release, Who};

    use super::*;

    fn address(ip: &str) -> AddressRequest {
        let mut request = AddressRequest::new(Index(2), Cidr::host(ip.parse().expect("well written")));
        request.flags.skip_duplicate_detection = true;
        request
    }

    fn done(request: Request) -> Asked {
        (request, Purpose::Other, Ok(()))
    }

    fn words(asked: &[Asked]) -> Vec<String> {
        asked.iter().map(|(request, ..)| request.to_string()).collect()
    }

    #[test]
    fn only_what_may_not_be_usable_yet_is_waited_for() {
        let (four, six, brief) = (address("10.9.0.100"), address("fd00::100"), address("fd00::101"));
        let mut careful = address("fd00::102");
        careful.flags.skip_duplicate_detection = false;
        let mut asked = vec![
            done(Request::AddAddress(six.clone())),
            done(Request::AddAddress(four)),
            done(Request::AddAddress(brief.clone())),
            done(Request::AddAddress(careful)),
            done(Request::DeleteAddress(brief.clone())),
            done(Request::DeleteAddress(six)),
            done(Request::AddAddress(brief)),
            done(Request::SetUp(Index(3))),
        ];
        let late = take_unusable(&mut asked);
        assert_eq!(words(&late), ["add address fd00::101/128 to interface 2"]);
        assert_eq!(
            words(&asked),
            [
                "add address fd00::100/128 to interface 2",
                "add address 10.9.0.100/32 to interface 2",
                "add address fd00::101/128 to interface 2",
                "add address fd00::102/128 to interface 2",
                "delete address fd00::101/128 from interface 2",
                "delete address fd00::100/128 from interface 2",
                "set up interface 3",
            ]
        );
    }

    #[test]
    fn whoever_leaves_announces_nothing_that_waited() {
        let vip = IpAddr::from([10, 9, 0, 100]);
        let instance = |id: u32, vrid: u8| {
            let vrid = Vrid::new(vrid).expect("not 0");
            InstanceSettings {
                source: Some([10, 9, 0, 1].into()),
                vips: vec![VirtualAddress::host(vip)],
                ..InstanceSettings::new(InstanceId(id), "VI", vrid, Family::V4)
            }
        };
        let mut router = Router::new(RouterSettings {
            instances: vec![instance(0, 51), instance(1, 52)],
            ..RouterSettings::default()
        });
        let [stays, leaves] = [InstanceId(0), InstanceId(1)];
        let mut now = Mono::ZERO;
        router.handle(Input::Start, now);
        let master = |router: &Router, id| router.instance(id).is_some_and(|i| i.serves_alone());
        while !(master(&router, stays) && master(&router, leaves)) {
            now = router.poll_deadline().expect("it waits for a master");
            router.on_deadline(now);
        }
        let due = vec![(stays, vip), (leaves, vip), (InstanceId(9), vip)];
        assert_eq!(of_masters(&router, due.clone()), due[..2]);
        let who = Who::One(leaves);
        router.handle(
            Input::Release {
                who,
                why: Release::Drain,
            },
            now,
        );
        assert!(router.instance(leaves).is_some_and(|i| i.holds), "it goes on serving");
        assert_eq!(of_masters(&router, due.clone()), due[..1]);
    }
}
