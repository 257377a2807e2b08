//! The drills at the pace of somebody's own files: what takes a third of a second in our pair may take ten in theirs.
//!
//! The promises stay the same; the times in them come from their intervals: until something is noticed, and then what the
//! protocol's arithmetic says until the other host serves.

use std::time::Duration;

use tandem_lb_config::{Plan, Server};
use tandem_vrrp_core::settings::{Preempt, RouterSettings};

use crate::drill::catalog::{Drill, Expected, Step};
use crate::pair::PATIENCE;
use crate::pair::act::{Act, Part, Place, Side};
use crate::pair::cast::{Cast, Origin};
use crate::plan::failure::{Failure, Pair};
use crate::rhythm;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Until the other host serves when this one is silent.
    down: Duration,
    /// The same when the balancer is gone: the longest that those of the files' checks may take that can see it.
    balancer: Duration,
    /// Until a server that is silent is down, and one that is back is up.
    server_down: Duration,
    server_up: Duration,
    /// Until who is back is master again; `None` where nobody preempts.
    back: Option<Duration>,
    /// Until the first is master at all, beside what programs take.
    begins: Duration,
    first: Side,
    servers: usize,
    /// Each takes as much of the load as any other.
    is_even: bool,
}

/// What the programs take beside what is waited for.
const SLACK: Duration = Duration::from_millis(150);
/// A step closer to the one before belongs to it.
const TOGETHER: Duration = Duration::from_millis(450);

impl Pace {
    /// Of what the daemons read in the lab: `router` is the first host's.
    pub fn of(pair: &Pair, router: &RouterSettings, plan: &Plan, backend: &str, first: Side) -> Pace {
        let down = pair.arithmetic(&Failure::PowerLost).unwrap_or_default();
        // Whatever looks at the balancer counts, as far as it has to notice before the address moves.
        let moved = |failure: Failure| Some(pair.noticed(&failure) + pair.arithmetic(&failure)?);
        let balancer = [Failure::BalancerDies, Failure::BalancerHangs].map(moved);
        let balancer = balancer.into_iter().flatten().max().unwrap_or(down);
        let slowest = pair.hosts[0]
            .tracked
            .iter()
            .map(|tracked| tracked.noticed)
            .max()
            .unwrap_or_default();
        let servers = plan.backends.iter().find(|each| *each.name == *backend);
        let servers = servers.map_or(&[][..], |backend| &backend.servers);
        let delay = |preempt: Preempt| match preempt {
            Preempt::After(delay) => Some(delay),
            Preempt::Never => None,
        };
        let own = delay(pair.first().preempt);
        let server_up = servers.iter().map(until_up).max().unwrap_or_default();
        Pace {
            down,
            balancer,
            server_down: servers.iter().map(until_down).max().unwrap_or_default(),
            server_up,
            back: own.map(|delay| delay + down + slowest),
            begins: router.startup_delay + own.unwrap_or_default() + down * 2 + slowest.max(server_up),
            first,
            servers: servers.len(),
            is_even: servers
                .iter()
                .all(|server| !server.backup && !server.disabled && server.weight == servers[0].weight),
        }
    }

    /// How long the pair may take until it serves.
    pub fn begins(&self) -> Duration {
        PATIENCE + self.begins
    }

    /// The drill for this pair, with the promises of this cast; or why it cannot be held.
    pub fn fit(&self, drill: &Drill, cast: Cast) -> Result<Drill, String> {
        let drill = &drill.of_brokers(self.servers);
        let last = drill.steps.iter().filter_map(|step| step.act.node()).max();
        if let Some(node) = last.filter(|node| node.0 >= self.servers) {
            return Err(format!("the load's backend has no {node}"));
        }
        if drill.expected.share.is_some() && !self.is_even {
            return Err("the load's servers do not get even parts of it".into());
        }
        if drill.amount.stuck {
            return Err("it is about the stick tables of our own pair".into());
        }
        let steps = drill.steps.iter().map(|step| Step {
            at: step.at,
            act: step.act.on(self.first),
        });
        let mut fitted = Drill {
            steps: steps.collect(),
            gap_adverts: 0.0,
            ..drill.clone()
        };
        if drill.steps.iter().any(|step| matches!(step.act, Act::Certificate(_))) {
            fitted.about = "Both balancers read a changed configuration under load; certificates stay".into();
        }
        self.stretch(&mut fitted);
        fitted.expected = self.promise(&fitted, drill.promised_by(cast, 100), cast);
        Ok(fitted)
    }

