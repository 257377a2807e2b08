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
    rig.keep_telling(told(Stand::Yielded, BELOW, 100), LONG);
    assert_eq!((rig.phase(), rig.split_events()), ("master", vec![false]));
    rig.tell(told(Stand::Other, BELOW, 100));
    assert!(!rig.instance.is_split());
}

/// The command that may fence the other host is run where one stays.
#[test]
fn only_who_stays_is_told_to_fence() {
    for (priority, fences) in [(100, 1), (200, 0)] {
        let mut rig = Rig::master(settings());
        rig.keep_telling(told(Stand::Master, ABOVE, priority), LONG);
        let is_told = |output: &Output| {
            matches!(
                output,
                Output::Notify {
                    notice: crate::Notice::SplitBrain,
                    ..
                }
            )
        };
        assert_eq!(rig.out.outputs.iter().filter(|o| is_told(o)).count(), fences);
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
