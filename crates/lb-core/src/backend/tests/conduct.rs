//! How servers come and go, beside what HAProxy 2.6.12 showed.

use super::*;
use crate::conn::KillReason;

fn conducted(place: u32, conduct: Conduct) -> ServerSettings {
    ServerSettings {
        conduct,
        ..server(place, Some(checks(400, 1, 3)))
    }
}

fn observed(then: OnError) -> Backend {
    let observe = Some(Observe { limit: 3, then });
    backend(vec![conducted(
        0,
        Conduct {
            observe,
            ..Conduct::default()
        },
    )])
}

fn view(outputs: &[Output]) -> &View {
    let of = |output: &'_ Output| matches!(output, Output::Publish(_));
    match outputs.iter().rfind(|output| of(output)) {
        Some(Output::Publish(view)) => view,
        other => panic!("no view, but {other:?}"),
    }
}

/// The state after a good check, and after each of two times that errors counted.
#[test]
fn errors_of_clients() {
    for (then, words) in [
        (OnError::FastInter, ["UP", "UP"]),
        (OnError::FailCheck, ["UP 2/3", "UP 1/3"]),
        (OnError::SuddenDeath, ["UP 1/3", "DOWN"]),
        (OnError::MarkDown, ["DOWN", "DOWN"]),
    ] {
        let mut be = observed(then);
        let (at, _) = next_check(&mut be, true);
        assert_eq!(status(&be, A), "UP");
        for word in words {
            be.handle(Input::Errors { server: A }, at);
            assert_eq!(status(&be, A), word, "{then:?}");
        }
        let next = be.poll_deadline().expect("checks go on");
        assert_eq!(next, at + Duration::from_millis(100), "the next one comes sooner");
        let report = be.report(A, at).and_then(|report| report.check);
        assert_eq!(report.and_then(|check| check.analyses), Some(2));
    }
}

#[test]
fn errors_say_what_they_were() {
    let mut be = observed(OnError::MarkDown);
    drain(&mut be);
    be.handle(Input::Errors { server: A }, ms(1));
    let outputs = drain(&mut be);
    let [Transition::Down { reason, .. }] = transitions(&outputs)[..] else {
        panic!("{outputs:?}")
    };
    let text =
        ", reason: Health analyze, info: \"Detected 3 consecutive errors, last one was: L4 unsuccessful connection\"";
    assert_eq!(reason.to_string(), text);
    // In maintenance, and without checks, errors say nothing.
    let mut other = backend(vec![server(0, Some(checks(400, 1, 3))), server(1, None)]);
    drain(&mut other);
    for server in [A, B] {
        other.handle(Input::Errors { server }, ms(1));
    }
    assert!(drain(&mut other).is_empty());
}

#[test]
fn who_comes_back_slowly() {
    let slow = Conduct {
        slowstart: Duration::from_secs(6),
        ..Conduct::default()
    };
    let mut be = backend(vec![ServerSettings {
        weight: 10,
        maxconn: 50,
        ..conducted(0, slow)
    }]);
    let first = drain(&mut be);
    assert_eq!(view(&first).servers[0].throttle(), None, "not at the start");
    be.handle(
        Input::Health {
            server: A,
            to: Operation::Down,
        },
        ms(1000),
    );
    drain(&mut be);
    be.handle(
        Input::Health {
            server: A,
            to: Operation::Running,
        },
        ms(2000),
    );
    let mut seen = Vec::new();
    for second in 2..=8 {
        be.on_deadline(ms(second * 1000));
        let outputs = drain(&mut be);
        let shown = &view(&outputs).servers[0];
        seen.push((shown.throttle(), shown.share.div_ceil(16), shown.room()));
        let told = transitions(&outputs)
            .iter()
            .any(|t| matches!(t, Transition::Up { reason: Reason::Unsaid }));
        assert_eq!(told, second == 8, "the end is said");
    }
    let expected = [
        (Some(6), 1, 1),
        (Some(18), 2, 8),
        (Some(37), 4, 16),
        (Some(56), 6, 25),
        (Some(68), 7, 33),
        (Some(87), 9, 41),
        (None, 10, 50),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn sessions_end_with_their_server() {
    let ends = Conduct {
        ends_sessions: true,
        ends_backup_sessions: true,
        ..Conduct::default()
    };
    let backup = ServerSettings {
        backup: true,
        ..server(1, None)
    };
    let mut be = backend(vec![conducted(0, ends), backup]);
    let mut ended = |input: Input| -> Vec<(ServerIdx, KillReason)> {
        drain(&mut be);
        be.handle(input, ms(5));
        let of = |output| match output {
            Output::EndSessions { server, reason } => Some((server, reason)),
            _ => None,
        };
        drain(&mut be).into_iter().filter_map(of).collect()
    };
    let health = |to| Input::Health { server: A, to };
    let admin = |change| Input::Admin { server: A, change };
    assert_eq!(ended(health(Operation::Down)), [(A, KillReason::ServerDown)]);
    assert_eq!(ended(health(Operation::Running)), [(B, KillReason::ActiveUp)]);
    assert_eq!(ended(admin(AdminChange::Maint)), [(A, KillReason::ServerDown)]);
    assert_eq!(ended(admin(AdminChange::Drain)), []);
    assert_eq!(ended(admin(AdminChange::Ready)), []);
}

#[test]
fn before_the_first_check() {
    for (init, before, after) in [
        (InitState::Up, "UP 1/3", "UP"),
        (InitState::FullyUp, "UP", "UP"),
        (InitState::Down, "DOWN 1/2", "UP"),
        (InitState::FullyDown, "DOWN", "DOWN 1/2"),
    ] {
        let conduct = Conduct {
            init,
            ..Conduct::default()
        };
        let mut be = backend(vec![ServerSettings {
            conduct,
            ..server(0, Some(checks(400, 2, 3)))
        }]);
        assert_eq!(status(&be, A), before, "{init:?}");
        assert_eq!(be.online().is_none(), init.is_down());
        next_check(&mut be, true);
        assert_eq!(status(&be, A), after, "{init:?}");
        for change in [AdminChange::Maint, AdminChange::Ready] {
            be.handle(Input::Admin { server: A, change }, ms(500));
        }
        assert_eq!(status(&be, A), before, "out of maintenance: {init:?}");
    }
}