    /// Every step has the time that it takes here until it has come to what it comes to.
    fn stretch(&self, drill: &mut Drill) {
        let (mut before, mut at) = (Duration::ZERO, Duration::ZERO);
        let mut needed = Duration::ZERO;
        for step in &mut drill.steps {
            let since = step.at.saturating_sub(before);
            before = step.at;
            at += if since < TOGETHER { since } else { since.max(needed) };
            step.at = at;
            needed = match since < TOGETHER {
                true => needed.max(self.settles(&step.act)),
                false => self.settles(&step.act),
            };
        }
        drill.lasts = at + drill.lasts.saturating_sub(before).max(needed);
    }

    fn settles(&self, act: &Act) -> Duration {
        const AFTER: Duration = Duration::from_millis(500);
        AFTER
            + match act {
                Act::Kill(Part::Broker(_)) | Act::Stop(Part::Broker(_)) | Act::Pause(Part::Broker(_)) => {
                    self.server_down
                }
                Act::Start(Part::Broker(_)) | Act::Resume(Part::Broker(_)) => self.server_up,
                Act::Kill(Part::Balancer(_))
                | Act::Stop(Part::Balancer(_))
                | Act::Pause(Part::Balancer(_))
                | Act::Drain(_) => self.balancer,
                Act::Kill(_) | Act::Stop(_) | Act::Cut(_) => self.down,
                Act::Drop(_, Place::Node(_)) => self.server_down + self.balancer,
                Act::Drop(..) | Act::HandOver(_) => self.down,
                Act::Start(_) | Act::Resume(_) | Act::Heal(_) | Act::Mend | Act::TakePart(_) => {
                    self.back.unwrap_or(self.down).max(self.server_up)
                }
                Act::Pause(_)
                | Act::Upgrade(_)
                | Act::Reload(_)
                | Act::Certificate(_)
                | Act::Fill(..)
                | Act::Empty(_) => Duration::ZERO,
            }
    }

    fn promise(&self, drill: &Drill, of_ours: Expected, cast: Cast) -> Expected {
        let own = |act: &Act| self.gap_of(act, cast);
        let ours = |usual: Duration| {
            let longest = drill.steps.iter().filter_map(|step| own(&step.act)).max();
            longest.map_or(usual, |longest| usual.max(longest + SLACK))
        };
        // All servers are gone from the first step until the last is back, or both balancers until the first is.
        let without_any = self.without_any(drill).or_else(|| self.without_balancers(drill));
        Expected {
            gap: of_ours.gap.map(|usual| without_any.unwrap_or_else(|| ours(usual))),
            client_gap: of_ours.client_gap.map(|usual| usual.max(self.server_down + SLACK * 4)),
            held: of_ours.held.map(|_| self.balancer + SLACK),
            holder: of_ours
                .holder
                .filter(|_| self.back.is_some() || drill.steps.iter().all(|step| step.act.leaves_the_address()))
                .map(|side| side.on(self.first)),
            // Half of what is each one's.
            share: of_ours
                .share
                .map(|_| u8::try_from(50 / self.servers.max(1)).unwrap_or(0)),
            moves: of_ours.moves.filter(|count| *count == 0 || self.back.is_some()),
            ..of_ours
        }
    }

    fn gap_of(&self, act: &Act, cast: Cast) -> Option<Duration> {
        let hands_over = |side: &Side| cast.routers.0[side.0] == Origin::Ours;
        match act {
            Act::Stop(Part::Balancer(side)) if hands_over(side) => None,
            Act::Kill(Part::Balancer(_))
            | Act::Stop(Part::Balancer(_))
            | Act::Pause(Part::Balancer(_))
            | Act::Drain(_) => Some(self.balancer),
            Act::Kill(Part::Router(_) | Part::Host(_)) | Act::Cut(_) | Act::Drop(_, Place::Side(_)) => Some(self.down),
            Act::Stop(Part::Router(_)) => Some(self.down.min(Duration::from_secs(1))),
            Act::Drop(_, Place::Node(_)) => Some(self.server_down + self.balancer),
            _ => None,
        }
    }

