//! Others that have our addresses, or say that they own them.

use super::*;

/// A minute of nothing: the announcements of a new master are over.
fn old_master() -> Rig {
    let mut rig = Rig::master(settings());
    rig.run_until(rig.now + Duration::from_millis(59_500));
    rig.did();
    rig
}

#[test]
fn a_rival_that_nobody_hears_is_announced_away() {
    let mut rig = old_master();
    rig.wait();
    assert_eq!(rig.did(), "who-has say150", "the question is out before the advert");
    give(&mut rig, "vip-answered");
    assert_eq!(rig.did(), "", "a better one would say so now");
    rig.run_until(rig.now + Duration::from_millis(20));
    assert_eq!(rig.did(), "garp", "those that believed it are told");
    give(&mut rig, "vip-answered");
    rig.wait();
    assert_eq!(rig.did(), "who-has say150", "a rival that stays is not fought with");
    rig.wait();
    assert_eq!(
        rig.did(),
        "who-has say150 garp",
        "it is silent: once more, for what it may have said last"
    );
    rig.wait();
    assert_eq!(rig.did(), "who-has say150");
    assert_eq!(rig.instance.stats.conflicts, 2);
}

#[test]
fn a_better_rival_speaks_up_and_is_not_announced_over() {
    let mut rig = old_master();
    rig.wait();
    give(&mut rig, "vip-answered");
    rig.hear(ABOVE, 200);
    assert_eq!(rig.did(), "who-has say150 say150 remove BACKUP");
    rig.run_until(rig.now + Duration::from_millis(50));
    assert_eq!(rig.did(), "");
}

#[test]
fn who_announces_our_address_is_answered_some_times_and_outlived() {
    let mut rig = old_master();
    // A Keepalived that has just taken over may announce after it has heard our answer.
    for _ in 0..8 {
        give(&mut rig, "vip-announced");
        give(&mut rig, "vip-announced");
        assert_eq!(rig.did(), "");
        rig.run_until(rig.now + Duration::from_millis(20));
        assert_eq!(rig.did(), "garp");
    }
    // This one does not give up, and neighbours are better off with one wrong answer than with two that alternate.
    for _ in 0..3 {
        give(&mut rig, "vip-announced");
        assert_eq!(rig.did(), "");
        rig.wait();
        assert_eq!(rig.did(), "who-has say150");
    }
    rig.wait();
    assert_eq!(rig.did(), "who-has say150 garp");
}

#[test]
fn a_predecessor_that_still_serves_is_no_conflict() {
    let mut rig = Rig::master(with(|s| s.protocol = v3(10)));
    give(&mut rig, "vip-announced");
    assert_eq!(rig.instance.stats.conflicts, 0);
    rig.run_until(rig.now + Duration::from_millis(500));
    give(&mut rig, "vip-announced");
    assert_eq!(rig.instance.stats.conflicts, 1);
}

fn by_unicast(centis: u16) -> Rig {
    Rig::master(with(|s| {
        s.protocol = v3(centis);
        s.transport = Transport::Unicast {
            peers: vec![Peer {
                address: ABOVE.into(),
                ttl: None,
            }],
            check_source: false,
            ttl: None,
        };
        s.garp.delay = Duration::ZERO;
    }))
}

#[test]
fn peers_that_forgot_each_other_are_sought_when_one_shows_itself() {
    let mut rig = by_unicast(10);
    for _ in 0..3 {
        rig.wait();
        assert_eq!(rig.did(), "who-has say150");
    }
    give(&mut rig, "vip-answered");
    assert_eq!(rig.did(), "where-is", "its adverts may wait for an answer of ours");
    give(&mut rig, "vip-answered");
    rig.wait();
    assert_eq!(rig.did(), "garp", "once for each question");
    rig.wait();
    rig.did();
    give(&mut rig, "vip-answered");
    assert_eq!(rig.did(), "where-is");
}

#[test]
fn a_rival_is_not_gone_because_nobody_asked() {
    let mut rig = by_unicast(1);
    let questions = |rig: &mut Rig| {
        while !rig.did().contains("who-has") {
            rig.wait();
        }
    };
    for _ in 0..3 {
        questions(&mut rig);
        give(&mut rig, "vip-answered");
    }
    rig.run_until(rig.now + Duration::from_millis(50));
    rig.did();
    rig.run_until(rig.now + Duration::from_millis(49));
    let did = rig.did();
    assert!(!did.contains("garp"), "between two questions: {did}");
}

#[test]
fn by_unicast_everybody_hears_the_question_so_it_is_rare() {
    let mut rig = by_unicast(1);
    rig.run_until(rig.now + Duration::from_secs(2));
    let questions = rig.did().matches("who-has").count();
    assert_eq!(questions, 20, "one each 100 ms");
}

#[test]
fn a_router_told_not_to_look_does_not() {
    let mut rig = Rig::master(with(|s| s.seeks_rivals = false));
    rig.run_until(rig.now + Duration::from_secs(20));
    assert!(!rig.did().contains("who-has"));
}

#[test]
fn of_two_owners_the_higher_gives_way_to_one_that_does_not() {
    let mut rig = Rig::started(with(|s| {
        s.initial = Initial::Master;
        s.priority = Priority::OWNER;
        s.garp.delay = Duration::ZERO;
        s.garp.lower_delay = Duration::ZERO;
    }));
    assert_eq!(rig.phase(), "master");
    for _ in 0..4 {
        rig.run_until(rig.now + Duration::from_secs(1));
        rig.did();
        rig.hear(BELOW, 255);
        assert_eq!(rig.phase(), "master", "the other may not have heard us yet");
    }
    rig.run_until(rig.now + Duration::from_secs(1));
    rig.did();
    rig.hear(BELOW, 255);
    assert_eq!((rig.phase(), rig.did().as_str()), ("backup", "say254 remove BACKUP"));
    rig.act(|i, cx| i.set_priority(Priority::OWNER, cx));
    assert_eq!(
        rig.instance.priority.value(),
        254,
        "tracking does not make it the owner again"
    );
    // The other goes on for a while, and then is gone.
    rig.hear(BELOW, 255);
    rig.did();
    rig.wait();
    assert_eq!((rig.phase(), rig.instance.priority), ("master", Priority::OWNER));
    assert!(rig.did().starts_with("say255 add"));
}

/// What it gave up for a while a reload has taken from it for good.
#[test]
fn who_is_no_owner_any_more_does_not_become_one_again() {
    let mut rig = Rig::started(with(|s| {
        s.initial = Initial::Master;
        s.priority = Priority::OWNER;
    }));
    while rig.phase() == "master" {
        rig.run_until(rig.now + Duration::from_secs(1));
        rig.hear(BELOW, 255);
    }
    rig.reload(settings());
    rig.act(|i, cx| i.set_priority(settings().priority, cx));
    rig.run_until(rig.now + Duration::from_secs(10));
    assert_eq!((rig.phase(), rig.instance.priority.value()), ("master", 150));
}

#[test]
fn an_owner_that_yields_ends_the_dispute() {
    let mut rig = Rig::started(with(|s| {
        s.initial = Initial::Master;
        s.priority = Priority::OWNER;
    }));
    rig.hear(BELOW, 255);
    rig.run_until(rig.now + Duration::from_secs(60));
    assert_eq!((rig.phase(), rig.instance.priority), ("master", Priority::OWNER));
    rig.hear(ABOVE, 255);
    assert_eq!(
        (rig.phase(), rig.instance.priority),
        ("backup", Priority::OWNER),
        "the higher address wins at once"
    );
}
