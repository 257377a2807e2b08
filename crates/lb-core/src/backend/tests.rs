//! The backend as its runtime sees it: what goes in, and every output that follows.

mod agent;
mod anew;
mod conduct;
mod orders;
mod property;
mod track;

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
