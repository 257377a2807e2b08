//! What the other host of the pair says over its own link: every phase first, then a split brain from end to end.

use super::*;
use crate::{Partner, Stand};

fn told(stand: Stand, source: Ipv4Addr, priority: u8) -> Option<Partner> {
    Some(Partner {
        stand,
        priority,
        source: Some(source.into()),
    })
}

fn better(stand: Stand) -> Option<Partner> {
    told(stand, ABOVE, 200)
}

impl Rig {
    fn tell(&mut self, partner: Option<Partner>) {
        self.act(|i, cx| i.partner(partner, cx));
    }

    /// As a living host does: again and again.
    fn keep_telling(&mut self, partner: Option<Partner>, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.tell(partner);
            self.run_until(self.now + Duration::from_millis(500));
        }
    }

    fn split_events(&mut self) -> Vec<bool> {
        let said = self.out.outputs.drain(..).filter_map(|output| match output {
            Output::Log {
                event: Event::SplitBrain { yields, .. },
                ..
            } => Some(yields),
            _ => None,
        });
        said.collect()
    }
}

const LONG: Duration = Duration::from_secs(10);

/// Whatever it says, only a master that hears nothing of a better one steps down.
#[test]
fn every_phase_against_every_stand() {
    type Make = fn() -> Rig;
    let rigs: [(&str, Make); 6] = [
        ("init", || Rig::new(settings())),
        ("backup", || {
            let mut rig = Rig::started(settings());
            rig.hear(ABOVE, 200);
            rig
        }),
        ("master", || Rig::master(settings())),
        ("leaving", || {
            let mut rig = Rig::master(settings());
            rig.act(|i, cx| i.release(Release::Drain, cx));
            rig
        }),
        ("fault", || {
            let mut rig = Rig::master(settings());
            rig.act(|i, cx| i.change_conditions(|c| c.link_down = true, cx));
            rig
        }),
        ("stopped", || {
            let mut rig = Rig::started(settings());
            rig.act(|i, cx| i.release(Release::Stop, cx));
            rig
        }),
    ];
    for (phase, make) in rigs {
        for partner in [
            None,
            better(Stand::Master),
            better(Stand::Yielded),
            better(Stand::Leaving),
            better(Stand::Other),
        ] {
            let mut rig = make();
            assert_eq!(rig.phase(), phase);
            for _ in 0..3 {
                rig.tell(partner);
                rig.now += Duration::from_secs(3);
            }
            let steps_down = phase == "master" && partner == better(Stand::Master);
            let after = if steps_down { "backup" } else { phase };
            assert_eq!(rig.phase(), after, "{phase}, told of {partner:?}");
            let is_split = steps_down || phase == "master" && partner == better(Stand::Yielded);
            assert_eq!(rig.instance.is_split(), is_split, "{phase}, told of {partner:?}");
        }
    }
}

/// Whoever steps aside says so for as long as it would take over, and only then.
#[test]
fn what_the_other_host_is_told() {
    let said = PHASES.map(|phase| in_phase(phase).instance.view().stand());
    let (other, master, leaving) = (Stand::Other, Stand::Master, Stand::Leaving);
    assert_eq!(said, [other, other, other, master, leaving, other, other], "{PHASES:?}");

    let mut rig = Rig::master(settings());
    rig.keep_telling(better(Stand::Master), LONG);
    let stand = |rig: &Rig| rig.instance.view().stand();
    assert_eq!(stand(&rig), Stand::Yielded);
    rig.act(|i, cx| i.set_deaf(true, cx));
    assert_eq!(stand(&rig), Stand::Other, "it would not take over");
    rig.act(|i, cx| i.set_deaf(false, cx));
    assert_eq!(stand(&rig), Stand::Yielded);
    rig.act(|i, cx| i.release(Release::Drain, cx));
    assert_eq!(stand(&rig), Stand::Other, "nor by an operator's wish");
}

