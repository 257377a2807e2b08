//! Whoever makes adverts up may be answered as often as the protocol says; lines and commands have an end.

use super::*;

fn lines(rig: &mut Rig, is_one: impl Fn(&Event) -> bool) -> usize {
    let logged = rig.out.outputs.drain(..).filter_map(|output| match output {
        Output::Log { event, .. } => Some(event),
        _ => None,
    });
    logged.filter(is_one).count()
}

#[test]
fn a_lower_rival_is_always_answered_and_named_about_once_a_second() {
    let mut rig = Rig::master(settings());
    let begun = rig.now;
    let mut answers = 0;
    for step in 0..300 {
        rig.now = begun + Duration::from_millis(10) * step;
        rig.hear(BELOW, 100);
        answers += usize::from(matches!(rig.out.outputs.front(), Some(Output::SendAdvert { .. })));
        let told = rig.out.outputs.iter().any(|o| matches!(o, Output::Notify { .. }));
        assert_eq!(told, step % 88 == 0, "step {step}");
        let named = lines(&mut rig, |event| matches!(event, Event::HeardLower { .. }));
        assert_eq!(named, usize::from(step % 88 == 0), "step {step}");
    }
    assert_eq!(answers, 300);
}

/// Whom it names, of adverts so many milliseconds after the beginning.
fn named(adverts: impl IntoIterator<Item = (u64, Ipv4Addr)>) -> Vec<(u64, Ipv4Addr)> {
    let mut rig = Rig::master(settings());
    let begun = rig.now;
    let named = adverts.into_iter().filter(|(millis, from)| {
        rig.now = begun + Duration::from_millis(*millis);
        rig.hear(*from, 100);
        lines(&mut rig, |event| matches!(event, Event::HeardLower { .. })) == 1
    });
    named.collect()
}

#[test]
fn each_advert_of_a_rival_that_speaks_once_a_second_is_named() {
    // Some a little early.
    let adverts = (0..20).map(|second| (1000 * second + 20 * (second % 3), BELOW));
    assert_eq!(named(adverts).len(), 20);
}

#[test]
fn rivals_are_named_in_turn() {
    let rivals = [1, 4, 5].map(|last| Ipv4Addr::new(10, 9, 0, last));
    let each = |second: u64| {
        (0..)
            .zip(rivals)
            .map(move |(place, from)| (1000 * second + 20 * place, from))
    };
    let named = named((0..30).flat_map(each));
    for from in rivals {
        let times: Vec<u64> = named.iter().filter(|one| one.1 == from).map(|one| one.0).collect();
        assert!(times.len() >= 5, "{from} at {times:?}");
    }
    let close = |two: &[(u64, Ipv4Addr)]| two[1].0 - two[0].0 < 875;
    assert!(!named.windows(2).any(close), "{named:?}");
}

#[test]
fn a_rival_that_seldom_speaks_is_named_beside_one_that_always_does() {
    let mut adverts: Vec<(u64, Ipv4Addr)> = (0..600).map(|step| (100 * step, BELOW)).collect();
    adverts.extend((0..6).map(|step| (10_000 * step + 50, ABOVE)));
    adverts.sort_unstable();
    let seldom = named(adverts).into_iter().filter(|one| one.1 == ABOVE);
    assert_eq!(seldom.count(), 3, "every other one of six");
}

#[test]
fn a_rival_that_was_never_named_again_does_not_keep_the_others_from_it() {
    let made_up = [(10, ABOVE)];
    let adverts = (0..5).map(|second| (1000 * second, BELOW)).chain(made_up);
    let mut adverts: Vec<(u64, Ipv4Addr)> = adverts.collect();
    adverts.sort_unstable();
    let times: Vec<u64> = named(adverts).into_iter().map(|one| one.0).collect();
    assert_eq!(times, [0, 2000, 3000, 4000], "once it waits for the other");
}

#[test]
fn a_master_that_follows_another_soon_is_remarked_on_later() {
    let mut rig = Rig::started(settings());
    let begun = rig.now;
    let mut remarks = 0;
    for step in 0..30_u64 {
        rig.now = begun + Duration::from_millis(500) * u32::try_from(step).expect("small");
        // It is another one from the second second on, and has another interval as well.
        let from = if step < 4 { ABOVE } else { BELOW };
        let interval = Seconds::new(2).expect("not 0");
        let auth = AuthV2::None;
        rig.hear(from, 200);
        rig.hear_form(from, 200, Form::V2 { interval, auth });
        remarks += rig
            .out
            .outputs
            .drain(..)
            .filter(|output| matches!(output, Output::Drop { log: true, .. }))
            .count();
    }
    assert_eq!(remarks, 2, "of each once");
}

#[test]
fn masters_that_take_turns_do_not_fill_the_log() {
    let mut rig = Rig::started(settings());
    let begun = rig.now;
    let mut named = 0;
    for step in 0..3000 {
        rig.now = begun + Duration::from_millis(10) * step;
        let from = if step % 2 == 0 { ABOVE } else { BELOW };
        rig.hear(from, 200);
        let interval = Seconds::new(2).expect("not 0");
        let auth = AuthV2::None;
        rig.hear_form(from, 200, Form::V2 { interval, auth });
        named += rig
            .out
            .outputs
            .drain(..)
            .filter(|output| matches!(output, Output::Drop { log: true, .. }))
            .count();
    }
    // Thirty seconds.
    assert_eq!(named, 3);
}

#[test]
fn goodbyes_without_end_neither_delay_the_takeover_nor_fill_the_log() {
    let mut rig = Rig::started(settings());
    rig.hear(ABOVE, 200);
    let (begun, skew) = (rig.now, rig.instance.skew());
    let mut named = 0;
    while rig.phase() == "backup" {
        assert!(rig.now <= begun + skew, "it waits for somebody to fall silent");
        rig.hear(ABOVE, 0);
        named += lines(&mut rig, |event| matches!(event, Event::BackupHeardZero { .. }));
        rig.run_until(rig.now + Duration::from_millis(10));
    }
    assert_eq!(named, 1);
}
