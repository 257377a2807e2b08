//! Settings that are given anew: servers come, stay and go.

use super::*;

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
pub(super) fn anew(servers: Vec<ServerSettings>) -> Input {
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