#[test]
fn the_lesser_one_steps_down_and_stays_until_the_other_is_gone() {
    let mut rig = Rig::master(settings());
    rig.keep_telling(better(Stand::Master), Duration::from_secs(2));
    assert_eq!(rig.phase(), "master", "for a moment there are always two");
    rig.tell(better(Stand::Master));
    assert_eq!((rig.phase(), rig.split_events()), ("backup", vec![true]));
    rig.keep_telling(better(Stand::Master), LONG);
    assert_eq!(
        (rig.phase(), rig.split_events()),
        ("backup", vec![]),
        "silence is no death"
    );
    rig.tell(None);
    rig.run_until(rig.now + Duration::from_secs(1));
    assert_eq!(rig.phase(), "master", "now it is");
    assert!(!rig.instance.is_split());
    assert_eq!(rig.instance.stats.split_brains, 1);
}

#[test]
fn the_better_one_says_so_and_stays() {
    for (source, priority) in [(ABOVE, 100), (BELOW, 150), (OWN, 150)] {
        let mut rig = Rig::master(settings());
        let partner = told(Stand::Master, source, priority);
        rig.keep_telling(partner, LONG);
        assert_eq!(
            (rig.phase(), rig.split_events()),
            ("master", vec![false]),
            "{source}, {priority}"
        );
        rig.tell(told(Stand::Yielded, source, priority));
        assert!(rig.instance.is_split(), "it is backup only by the link");
        rig.tell(told(Stand::Other, source, priority));
        assert!(!rig.instance.is_split());
    }
    let mut rig = Rig::master(settings());
    rig.keep_telling(told(Stand::Master, ABOVE, 150), LONG);
    assert_eq!(rig.phase(), "backup", "the higher address of equals");
}

/// Whichever of them finds out first, the other one says so too.
#[test]
fn who_is_yielded_to_at_once_says_so() {
    let mut rig = Rig::master(settings());
    rig.tell(told(Stand::Master, BELOW, 100));
    rig.keep_telling(told(Stand::Yielded, BELOW, 100), LONG);
    assert_eq!((rig.phase(), rig.split_events()), ("master", vec![false]));
    rig.tell(told(Stand::Other, BELOW, 100));
    assert!(!rig.instance.is_split());
}

/// The link was taken out of the configuration, or the virtual router out of the other host's: nobody says so.
#[test]
fn what_is_not_said_again_counts_for_three_seconds() {
    let mut rig = Rig::master(settings());
    rig.keep_telling(better(Stand::Master), LONG);
    assert_eq!(rig.phase(), "backup");
    rig.run_until(rig.now + Duration::from_millis(2400));
    assert_eq!(rig.phase(), "backup", "it may be late");
    rig.keep_telling(better(Stand::Master), LONG);
    assert_eq!(rig.phase(), "backup", "and was");
    rig.run_until(rig.now + Duration::from_secs(8));
    assert_eq!((rig.phase(), rig.instance.is_split()), ("master", false));

    let mut rig = Rig::master(settings());
    rig.keep_telling(told(Stand::Master, BELOW, 100), LONG);
    assert!(rig.instance.is_split());
    rig.run_until(rig.now + Duration::from_secs(5));
    assert_eq!((rig.phase(), rig.instance.is_split()), ("master", false));
    rig.tell(told(Stand::Master, ABOVE, 200));
    assert_eq!(rig.phase(), "master", "what it said before is another story");
}

fn fenced(rig: &Rig) -> usize {
    let is_told = |output: &&Output| {
        matches!(
            output,
            Output::Notify {
                notice: crate::Notice::SplitBrain,
                ..
            }
        )
    };
    rig.out.outputs.iter().filter(is_told).count()
}

