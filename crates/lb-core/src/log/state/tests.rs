//! The lines, word for word as the installed HAProxy 2.6.12 wrote them.

use super::*;
use crate::ServerIdx;
use crate::health::{CheckStatus, Outcome, RiseFall};
use std::sync::Arc;
use std::time::Duration;

fn change(transition: Transition, online: (u32, u32)) -> StateChange {
    StateChange {
        proxy: Arc::from("be"),
        server: Arc::from("a"),
        place: ServerIdx(0),
        is_backup: false,
        transition,
        online: Online {
            active: online.0,
            backup: online.1,
        },
    }
}

fn refused() -> CheckResult {
    CheckResult::new(CheckStatus::L4Connection, Duration::from_micros(400)).with_info("Connection refused")
}

fn passed() -> CheckResult {
    CheckResult::new(CheckStatus::L4Ok, Duration::from_millis(12))
}

#[test]
fn every_transition() {
    use Severity::{Alert, Notice};
    let because = || Reason::Check(refused());
    let rows = [
        (
            change(
                Transition::Down {
                    reason: because(),
                    was_draining: false,
                },
                (1, 1),
            ),
            Alert,
            "Server be/a is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", check duration: 0ms. \
             1 active and 1 backup servers left. 3 sessions active, 2 requeued, 1 remaining in queue.",
        ),
        (
            change(
                Transition::Down {
                    reason: Reason::Unsaid,
                    was_draining: true,
                },
                (0, 1),
            ),
            Notice,
            "Server be/a is DOWN. 0 active and 1 backup servers left. Running on backup. \
             3 sessions active, 2 requeued, 1 remaining in queue.",
        ),
        (
            change(
                Transition::Down {
                    reason: Reason::Operator,
                    was_draining: false,
                },
                (0, 0),
            ),
            Alert,
            "Server be/a is DOWN, changed from CLI. 0 active and 0 backup servers left. \
             3 sessions active, 2 requeued, 1 remaining in queue.",
        ),
        (
            change(
                Transition::Up {
                    reason: Reason::Check(passed()),
                },
                (2, 1),
            ),
            Notice,
            "Server be/a is UP, reason: Layer4 check passed, check duration: 12ms. \
             2 active and 1 backup servers online. 2 sessions requeued, 1 total in queue.",
        ),
        (
            change(Transition::Up { reason: Reason::Unsaid }, (0, 1)),
            Notice,
            "Server be/a is UP. 0 active and 1 backup servers online. Running on backup. \
             2 sessions requeued, 1 total in queue.",
        ),
        (
            change(
                Transition::Stopping {
                    reason: Reason::Operator,
                },
                (0, 0),
            ),
            Notice,
            "Server be/a is stopping, changed from CLI. 0 active and 0 backup servers online. \
             2 sessions requeued, 1 total in queue.",
        ),
        (
            change(Transition::EntersMaint { was_draining: false }, (1, 1)),
            Alert,
            "Server be/a is going DOWN for maintenance. 1 active and 1 backup servers left. \
             3 sessions active, 2 requeued, 1 remaining in queue.",
        ),
        (
            change(Transition::EntersMaint { was_draining: true }, (1, 0)),
            Notice,
            "Server be/a is going DOWN for maintenance. 1 active and 0 backup servers left. \
             3 sessions active, 2 requeued, 1 remaining in queue.",
        ),
        (
            change(Transition::EntersMaintFromDown, (1, 0)),
            Notice,
            "Server be/a was DOWN and now enters maintenance.",
        ),
        (
            change(Transition::EntersDrain { is_down: false }, (1, 1)),
            Notice,
            "Server be/a enters drain state. 1 active and 1 backup servers online. 2 sessions requeued, 1 total in queue.",
        ),
        (
            change(Transition::EntersDrain { is_down: true }, (0, 0)),
            Notice,
            "Server be/a enters drain state. 0 active and 0 backup servers left. \
             3 sessions active, 2 requeued, 1 remaining in queue.",
        ),
        (
            change(
                Transition::LeavesMaint {
                    is_draining: false,
                    is_down: false,
                },
                (1, 1),
            ),
            Notice,
            "Server be/a is UP/READY (leaving forced maintenance).",
        ),
        (
            change(
                Transition::LeavesMaint {
                    is_draining: true,
                    is_down: false,
                },
                (1, 1),
            ),
            Notice,
            "Server be/a is UP/DRAIN (leaving forced maintenance).",
        ),
        (
            change(Transition::LeavesDrain { is_down: false }, (1, 1)),
            Notice,
            "Server be/a is UP (leaving forced drain).",
        ),
        (
            change(Transition::LeavesDrain { is_down: true }, (1, 1)),
            Notice,
            "Server be/a is DOWN (leaving forced drain).",
        ),
        (
            change(Transition::RemainsDraining, (1, 1)),
            Notice,
            "Server be/a remains in forced drain mode.",
        ),
    ];
    for (change, severity, text) in rows {
        let sessions = Sessions {
            active: 3,
            requeued: 2,
            queued: 1,
        };
        assert_eq!(
            (change.severity(), change.text(sessions).to_string()),
            (severity, text.to_owned())
        );
        let backup = StateChange {
            is_backup: true,
            ..change
        };
        assert_eq!(backup.text(sessions).to_string(), format!("Backup {text}"));
    }
}

#[test]
fn a_check_worth_a_line() {
    let mut health = RiseFall::new(2, 3);
    health.forgive();
    let log = |health: RiseFall, result: CheckResult, is_backup, weightless| {
        let (proxy, server) = (Arc::from("be"), Arc::from("a"));
        CheckLog {
            proxy,
            server,
            is_backup,
            result,
            health,
            weightless,
        }
        .to_string()
    };
    assert_eq!(
        log(health, passed(), true, false),
        "Health check for backup server be/a succeeded, reason: Layer4 check passed, check duration: 12ms, status: 3/3 UP."
    );
    health.apply(Outcome::Failed);
    assert_eq!(
        log(health, refused(), false, true),
        "Health check for server be/a failed, reason: Layer4 connection problem, info: \"Connection refused\", \
         check duration: 0ms, status: 2/3 DRAIN."
    );
    health.drop_to_zero();
    health.apply(Outcome::Passed);
    assert!(log(health, passed(), false, true).ends_with("status: 1/2 DOWN."));
    let conditional = CheckResult::new(CheckStatus::L7OkConditionally, Duration::ZERO);
    assert!(
        log(health, conditional, false, false).contains(" be/a conditionally succeeded, reason: Layer7 check cond")
    );
}

#[test]
fn nobody_left_names_the_section() {
    let text = |kind| {
        NoServerLeft {
            proxy: Arc::from("be"),
            kind,
        }
        .to_string()
    };
    assert_eq!(text(ProxyKind::Backend), "backend be has no server available!");
    assert_eq!(text(ProxyKind::Listen), "proxy be has no server available!");
}

#[test]
fn what_a_server_says_cannot_break_the_line() {
    let result = refused().with_info("no\nway\u{7f}");
    let down = change(
        Transition::Down {
            reason: Reason::Check(result),
            was_draining: false,
        },
        (0, 0),
    );
    assert!(
        down.text(Sessions::default())
            .to_string()
            .contains("info: \"no?way?\",")
    );
}
