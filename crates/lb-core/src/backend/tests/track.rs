//! Servers that follow others.

use super::*;
use crate::backend::{Lead, Tracked};
use crate::health::RiseFall;
use crate::log::state::Sessions;

const SERVES: Lead = Lead {
    operation: Operation::Running,
    is_in_maint: false,
    is_draining: false,
    health: None,
    agent: None,
};

const IN_MAINT: Lead = Lead {
    operation: Operation::Down,
    is_in_maint: true,
    ..SERVES
};

const DRAINS: Lead = Lead {
    is_draining: true,
    ..SERVES
};

const DOWN: Lead = Lead {
    operation: Operation::Down,
    ..SERVES
};

fn follower() -> Backend {
    let via = Tracked {
        backend: "a".into(),
        server: "s".into(),
    };
    backend(vec![ServerSettings {
        tracks: Some(Arc::new(via)),
        ..server(0, None)
    }])
}

/// What follows for a server that is told this, in the words of the log.
fn told(be: &mut Backend, input: Input) -> Vec<String> {
    drain(be);
    be.handle(input, ms(1));
    let lines = drain(be).into_iter().filter_map(|output| match output {
        Output::Changed(change) => Some(change.text(Sessions::default()).to_string()),
        _ => None,
    });
    let short = |line: String| {
        line.split(". ")
            .next()
            .unwrap_or_default()
            .trim_end_matches('.')
            .to_owned()
    };
    lines
        .map(|line| short(line).trim_start_matches("Server be/s0 ").to_owned())
        .collect()
}

fn led(lead: Lead) -> Input {
    Input::Led {
        server: A,
        lead,
        is_news: true,
    }
}

fn admin(change: AdminChange) -> Input {
    Input::Admin { server: A, change }
}

#[test]
fn every_step_in_the_words_of_the_log() {
    let mut be = follower();
    for (input, lines, word) in [
        (led(DOWN), &["is DOWN via a/s"][..], "DOWN"),
        (led(SERVES), &["is UP via a/s"], "no check"),
        (led(SERVES), &[], "no check"),
        (
            led(Lead {
                operation: Operation::Stopping,
                ..SERVES
            }),
            &["is stopping via a/s"],
            "NOLB",
        ),
        (
            led(IN_MAINT),
            &["is going DOWN for maintenance via a/s"],
            "MAINT (via a/s)",
        ),
        (admin(AdminChange::Maint), &[], "MAINT (via a/s)"),
        (
            admin(AdminChange::Ready),
            &["is leaving forced maintenance but remains in maintenance via a/s"],
            "MAINT (via a/s)",
        ),
        (admin(AdminChange::Maint), &[], "MAINT (via a/s)"),
        (led(SERVES), &["remains in forced maintenance"], "MAINT"),
        (
            admin(AdminChange::Ready),
            &["is UP/READY (leaving forced maintenance)"],
            "no check",
        ),
        (
            led(IN_MAINT),
            &["is going DOWN for maintenance via a/s"],
            "MAINT (via a/s)",
        ),
        (led(DOWN), &["is DOWN/READY (leaving maintenance)"], "DOWN"),
        (
            led(IN_MAINT),
            &["was DOWN and now enters maintenance via a/s"],
            "MAINT (via a/s)",
        ),
        (led(SERVES), &["is UP/READY (leaving maintenance)"], "no check"),
        (led(DRAINS), &["enters drain state via a/s"], "DRAIN"),
        (admin(AdminChange::Drain), &["remains in forced drain mode"], "DRAIN"),
        (
            admin(AdminChange::Ready),
            &["is leaving forced drain but remains in drain mode via a/s"],
            "DRAIN",
        ),
        (admin(AdminChange::Drain), &["remains in forced drain mode"], "DRAIN"),
        (led(SERVES), &["remains in forced drain mode"], "DRAIN"),
        (led(DRAINS), &["remains in forced drain mode"], "DRAIN"),
        (
            admin(AdminChange::Ready),
            &["is leaving forced drain but remains in drain mode via a/s"],
            "DRAIN",
        ),
        (
            led(Lead {
                operation: Operation::Down,
                ..DRAINS
            }),
            &[
                "is DOWN via a/s",
                "is leaving forced drain but remains in drain mode via a/s",
            ],
            "DOWN",
        ),
        (
            led(SERVES),
            &["is DOWN (leaving forced drain)", "is UP via a/s"],
            "no check",
        ),
    ] {
        let what = format!("{input:?}");
        assert_eq!(told(&mut be, input), lines, "{what}");
        assert_eq!(status(&be, A), word, "{what}");
    }
}

#[test]
fn it_shows_the_checks_of_the_one_it_follows() {
    let mut be = follower();
    let health = RiseFall::new(2, 3);
    let checked = Lead {
        health: Some(health),
        ..SERVES
    };
    assert!(told(&mut be, led(checked)).is_empty());
    assert_eq!(status(&be, A), "UP 1/3");
    assert_eq!(be.lead(A), Some(checked), "whoever follows it shows the same");
    let agent = Lead {
        agent: Some(false),
        ..DOWN
    };
    told(&mut be, led(agent));
    assert_eq!(status(&be, A), "DOWN (agent)");
}

#[test]
fn what_was_always_so_is_no_news() {
    let mut be = follower();
    let silently = |lead| Input::Led {
        server: A,
        lead,
        is_news: false,
    };
    assert!(told(&mut be, silently(IN_MAINT)).is_empty());
    assert_eq!(status(&be, A), "MAINT (via a/s)");
    let saved = be.saved(A, ms(1)).expect("it is there");
    assert_eq!(
        saved.operation,
        Operation::Running,
        "what it follows is another's to say"
    );
    let mut heir = follower();
    heir.handle(silently(DOWN), ms(1));
    let restore = Input::Restore {
        servers: vec![(A, saved)],
        age: Duration::ZERO,
    };
    assert!(told(&mut heir, restore).is_empty());
    assert_eq!(status(&heir, A), "DOWN", "only what an operator wants is remembered");
    let mut alone = backend(vec![server(0, None)]);
    assert!(told(&mut alone, led(DOWN)).is_empty(), "it follows nobody");
    assert_eq!(status(&alone, A), "no check");
}

#[test]
fn a_configuration_that_lets_it_go() {
    let mut be = follower();
    told(&mut be, led(IN_MAINT));
    let servers = vec![server(0, None)];
    let alone = Input::Settings(Box::new(BackendSettings {
        name: "be".into(),
        kind: ProxyKind::Backend,
        policy: Policy::default(),
        log_checks: false,
        spread: Spread::over(0, [servers.as_slice()])[0],
        servers,
    }));
    assert_eq!(told(&mut be, alone), ["is UP/READY (leaving maintenance)"]);
    assert_eq!(status(&be, A), "no check");
}