/// The address moves from the better one to the one that had yielded, which must not fence it for that.
#[test]
fn a_handover_while_adverts_do_not_arrive_fences_nobody() {
    let mut rig = Rig::master(settings());
    rig.keep_telling(better(Stand::Master), LONG);
    assert_eq!(rig.phase(), "backup");
    rig.tell(better(Stand::Leaving));
    rig.act(|i, cx| i.take_over(cx));
    assert_eq!(rig.phase(), "master");
    for stand in [Stand::Leaving, Stand::Yielded] {
        rig.keep_telling(better(stand), LONG);
        assert!(rig.instance.is_split(), "they do not arrive for that");
    }
    // Out of service and back again.
    rig.keep_telling(better(Stand::Other), LONG);
    rig.keep_telling(better(Stand::Yielded), LONG);
    assert_eq!((rig.phase(), fenced(&rig)), ("master", 0));
    assert_eq!(rig.instance.stats.split_brains, 1);

    // Two masters are another matter, however often.
    rig.keep_telling(told(Stand::Master, BELOW, 100), LONG);
    assert_eq!((rig.phase(), fenced(&rig)), ("master", 1));
    assert_eq!(rig.instance.stats.split_brains, 2);
}

/// The other side of it: the link says that the successor is there, and that it stays.
#[test]
fn who_hands_over_while_adverts_do_not_arrive_stays_backup() {
    let mut rig = Rig::master(settings());
    rig.keep_telling(told(Stand::Master, BELOW, 100), LONG);
    rig.keep_telling(told(Stand::Yielded, BELOW, 100), LONG);
    let fences = fenced(&rig);
    let why = Release::Handover { successor: None };
    rig.act(|i, cx| i.release(why, cx));
    rig.tell(told(Stand::Yielded, BELOW, 100));
    rig.run_until(rig.now + Duration::from_millis(100));
    rig.keep_telling(told(Stand::Master, BELOW, 100), LONG);
    assert_eq!(rig.phase(), "backup");
    rig.act(|i, cx| i.take_over(cx));
    rig.keep_telling(told(Stand::Yielded, BELOW, 100), LONG);
    assert_eq!((rig.phase(), fenced(&rig)), ("master", fences), "handed back");

    rig.act(|i, cx| i.release(why, cx));
    rig.keep_telling(told(Stand::Master, BELOW, 100), LONG);
    assert_eq!(rig.phase(), "backup");
    rig.keep_telling(told(Stand::Leaving, BELOW, 100), Duration::from_secs(1));
    assert_eq!((rig.phase(), fenced(&rig)), ("master", fences), "that was a goodbye");
}

/// The command that may fence the other host is run where one stays.
#[test]
fn only_who_stays_is_told_to_fence() {
    for (priority, fences) in [(100, 1), (200, 0)] {
        let mut rig = Rig::master(settings());
        rig.keep_telling(told(Stand::Master, ABOVE, priority), LONG);
        assert_eq!(fenced(&rig), fences);
    }
}

#[test]
fn who_hears_adverts_leaves_it_to_them() {
    let mut rig = Rig::master(settings());
    for _ in 0..10 {
        rig.hear(BELOW, 100);
        rig.tell(told(Stand::Master, BELOW, 200));
        rig.run_until(rig.now + Duration::from_secs(1));
    }
    assert_eq!((rig.phase(), rig.split_events()), ("master", vec![]));

    rig.keep_telling(better(Stand::Master), LONG);
    assert_eq!(rig.phase(), "backup");
    rig.hear(ABOVE, 200);
    assert!(!rig.instance.is_split(), "they arrive again");
    rig.run_until(rig.now + LONG);
    assert_eq!(rig.phase(), "master", "and are missed again when they stop");
}

/// What was said before a handover is over by then.
#[test]
fn old_news_are_no_split() {
    let mut rig = Rig::started(settings());
    for _ in 0..10 {
        rig.hear(ABOVE, 200);
        rig.keep_telling(better(Stand::Master), Duration::from_secs(1));
    }
    // Longer ago than what counts as heard, and not so long that it would be missed.
    rig.keep_telling(better(Stand::Master), Duration::from_millis(1500));
    assert_eq!(rig.phase(), "backup");
    rig.act(|i, cx| i.take_over(cx));
    rig.tell(better(Stand::Master));
    assert_eq!(rig.phase(), "master");
    rig.tell(better(Stand::Other));
    rig.keep_telling(better(Stand::Other), LONG);
    assert_eq!((rig.phase(), rig.split_events()), ("master", vec![]));
}
