//! What an operator says, and what stays of it.

use super::*;

/// From each of the four admin states, each of the three demands: the words before and after, and the transitions.
#[test]
fn every_admin_state_and_every_demand() {
    use AdminChange::{BeginDrain, BeginMaint, Drain, EndDrain, EndMaint, Maint, Ready};
    let rows: [(&[AdminChange], AdminChange, &str, &[&str]); 20] = [
        (&[], Ready, "UP", &[]),
        (&[], Drain, "DRAIN", &["EntersDrain"]),
        (&[], Maint, "MAINT", &["EntersMaint"]),
        (&[Drain], Ready, "UP", &["LeavesDrain"]),
        (&[Drain], Drain, "DRAIN", &[]),
        (&[Drain], Maint, "MAINT", &["EntersMaint"]),
        (&[Maint], Ready, "UP 1/3", &["LeavesMaint"]),
        (&[Maint], Drain, "DRAIN 1/3", &["LeavesMaint", "RemainsDraining"]),
        (&[Maint], Maint, "MAINT", &[]),
        (&[Maint, Drain], Ready, "UP 1/3", &["LeavesDrain"]),
        (&[Drain, Maint], Drain, "DRAIN 1/3", &["LeavesMaint", "RemainsDraining"]),
        (&[Drain, Maint], Ready, "UP 1/3", &["LeavesMaint"]),
        (&[], BeginDrain, "DRAIN", &["EntersDrain"]),
        (&[], EndDrain, "UP", &[]),
        (&[], BeginMaint, "MAINT", &["EntersMaint"]),
        (&[], EndMaint, "UP", &[]),
        (&[Maint], EndDrain, "MAINT", &[]),
        (&[Drain], EndMaint, "DRAIN", &[]),
        (
            &[Maint, BeginDrain],
            EndMaint,
            "DRAIN 1/3",
            &["LeavesMaint", "RemainsDraining"],
        ),
        (&[Drain, BeginMaint], EndDrain, "MAINT", &[]),
    ];
    for (before, change, word, expected) in rows {
        let mut be = backend(vec![server(0, Some(checks(400, 2, 3)))]);
        next_check(&mut be, true);
        for &change in before {
            be.handle(Input::Admin { server: A, change }, ms(10));
        }
        drain(&mut be);
        be.handle(Input::Admin { server: A, change }, ms(20));
        let outputs = drain(&mut be);
        let told: Vec<String> = transitions(&outputs).iter().map(|t| format!("{t:?}")).collect();
        assert_eq!(status(&be, A), word, "{before:?} {change:?}");
        assert_eq!(told.len(), expected.len(), "{before:?} {change:?}: {told:?}");
        assert!(
            told.iter().zip(expected).all(|(t, e)| t.starts_with(e)),
            "{before:?} {change:?}: {told:?}"
        );
    }
}

#[test]
fn a_disabled_server_rests_and_then_keeps_the_beat() {
    let resting = ServerSettings {
        disabled: true,
        ..server(1, Some(checks(4000, 2, 3)))
    };
    let mut be = backend(vec![server(0, None), resting]);
    drain(&mut be);
    assert_eq!(
        (status(&be, A).as_str(), status(&be, B).as_str()),
        ("no check", "MAINT")
    );
    assert_eq!(be.poll_deadline(), None);
    be.handle(
        Input::Admin {
            server: B,
            change: AdminChange::Ready,
        },
        ms(9500),
    );
    assert_eq!(status(&be, B), "UP 1/3");
    // Its place in the row was 0, so the beats are at 4, 8 and 12 seconds.
    assert_eq!(be.poll_deadline(), Some(ms(12000)));
}

#[test]
fn a_result_that_comes_in_maintenance_says_nothing() {
    let mut be = backend(vec![server(0, Some(checks(400, 1, 1)))]);
    be.on_deadline(Mono::ZERO);
    be.handle(
        Input::Admin {
            server: A,
            change: AdminChange::Maint,
        },
        ms(1),
    );
    be.handle(
        Input::Admin {
            server: A,
            change: AdminChange::Ready,
        },
        ms(2),
    );
    be.on_deadline(ms(9000));
    assert_eq!(be.poll_deadline(), None, "the old check still runs");
    be.handle(
        Input::Admin {
            server: A,
            change: AdminChange::Maint,
        },
        ms(9001),
    );
    drain(&mut be);
    be.handle(done(A, true), ms(9002));
    assert_eq!(drain(&mut be), []);
    assert_eq!(status(&be, A), "MAINT");
}

#[test]
fn weight_zero_takes_the_last_server_without_a_word_about_it() {
    let mut be = backend(vec![server(0, Some(checks(400, 2, 3)))]);
    next_check(&mut be, true);
    be.handle(Input::Weight { server: A, weight: 0 }, ms(10));
    assert!(matches!(&drain(&mut be)[..], [Output::Publish(v), Output::NoServerLeft(_)] if v.last_change == ms(10)));
    assert_eq!(status(&be, A), "UP");
    be.handle(Input::Weight { server: A, weight: 3 }, ms(20));
    assert!(matches!(&drain(&mut be)[..], [Output::Publish(v)] if v.servers[0].weight == 3 && v.online.active == 1));
    be.handle(Input::Weight { server: A, weight: 3 }, ms(30));
    assert_eq!(drain(&mut be), []);
}

#[test]
fn an_operators_word_about_health_lasts_until_the_next_check() {
    let mut be = backend(vec![server(0, Some(checks(400, 2, 3)))]);
    next_check(&mut be, true);
    be.handle(
        Input::Health {
            server: A,
            to: Operation::Stopping,
        },
        ms(10),
    );
    assert_eq!(status(&be, A), "NOLB");
    assert_eq!(
        transitions(&drain(&mut be)),
        [&Transition::Stopping {
            reason: Reason::Operator
        }]
    );
    next_check(&mut be, true);
    assert_eq!(status(&be, A), "UP");
    be.handle(
        Input::Health {
            server: A,
            to: Operation::Down,
        },
        ms(500),
    );
    assert_eq!(status(&be, A), "DOWN");
    drain(&mut be);
    next_check(&mut be, true);
    assert_eq!(status(&be, A), "DOWN 1/2");
    be.handle(
        Input::Health {
            server: A,
            to: Operation::Running,
        },
        ms(900),
    );
    assert_eq!(status(&be, A), "UP");
}

#[test]
fn checks_that_rest_leave_the_state_alone() {
    let mut be = backend(vec![server(0, Some(checks(400, 2, 3)))]);
    next_check(&mut be, true);
    be.handle(
        Input::Checks {
            server: A,
            enabled: false,
        },
        ms(10),
    );
    assert_eq!((status(&be, A).as_str(), be.poll_deadline()), ("no check", None));
    be.handle(
        Input::Checks {
            server: A,
            enabled: true,
        },
        ms(1000),
    );
    assert_eq!((status(&be, A).as_str(), be.poll_deadline()), ("UP", Some(ms(1200))));
}

#[test]
fn who_is_not_checked_is_what_somebody_says() {
    let mut be = backend(vec![server(0, None)]);
    for (to, word) in [
        (Operation::Down, "DOWN"),
        (Operation::Running, "no check"),
        (Operation::Stopping, "NOLB"),
    ] {
        be.handle(Input::Health { server: A, to }, ms(1));
        assert_eq!(status(&be, A), word);
    }
}
