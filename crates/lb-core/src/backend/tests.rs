//! The backend as its runtime sees it: what goes in, and every output that follows.

use super::*;
use crate::ServerId;
use crate::health::{Admin, Advice, CheckSettings, CheckStatus};
use proptest::prelude::*;
use std::time::Duration;

const A: ServerIdx = ServerIdx(0);
const B: ServerIdx = ServerIdx(1);

fn ms(millis: u64) -> Mono {
    Mono::from_millis(millis)
}

fn checks(inter: u64, rise: u32, fall: u32) -> CheckSettings {
    CheckSettings {
        inter: Duration::from_millis(inter),
        fastinter: Some(Duration::from_millis(inter / 4)),
        downinter: Some(Duration::from_millis(inter / 2)),
        rise,
        fall,
        connect_timeout: Duration::from_secs(1),
    }
}

fn server(place: u32, check: Option<CheckSettings>) -> ServerSettings {
    ServerSettings {
        place: ServerIdx(place),
        name: Arc::from(format!("s{place}")),
        id: ServerId(place + 1),
        weight: 1,
        backup: false,
        disabled: false,
        is_nowhere: false,
        maxconn: 0,
        check,
        conduct: Conduct::default(),
        agent: None,
        tracks: None,
        minconn: 0,
        hash_key: crate::balance::HashKey::Id,
        guid: None,
        at: None,
    }
}

fn backend(servers: Vec<ServerSettings>) -> Backend {
    let spread = Spread::over(0, [servers.as_slice()])[0];
    let settings = BackendSettings {
        name: Arc::from("be"),
        kind: ProxyKind::Backend,
        policy: Policy::default(),
        log_checks: false,
        spread,
        servers,
    };
    Backend::new(settings, Seed::new(1), Mono::ZERO)
}

fn drain(backend: &mut Backend) -> Vec<Output> {
    std::iter::from_fn(|| backend.poll_output()).collect()
}

fn result(passes: bool) -> CheckResult {
    let status = if passes {
        CheckStatus::L4Ok
    } else {
        CheckStatus::L4Connection
    };
    CheckResult::new(status, Duration::ZERO)
}

fn done(server: ServerIdx, passes: bool) -> Input {
    Input::CheckDone {
        server,
        result: result(passes),
    }
}

/// Forgets earlier outputs, runs the next check that is due and says when it was and what followed.
fn next_check(backend: &mut Backend, passes: bool) -> (Mono, Vec<Output>) {
    drain(backend);
    let at = backend.poll_deadline().expect("a check is due");
    backend.on_deadline(at);
    let started = drain(backend);
    let [Output::StartCheck { server }] = started[..] else {
        panic!("one check starts, not {started:?}")
    };
    backend.handle(done(server, passes), at);
    (at, drain(backend))
}

fn status(backend: &Backend, server: ServerIdx) -> String {
    backend
        .report(server, Mono::ZERO)
        .expect("there is such a server")
        .status
        .to_string()
}

fn transitions(outputs: &[Output]) -> Vec<&Transition> {
    let of = |o| {
        if let &Output::Changed(StateChange { ref transition, .. }) = o {
            Some(transition)
        } else {
            None
        }
    };
    outputs.iter().filter_map(of).collect()
}

#[test]
fn a_server_goes_down_and_comes_back_at_its_pace() {
    let mut be = backend(vec![server(0, Some(checks(400, 2, 3)))]);
    assert!(matches!(drain(&mut be)[..], [Output::Publish(_)]));
    assert_eq!(status(&be, A), "UP 1/3");
    // passes, then what comes: the time of the check, the word after it.
    let script = [
        (true, 0, "UP"),
        (true, 400, "UP"),
        (false, 800, "UP 2/3"),
        (false, 900, "UP 1/3"),
        (true, 1000, "UP"),
        (false, 1400, "UP 2/3"),
        (false, 1500, "UP 1/3"),
        (false, 1600, "DOWN"),
        (false, 1800, "DOWN"),
        (true, 2000, "DOWN 1/2"),
        (false, 2100, "DOWN"),
        (true, 2300, "DOWN 1/2"),
        (true, 2400, "UP"),
        (true, 2800, "UP"),
    ];
    for (passes, at, word) in script {
        let before = status(&be, A);
        let (when, outputs) = next_check(&mut be, passes);
        assert_eq!((when, status(&be, A).as_str()), (ms(at), word));
        match word {
            "DOWN" if before.starts_with("UP") => assert!(matches!(
                &outputs[..],
                [Output::Publish(view), Output::Changed(change), Output::NoServerLeft(_)]
                    if !view.servers[0].takes_known()
                        && change.transition == Transition::Down { reason: Reason::Check(result(false)), was_draining: false }
            )),
            "UP" if before.starts_with("DOWN") => assert!(matches!(
                &outputs[..],
                [Output::Publish(view), Output::Changed(StateChange { transition: Transition::Up { .. }, .. })]
                    if view.servers[0].takes_new() && view.online.active == 1
            )),
            _ => assert_eq!(outputs, []),
        }
    }
    let report = be.report(A, ms(3000)).expect("there is such a server");
    assert_eq!((report.downs, report.down_time), (1, Duration::from_millis(800)));
    // Of seven failures, the one at the bottom cost nothing.
    assert_eq!(report.check.expect("it is checked").failures, 6);
}