    fn without_balancers(&self, drill: &Drill) -> Option<Duration> {
        let mut dead = [false; 2];
        let mut since = None;
        for step in &drill.steps {
            match step.act {
                Act::Kill(Part::Balancer(side)) => dead[side.0] = true,
                Act::Start(Part::Balancer(side)) => dead[side.0] = false,
                _ => {}
            }
            match since {
                None if dead == [true; 2] => since = Some(step.at),
                Some(since) if dead != [true; 2] => {
                    let returns = self.back.unwrap_or(self.balancer + self.down);
                    return Some(step.at.saturating_sub(since) + returns + SLACK);
                }
                _ => {}
            }
        }
        None
    }

    fn without_any(&self, drill: &Drill) -> Option<Duration> {
        let killed = |step: &&Step| matches!(step.act, Act::Kill(Part::Broker(_)));
        let (mut dead, mut most) = (0_usize, 0);
        for step in &drill.steps {
            match step.act {
                Act::Kill(Part::Broker(_)) => dead += 1,
                Act::Start(Part::Broker(_)) => dead = dead.saturating_sub(1),
                _ => {}
            }
            most = most.max(dead);
        }
        let first = drill.steps.iter().find(killed).filter(|_| most == self.servers)?;
        let back = drill
            .steps
            .iter()
            .find(|step| matches!(step.act, Act::Start(Part::Broker(_))))?;
        Some(back.at.saturating_sub(first.at) + self.server_up + SLACK)
    }
}

/// One that is silent, in whichever way takes longer.
fn until_down(server: &Server) -> Duration {
    let each = [rhythm::Failure::Hangs, rhythm::Failure::IsGone].map(|failure| rhythm::until_down(server, failure));
    each.into_iter().flatten().max().unwrap_or_default()
}

