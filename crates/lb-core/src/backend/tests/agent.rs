//! What agents say, beside the checks.

use super::anew::anew;
use super::*;

fn with_agent(check: Option<CheckSettings>) -> Backend {
    backend(vec![ServerSettings {
        weight: 50,
        agent: Some(checks(1000, 1, 1)),
        ..server(0, check)
    }])
}

fn answer(advice: Advice) -> Input {
    let result = CheckResult::new(CheckStatus::Checked, Duration::ZERO);
    Input::AgentDone {
        server: A,
        answer: AgentAnswer { advice, result },
    }
}

fn says(be: &mut Backend, line: &str) -> Vec<Output> {
    drain(be);
    for millis in (0..4_000_000).step_by(100) {
        be.on_deadline(ms(millis));
        if drain(be).contains(&Output::StartAgent { server: A }) {
            let advice = Advice::read(line.as_bytes()).unwrap_or_default();
            be.handle(answer(advice), ms(millis));
            return drain(be);
        }
    }
    unreachable!("agents are asked again and again")
}

#[test]
fn one_word_is_enough_either_way() {
    let mut be = with_agent(None);
    for (line, word) in [
        ("up", "no check"),
        ("down", "DOWN (agent)"),
        ("50%", "DOWN (agent)"),
        ("", "DOWN (agent)"),
        ("up", "no check"),
        ("maint down", "MAINT"),
        ("ready", "DOWN (agent)"),
        ("drain up", "DRAIN (agent)"),
        ("ready", "no check"),
    ] {
        says(&mut be, line);
        assert_eq!(status(&be, A), word, "{line:?}");
    }
}

#[test]
fn both_the_checks_and_the_agent_must_agree() {
    let health = |to| Input::Health { server: A, to };
    let mut be = with_agent(Some(checks(1_000_000, 1, 1)));
    be.handle(health(Operation::Down), ms(0));
    says(&mut be, "up");
    assert_eq!(status(&be, A), "DOWN");
    says(&mut be, "down");
    drain(&mut be);
    be.on_deadline(ms(2_000_000));
    be.handle(answer(Advice::default()), ms(2_000_000));
    be.handle(done(A, true), ms(2_000_000));
    assert_eq!(status(&be, A), "DOWN (agent)", "a good check is not enough");
    says(&mut be, "up");
    assert_eq!(status(&be, A), "UP");
}

#[test]
fn weights_are_parts_of_the_configured_one() {
    let mut be = with_agent(None);
    for (line, weight, maxconn) in [
        ("50%", 25, 0),
        ("150% maxconn:4", 75, 4),
        ("1000%", 256, 4),
        ("0% maxconn:0", 0, 0),
    ] {
        says(&mut be, line);
        let view = be.report(A, ms(0)).expect("it is there").view;
        assert_eq!((view.weight, view.maxconn), (weight, maxconn), "{line}");
    }
    // Nobody listens to an agent that is not to be asked.
    be.handle(
        Input::Agent {
            server: A,
            enabled: false,
        },
        ms(0),
    );
    drain(&mut be);
    be.on_deadline(ms(9_000_000));
    assert!(!drain(&mut be).contains(&Output::StartAgent { server: A }));
}

/// One that goes on with what this one leaves.
fn heir(of: &Backend, mut heir: Backend) -> Backend {
    let saved = of.saved(A, ms(1)).expect("it is there");
    let restore = Input::Restore {
        servers: vec![(A, saved)],
        age: Duration::ZERO,
    };
    heir.handle(restore, ms(1));
    heir
}

