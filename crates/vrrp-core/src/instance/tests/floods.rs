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
fn a_lower_rival_is_always_answered_and_named_once_a_second() {
    let mut rig = Rig::master(settings());
    let begun = rig.now;
    let mut answers = 0;
    for step in 0..300 {
        rig.now = begun + Duration::from_millis(10) * step;
        rig.hear(BELOW, 100);
        answers += usize::from(matches!(rig.out.outputs.front(), Some(Output::SendAdvert { .. })));
        let told = rig.out.outputs.iter().any(|o| matches!(o, Output::Notify { .. }));
        assert_eq!(told, step % 100 == 0, "step {step}");
        let named = lines(&mut rig, |event| matches!(event, Event::HeardLower { .. }));
        assert_eq!(named, usize::from(step % 100 == 0), "step {step}");
    }
    assert_eq!(answers, 300);
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