/// Reference 2.7, 2.9: who may be sent where, by operation, demand and weight.
#[test]
fn who_takes_whom() {
    use Operation::{Down, Running, Stopping};
    let rows = [
        (Running, Admin::NONE, 1, true, true),
        (Running, Admin::NONE, 0, false, true),
        (Running, Admin::FORCED_DRAIN, 1, false, true),
        (Running, Admin::INHERITED_DRAIN, 1, false, true),
        (Stopping, Admin::NONE, 1, false, true),
        (Down, Admin::NONE, 1, false, false),
        (Down, Admin::FORCED_DRAIN, 1, false, false),
        (Down, Admin::FORCED_MAINT, 1, false, false),
        (Running, Admin::CONFIG_MAINT, 1, false, false),
        (Running, Admin::INHERITED_MAINT, 1, false, false),
        (Running, Admin::RESOLUTION_MAINT, 1, false, false),
    ];
    let view = backend(vec![server(0, None)]).servers[0].view(true);
    for (operation, admin, weight, new, known) in rows {
        let view = ServerView {
            operation,
            admin,
            weight,
            ..view.clone()
        };
        assert_eq!(
            (view.takes_new(), view.takes_known()),
            (new, known),
            "{operation:?} {admin:?} {weight}"
        );
    }
}

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
fn the_check_itself_is_logged_when_it_is_news() {
    let mut be = backend(vec![server(0, Some(checks(400, 1, 1)))]);
    be.log_checks = true;
    drain(&mut be);
    let mut news = Vec::new();
    for passes in [true, true, false, false, true] {
        let (_, outputs) = next_check(&mut be, passes);
        news.push(outputs.iter().filter(|o| matches!(o, Output::CheckLogged(_))).count());
        assert!(transitions(&outputs).iter().all(|t| !matches!(
            t,
            Transition::Down {
                reason: Reason::Check(_),
                ..
            } | Transition::Up {
                reason: Reason::Check(_)
            }
        )));
    }
    assert_eq!(news, [1, 0, 1, 0, 1]);
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

#[test]
fn inputs_about_nobody_do_nothing() {
    let mut be = backend(vec![server(0, None)]);
    drain(&mut be);
    for server in [A, B] {
        be.handle(done(server, false), ms(1));
        be.handle(
            Input::Health {
                server: B,
                to: Operation::Down,
            },
            ms(1),
        );
        be.handle(Input::Checks { server, enabled: false }, ms(1));
    }
    be.handle(
        Input::Admin {
            server: B,
            change: AdminChange::Maint,
        },
        ms(1),
    );
    assert_eq!(drain(&mut be), []);
    assert!(be.report(B, ms(1)).is_none());
}

mod agent;
mod conduct;
mod property;
mod track;

#[test]
fn servers_come_and_go() {
    let mut backend = backend(vec![server(0, None)]);
    let new = server(1, Some(checks(1_000, 2, 3)));
    backend.handle(Input::Add(new.clone()), ms(5));
    assert_eq!(status(&backend, B), "MAINT");
    assert_eq!(backend.online().active, 1);
    // Its checks rest until they are asked for, also when it serves.
    backend.handle(
        Input::Admin {
            server: B,
            change: AdminChange::Ready,
        },
        ms(6),
    );
    assert_eq!(
        (status(&backend, B).as_str(), backend.poll_deadline()),
        ("no check", None)
    );
    backend.handle(
        Input::Checks {
            server: B,
            enabled: true,
        },
        ms(7),
    );
    assert!(backend.poll_deadline().is_some());
    drain(&mut backend);
    backend.handle(Input::Add(new), ms(8));
    assert_eq!(drain(&mut backend), [], "its place is taken");
    backend.handle(Input::Remove { server: A }, ms(9));
    assert!(backend.report(A, ms(9)).is_none() && backend.report(B, ms(9)).is_some());
    let outputs = drain(&mut backend);
    let [Output::Publish(view)] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!((view.online.active, view.servers.len()), (1, 1));
    assert!(view.server(A).is_none() && view.server(B).is_some());
    backend.handle(Input::Remove { server: A }, ms(10));
    assert_eq!(drain(&mut backend), []);
}

/// The settings of a backend of these servers, to be followed while it runs.
fn anew(servers: Vec<ServerSettings>) -> Input {
    Input::Settings(Box::new(BackendSettings {
        name: Arc::from("be"),
        kind: ProxyKind::Backend,
        policy: Policy::default(),
        log_checks: false,
        spread: Spread::over(0, [servers.as_slice()])[0],
        servers,
    }))
}

#[test]
fn who_stays_keeps_what_is_known_of_it() {
    let checked = || Some(checks(1000, 2, 1));
    let mut be = backend(vec![server(0, checked()), server(1, checked()), server(2, None)]);
    next_check(&mut be, false);
    be.handle(
        Input::Weight {
            server: ServerIdx(2),
            weight: 7,
        },
        ms(10),
    );
    be.handle(
        Input::Admin {
            server: ServerIdx(2),
            change: AdminChange::Drain,
        },
        ms(10),
    );
    drain(&mut be);
    assert_eq!(status(&be, A), "DOWN");
    // Another order, one new, one gone, nothing said about the weight of the third.
    be.handle(
        anew(vec![server(3, None), server(2, None), server(0, checked())]),
        ms(20),
    );
    let outputs = drain(&mut be);
    assert!(transitions(&outputs).is_empty(), "{outputs:?}");
    assert_eq!(status(&be, A), "DOWN");
    assert_eq!(status(&be, ServerIdx(2)), "DRAIN");
    assert!(be.report(B, ms(20)).is_none());
    let view = be.report(ServerIdx(2), ms(20)).expect("it stays").view;
    assert_eq!(view.weight, 7);
    // The late answer to a check of one that is gone says nothing.
    be.handle(done(B, false), ms(30));
    assert!(drain(&mut be).is_empty());
    // Now something is said.
    let heavier = ServerSettings {
        weight: 9,
        disabled: true,
        ..server(2, None)
    };
    be.handle(anew(vec![heavier, server(0, None)]), ms(40));
    let outputs = drain(&mut be);
    assert_eq!(be.report(ServerIdx(2), ms(40)).expect("it stays").view.weight, 9);
    assert_eq!(status(&be, ServerIdx(2)), "MAINT");
    assert_eq!(status(&be, A), "no check", "without checks it is believed to work");
    assert_eq!(transitions(&outputs).len(), 2);
}

#[test]
fn other_rules_for_checks_keep_up_and_down() {
    let mut be = backend(vec![server(0, Some(checks(1000, 2, 3)))]);
    next_check(&mut be, true);
    be.handle(anew(vec![server(0, Some(checks(9000, 5, 7)))]), ms(10));
    assert_eq!(status(&be, A), "UP");
    let mut be = backend(vec![server(0, Some(checks(1000, 2, 1)))]);
    next_check(&mut be, false);
    be.handle(anew(vec![server(0, Some(checks(9000, 1, 1)))]), ms(10));
    assert_eq!(status(&be, A), "DOWN");
    next_check(&mut be, true);
    assert_eq!(status(&be, A), "UP");
}

#[test]
fn the_last_server_may_leave() {
    let mut be = backend(vec![server(0, None)]);
    drain(&mut be);
    be.handle(anew(Vec::new()), ms(10));
    let outputs = drain(&mut be);
    assert!(matches!(&outputs[..], [Output::Publish(view), Output::NoServerLeft(_)] if view.servers.is_empty()));
}