#[test]
fn what_an_operator_says_of_one_that_is_not_checked_outlives_the_process() {
    let health = |to| Input::Health { server: A, to };
    let plain = || backend(vec![server(0, None)]);
    for (to, word) in [
        (Operation::Down, "DOWN"),
        (Operation::Stopping, "NOLB"),
        (Operation::Running, "no check"),
    ] {
        for new in [plain, || with_agent(None)] {
            let mut be = new();
            be.handle(health(to), ms(0));
            let before = status(&be, A);
            let mut heir = heir(&be, new());
            assert_eq!(status(&heir, A), before, "{word}");
            heir.handle(health(Operation::Running), ms(2));
            assert_eq!(status(&heir, A), "no check", "it may say otherwise");
        }
        let mut be = plain();
        be.handle(health(to), ms(0));
        let checked = heir(&be, backend(vec![server(0, Some(checks(1000, 1, 1)))]));
        assert!(status(&checked, A).starts_with("UP"), "its checks know better: {word}");
    }
    // What an agent said goes with it.
    let mut be = with_agent(None);
    says(&mut be, "down");
    assert_eq!(status(&heir(&be, with_agent(None)), A), "DOWN (agent)");
    assert_eq!(status(&heir(&be, plain()), A), "no check");
}

/// What a reload makes of one of weight 50 that its agent calls down.
fn after_reload(before: Option<CheckSettings>, after: ServerSettings) -> String {
    let mut be = with_agent(before);
    says(&mut be, "down");
    assert_eq!(status(&be, A), "DOWN (agent)");
    be.handle(anew(vec![ServerSettings { weight: 50, ..after }]), ms(5_000_000));
    status(&be, A)
}

#[test]
fn an_agent_that_a_reload_takes_away_holds_nobody_down() {
    let checked = || Some(checks(1_000_000, 1, 1));
    assert_eq!(after_reload(None, server(0, None)), "no check");
    assert_eq!(after_reload(checked(), server(0, checked())), "UP");
    assert_eq!(after_reload(checked(), server(0, None)), "no check");
    // Nor does one that rests, and what an operator has said is not the agent's.
    let mut be = with_agent(None);
    says(&mut be, "down");
    let resting = Input::Agent {
        server: A,
        enabled: false,
    };
    be.handle(resting, ms(1));
    be.handle(anew(vec![server(0, None)]), ms(2));
    assert_eq!(status(&be, A), "no check");
    let mut be = with_agent(None);
    let down = Input::Health {
        server: A,
        to: Operation::Down,
    };
    be.handle(down, ms(1));
    be.handle(anew(vec![server(0, None)]), ms(2));
    assert_eq!(status(&be, A), "DOWN");
}

/// Neither is held down by its agent any more: the one works no more for other reasons, the other is about to stop.
#[test]
fn who_is_not_down_is_not_called_up_when_its_agent_goes() {
    let resting = Input::Agent {
        server: A,
        enabled: false,
    };
    for check in [None, Some(checks(1_000_000, 1, 1))] {
        let mut be = with_agent(check);
        says(&mut be, "down");
        be.handle(resting.clone(), ms(5_000_000));
        let stopping = Input::Health {
            server: A,
            to: Operation::Stopping,
        };
        be.handle(stopping, ms(5_000_001));
        let before = status(&be, A);
        assert!(before.starts_with("NOLB"), "{before}");
        drain(&mut be);
        let plain = ServerSettings {
            weight: 50,
            ..server(0, check)
        };
        be.handle(anew(vec![plain]), ms(5_000_002));
        assert_eq!(status(&be, A), before);
    }
}

#[test]
fn an_agent_that_a_reload_leaves_is_still_heard_without_checks() {
    let asked = ServerSettings {
        agent: Some(checks(1000, 1, 1)),
        ..server(0, None)
    };
    assert_eq!(after_reload(Some(checks(1_000_000, 1, 1)), asked), "DOWN (agent)");
}

#[test]
fn who_follows_no_more_hears_its_own_agent() {
    let asked = |tracks| ServerSettings {
        agent: Some(checks(1000, 1, 1)),
        tracks,
        ..server(0, None)
    };
    let lead: Arc<Tracked> = Arc::new(Tracked {
        backend: "be".into(),
        server: "lead".into(),
    });
    let mut be = backend(vec![asked(Some(lead))]);
    says(&mut be, "down");
    be.handle(anew(vec![asked(None)]), ms(5_000_000));
    assert_eq!(status(&be, A), "DOWN (agent)");
}