fn until_up(server: &Server) -> Duration {
    rhythm::until_up(server, rhythm::Failure::IsGone).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::catalog;

    fn pace(back: Option<Duration>, first: Side) -> Pace {
        let s = Duration::from_secs_f64;
        Pace {
            down: s(3.6),
            balancer: s(9.6),
            server_down: s(8.0),
            server_up: s(6.0),
            back,
            begins: Duration::ZERO,
            first,
            servers: 2,
            is_even: true,
        }
    }

    fn drill(name: &str) -> Drill {
        let mut all = catalog::ours().expect("the table is whole");
        all.retain(|drill| drill.name == name);
        all.remove(0)
    }

    #[test]
    fn every_step_has_its_time() {
        let fitted = pace(Some(Duration::from_secs(5)), Side(0)).fit(&drill("balancer-killed"), Cast::OURS);
        let fitted = fitted.expect("it suits");
        let at: Vec<u128> = fitted.steps.iter().map(|step| step.at.as_millis()).collect();
        assert_eq!((at, fitted.lasts.as_millis()), (vec![1000, 11_100], 17_600));
        let Expected { gap, held, .. } = fitted.expected;
        assert_eq!([gap, held], [Some(Duration::from_millis(9750)); 2]);
    }

    #[test]
    fn steps_that_belong_together_stay_together() {
        let fitted = pace(Some(Duration::ZERO), Side(0)).fit(&drill("all-brokers-killed"), Cast::OURS);
        let fitted = fitted.expect("it suits");
        let at: Vec<u128> = fitted.steps.iter().map(|step| step.at.as_millis()).collect();
        assert_eq!(at, [1000, 1100, 9600, 9700]);
        assert_eq!(fitted.expected.gap, Some(Duration::from_millis(14_750)));
    }

    #[test]
    fn nobody_serves_until_the_first_balancer_is_back() {
        let fitted = pace(Some(Duration::from_secs(5)), Side(0)).fit(&drill("both-balancers-killed"), Cast::OURS);
        let fitted = fitted.expect("it suits");
        let at: Vec<u128> = fitted.steps.iter().map(|step| step.at.as_millis()).collect();
        // Each as long as the checks take, or until who is back has the address.
        assert_eq!(at, [1000, 11_100, 21_200, 27_700]);
        assert_eq!(fitted.expected.gap, Some(Duration::from_millis(10_100 + 5000 + 150)));
    }

    #[test]
    fn whoever_has_the_address_is_who_fails() {
        let fitted = pace(None, Side(1))
            .fit(&drill("cluster-failover"), Cast::OURS)
            .expect("it suits");
        assert_eq!(fitted.steps[0].act.to_string(), "kill lb2");
        assert_eq!(fitted.expected.holder, None, "nobody preempts");
        let back = pace(Some(Duration::ZERO), Side(1)).fit(&drill("cluster-failover"), Cast::OURS);
        assert_eq!(back.expect("it suits").expected.holder, Some(Side(1)));
    }

    #[test]
    fn a_drill_of_a_broker_that_is_not_there_is_not_held() {
        let of = |servers| Pace {
            servers,
            ..pace(None, Side(0))
        };
        let mut third = drill("broker-killed");
        third.steps[0].act = "kill broker3".parse().expect("an act");
        assert_eq!(
            of(2).fit(&third, Cast::OURS).map(|_| ()),
            Err("the load's backend has no broker3".into())
        );
        assert!(of(1).fit(&drill("broker-killed"), Cast::OURS).is_ok());
    }

    #[test]
    fn every_broker_is_every_one_of_theirs() {
        let of = |servers, name| {
            let pace = Pace {
                servers,
                ..pace(Some(Duration::ZERO), Side(0))
            };
            pace.fit(&drill(name), Cast::OURS).expect("it suits")
        };
        let acts = |drill: &Drill| {
            drill
                .steps
                .iter()
                .map(|step| step.act.to_string())
                .collect::<Vec<_>>()
                .join(", ")
        };
        assert_eq!(
            acts(&of(3, "all-brokers-killed")),
            "kill broker1, kill broker2, kill broker3, start broker1, start broker2, start broker3"
        );
        assert_eq!(
            acts(&of(3, "rolling-brokers")),
            "stop broker1, start broker1, stop broker2, start broker2, stop broker3, start broker3"
        );
        assert_eq!(acts(&of(1, "rolling-brokers")), "stop broker1, start broker1");
        assert_eq!(
            acts(&of(3, "balancer-without-brokers")),
            "drop lb1 broker1, drop lb1 broker2, drop lb1 broker3, mend"
        );
        assert_eq!(of(5, "performance").expected.share, Some(10));
        let uneven = Pace {
            is_even: false,
            ..pace(None, Side(0))
        };
        assert!(uneven.fit(&drill("performance"), Cast::OURS).is_err());
    }

    #[test]
    fn where_nobody_preempts_what_may_not_move_must_stay() {
        for (name, holder) in [
            ("broker-killed", Some(Side(0))),
            ("reload", Some(Side(0))),
            ("balancer-killed", None),
        ] {
            let fitted = pace(None, Side(0)).fit(&drill(name), Cast::OURS).expect("it suits");
            assert_eq!(fitted.expected.holder, holder, "{name}");
        }
    }

    /// A pair whose interface is tracked as well, which tells of no balancer.
    #[test]
    fn only_what_can_see_the_balancer_tells_of_it() {
        let text = |priority: u8| {
            format!(
                "vrrp_script chk {{\n script \"pidof haproxy\"\n interval 2\n timeout 1\n fall 3\n}}\n\
                 vrrp_instance V {{\n interface eth0\n state BACKUP\n virtual_router_id 9\n priority {priority}\n advert_int 1\n\
                 track_interface {{\n eth1\n }}\n track_script {{\n chk\n }}\n virtual_ipaddress {{\n 10.0.0.9/24\n }}\n}}\n"
            )
        };
        let read = |priority| {
            let loaded = crate::check::on_this_machine(|machine| {
                tandem_vrrp_config::load("k.conf", text(priority).into_bytes(), machine, None)
            });
            loaded.plan.expect("no mistakes").router
        };
        let (a, b) = (read(150), read(140));
        let pairs = crate::plan::pairs(("a".as_ref(), &a), ("b".as_ref(), &b)).expect("a pair");
        let pace = Pace::of(&pairs[0], &a, &Plan::default(), "b", Side(0));
        assert!(pace.balancer > Duration::from_secs(6), "{pace:?}");
        assert!(pace.begins() > Duration::from_secs(20), "{pace:?}");
    }
}
