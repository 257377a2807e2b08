//! Why an instance is in its state, in a sentence or two.

use std::time::Duration;

use tandem_vrrp_core::State;
use tandem_vrrp_core::settings::Preempt;

use crate::snapshot::{Instance, Snapshot};

pub(crate) fn because(snapshot: &Snapshot, instance: &Instance) -> String {
    let since = seconds(snapshot.at.since(instance.changed_at));
    let words = match instance.state {
        State::Init | State::Backup if instance.conditions.deaf => deaf(instance),
        State::Init => "it waits for a first result of what it tracks".to_owned(),
        State::Fault => faults(instance),
        State::Master if instance.leaving => "it said goodbye and serves until its successor does".to_owned(),
        State::Master if instance.split => {
            "split brain: adverts of the other host, whose priority is no better, do not arrive here".to_owned()
        }
        State::Master => master(instance),
        State::Backup if instance.drained => "it was drained: it stays out until `resume`".to_owned(),
        State::Backup if instance.split => {
            "split brain: the pair link says that the other host is master; its adverts do not arrive here".to_owned()
        }
        State::Backup => backup(snapshot, instance),
    };
    format!("{} for {since}: {words}", instance.state)
}

fn master(instance: &Instance) -> String {
    let own = instance.effective.value();
    if instance.conditions.deaf {
        let place = place(instance);
        return format!("it was master before it heard nobody on {place} any more: there may be another one");
    }
    match instance.stats.conflicts {
        0 => format!("no better router than its {own} is heard"),
        times => format!("no better router than its {own} is heard; others had its addresses {times} times"),
    }
}

fn backup(snapshot: &Snapshot, instance: &Instance) -> String {
    let own = instance.effective.value();
    let patience = seconds(instance.down_interval);
    let Some(master) = instance.master else {
        return format!("no master is heard; it takes over after {patience} of silence");
    };
    let (address, theirs) = (master.address, master.priority);
    let heard = seconds(snapshot.at.since(master.last_heard));
    let reason = match (theirs.cmp(&own), instance.settings.preempt) {
        (std::cmp::Ordering::Greater, _) => format!("priority {theirs} is above its own {own}"),
        (std::cmp::Ordering::Equal, _) => format!("of equals ({own}) the one that serves stays"),
        (std::cmp::Ordering::Less, Preempt::Never) => {
            format!("`nopreempt` leaves it alone, although its priority {theirs} is below {own}")
        }
        (std::cmp::Ordering::Less, Preempt::After(_)) => {
            format!("its priority {theirs} is below {own}, so it is left alone only for a time, or since a handover")
        }
    };
    format!("it follows {address}: {reason}; last heard {heard} ago, taken over from after {patience} of silence")
}

fn faults(instance: &Instance) -> String {
    let conditions = instance.conditions;
    let interface = place(instance);
    let mut found = Vec::new();
    if conditions.link_down {
        found.push(format!("{interface} is down or not there"));
    }
    if conditions.no_source {
        found.push(format!("{interface} has no address of its family to speak from"));
    }
    if conditions.no_peer {
        found.push("it is to speak to peers, and none is named (`unicast_peer`)".to_owned());
    }
    if conditions.tracked {
        found.push("something it tracks without a weight is bad (see below)".to_owned());
    }
    if conditions.group {
        found.push("another member of its sync group is in fault".to_owned());
    }
    if found.is_empty() && conditions.deaf {
        found.push(deaf(instance));
    }
    if found.is_empty() {
        found.push("the fault is over; it returns".to_owned());
    }
    found.join("; ")
}

/// Why is said once, in the log.
fn deaf(instance: &Instance) -> String {
    let interface = place(instance);
    format!("it does not hear anybody on {interface}, so silence means nothing: it waits for a socket to listen with")
}

fn place(instance: &Instance) -> &str {
    instance.settings.interface.as_deref().unwrap_or("its interface")
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tandem_time::Mono;
    use tandem_vrrp_core::settings::{Family, InstanceId, InstanceSettings, Priority, RouterSettings, Vrid};
    use tandem_vrrp_core::{Input, MasterView, Router};

    use super::*;

    fn snapshot() -> Snapshot {
        let vrid = Vrid::new(51).expect("not 0");
        let mut settings = InstanceSettings::new(InstanceId(0), "VI_1", vrid, Family::V4);
        settings.interface = Some("eth0".into());
        let mut router = Router::new(RouterSettings {
            instances: vec![settings],
            ..RouterSettings::default()
        });
        router.handle(Input::Start, Mono::ZERO);
        Snapshot::of(&router, |_, _| true, Mono::from_millis(2000), 0, Default::default())
    }

    #[test]
    fn each_state_has_its_reason() {
        let mut snapshot = snapshot();
        let mut instance = snapshot.instances.remove(0);
        let mut say = |change: &dyn Fn(&mut Instance)| {
            change(&mut instance);
            because(&snapshot, &instance)
        };
        let fault = say(&|_| {});
        assert!(
            fault.starts_with("FAULT for 2.0 s: eth0 is down or not there; eth0 has no address"),
            "{fault}"
        );
        let deaf = say(&|i| (i.state, i.conditions.deaf) = (State::Init, true));
        assert!(deaf.contains("it does not hear anybody on eth0"), "{deaf}");
        let alone = say(&|i| (i.state, i.conditions.deaf) = (State::Backup, false));
        assert!(
            alone.contains("no master is heard; it takes over after 3.6 s"),
            "{alone}"
        );
        let follow = |theirs: u8| {
            move |i: &mut Instance| {
                i.master = Some(MasterView {
                    address: IpAddr::from([10, 9, 0, 1]),
                    priority: theirs,
                    last_heard: Mono::from_millis(1500),
                });
            }
        };
        let better = say(&follow(150));
        assert!(
            better.contains("follows 10.9.0.1: priority 150 is above its own 100; last heard 0.5 s ago"),
            "{better}"
        );
        assert!(say(&follow(100)).contains("of equals (100)"));
        assert!(say(&follow(50)).contains("left alone only for a time"));
        assert!(say(&|i| i.settings.preempt = Preempt::Never).contains("`nopreempt`"));
        assert!(say(&|i| i.split = true).contains("the pair link says"));
        assert!(say(&|i| i.drained = true).contains("until `resume`"));
        assert!(say(&|i| i.state = State::Master).contains("split brain"));
        assert!(say(&|i| i.split = false).contains("no better router than its 100"));
        let unheard = say(&|i| i.conditions.deaf = true);
        assert!(unheard.contains("heard nobody on eth0 any more"), "{unheard}");
        assert!(say(&|i| i.leaving = true).contains("said goodbye"));
        assert!(say(&|i| i.effective = Priority::OWNER).contains("MASTER"));
    }
}
