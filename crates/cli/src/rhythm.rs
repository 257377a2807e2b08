//! How long it takes at most until a balancer's checks know what became of a server.

use std::time::Duration;

use tandem_lb_config::{Check, Server};
use tandem_lb_core::health::Pace;
use tandem_lb_core::probe::{Action, Script};

/// What checks meet when it does not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its host is there, and refuses.
    Refuses,
    /// Its kernel takes connections, and nobody says anything there.
    Hangs,
    /// Nothing comes back from where it was.
    IsGone,
}

/// Until it is down: it fails just after it was found well. `None` is never.
pub fn until_down(server: &Server, failure: Failure) -> Option<Duration> {
    let check = server.check.as_ref()?;
    let each = takes(check, failure)?;
    Some(turns(check, Pace::Normal, check.settings.fall, each))
}

/// Until it is up again: it comes back just after a check began.
pub fn until_up(server: &Server, failure: Failure) -> Option<Duration> {
    let check = server.check.as_ref()?;
    let begun = takes(check, failure).unwrap_or_default();
    Some(begun + turns(check, Pace::Down, check.settings.rise, Duration::ZERO))
}

/// So many checks one after the other that end alike, each of which takes so long.
fn turns(check: &Check, before: Pace, count: u32, each: Duration) -> Duration {
    let settings = &check.settings;
    let again = settings.interval(Pace::Fast) + each;
    settings.interval(before) + each + again * count.saturating_sub(1)
}

/// How long it takes a check to fail; `None` of one that does not notice.
fn takes(check: &Check, failure: Failure) -> Option<Duration> {
    let connect = check.settings.connect_timeout;
    if check.external.is_some() {
        // A program may begin with anything: its time is one for all.
        let patience = check.answer_timeout.unwrap_or(check.settings.inter);
        return Some(if failure == Failure::Refuses {
            Duration::ZERO
        } else {
            patience
        });
    }
    match failure {
        Failure::Refuses => Some(Duration::ZERO),
        Failure::IsGone => Some(connect),
        Failure::Hangs => awaits(check).then(|| check.answer_timeout.unwrap_or(connect)),
    }
}

/// Whether it wants more than a connection.
fn awaits(check: &Check) -> bool {
    let hears = |script: &Script| {
        let mut actions = script.steps.iter().map(|step| &step.action);
        actions.any(|action| match action {
            Action::Expect(_) | Action::Request(_) => true,
            Action::Connect(connect) => connect.speaks_tls,
            Action::Send(_) | Action::SendMade { .. } | Action::Set(..) | Action::Unset(_) => false,
        })
    };
    check.tls.is_some() || check.script.as_deref().is_some_and(hears)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a server with these options, in a backend with these lines.
    fn server(lines: &str, options: &str) -> Server {
        let text = format!(
            "defaults\n mode tcp\n timeout connect 3s\n timeout check 2s\nbackend b\n{lines}\n server s 10.0.0.1:1 {options}\n"
        );
        let texts = [tandem_lb_config::NamedText::new("h.cfg", text.as_bytes())];
        let loaded = crate::check::in_this_world(|world| tandem_lb_config::load_in(&texts, world, None));
        let mut backends = loaded.plan.expect("no mistakes").backends;
        backends.remove(0).servers.remove(0)
    }

    fn seconds(time: Option<Duration>) -> Option<f64> {
        time.map(|time| time.as_secs_f64())
    }

    #[test]
    fn a_check_that_only_connects_does_not_see_who_hangs() {
        let options = "check inter 10s fastinter 1s downinter 5s fall 3 rise 2";
        let down = |server: &Server| {
            [Failure::Refuses, Failure::Hangs, Failure::IsGone].map(|failure| seconds(until_down(server, failure)))
        };
        let plain = server("", options);
        // Three times, after 10 s and 1 s each; somebody who is gone is waited for, too.
        assert_eq!(down(&plain), [Some(12.0), None, Some(21.0)]);
        let asks = server(" option tcp-check\n tcp-check expect string hello", options);
        assert_eq!(down(&asks), [Some(12.0), Some(18.0), Some(21.0)]);
        let says = server(" option tcp-check\n tcp-check send hello", options);
        assert_eq!(down(&says)[1], None);
        assert_eq!(down(&server("", "")), [None; 3]);
        assert_eq!(seconds(until_up(&plain, Failure::Refuses)), Some(6.0));
        assert_eq!(seconds(until_up(&plain, Failure::IsGone)), Some(9.0));
    }
}
