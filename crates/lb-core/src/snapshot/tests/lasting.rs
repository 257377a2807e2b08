//! What of a server outlives the process, and what a newer file says against it.

use super::*;

#[test]
fn what_an_operator_did_lasts() {
    let settings = || settings(false, 10, true);
    let mut before = machine(settings());
    admin(&mut before, AdminChange::Maint);
    before.handle(Input::Weight { server: S, weight: 3 }, START);
    before.handle(Input::Maxconn { server: S, maxconn: 8 }, START);
    let mut after = heir(&before, settings());
    let view = after.report(S, START).expect("one server").view;
    assert_eq!((status(&after), view.weight, view.maxconn), (Status::Maint, 3, 8));
    admin(&mut after, AdminChange::Ready);
    assert_eq!(status(&after), Status::Up(Some((1, 3))));
}

#[test]
fn a_file_that_was_edited_is_the_newer_word() {
    let mut before = machine(settings(false, 10, true));
    before.handle(Input::Weight { server: S, weight: 3 }, START);
    let after = heir(&before, settings(true, 11, true));
    let view = after.report(S, START).expect("one server").view;
    assert_eq!((status(&after), view.weight), (Status::Maint, 11));
    let again = heir(&after, settings(false, 11, true));
    assert_eq!(status(&again), Status::Up(Some((1, 3))));
}

#[test]
fn a_server_that_was_made_ready_stays_so() {
    let mut before = machine(settings(true, 1, false));
    admin(&mut before, AdminChange::Ready);
    assert_eq!(status(&heir(&before, settings(true, 1, false))), Status::NoCheck);
}

#[test]
fn an_agents_word_lasts_as_long_as_it_is_asked() {
    let with_agent = || ServerSettings {
        agent: settings(false, 1, true).check,
        ..settings(false, 1, false)
    };
    let mut before = machine(with_agent());
    before.handle(Input::AgentHealth { server: S, up: false }, START);
    assert_eq!(status(&heir(&before, with_agent())), Status::DownByAgent);
    assert_eq!(status(&heir(&before, settings(false, 1, false))), Status::NoCheck);
    before.handle(Input::AgentHealth { server: S, up: true }, START);
    assert_eq!(status(&heir(&before, with_agent())), Status::NoCheck);
}

#[test]
fn health_goes_on_where_it_was() {
    let mut before = machine(settings(false, 1, true));
    let failed = || CheckResult::new(CheckStatus::L4Connection, Duration::ZERO);
    before.on_deadline(START + Duration::from_secs(3));
    before.handle(
        Input::CheckDone {
            server: S,
            result: failed(),
        },
        START,
    );
    assert_eq!(status(&before), Status::Down(None));
    let mut after = heir(&before, settings(false, 1, true));
    assert_eq!(status(&after), Status::Down(None));
    let report = after.report(S, START).expect("one server");
    assert_eq!((report.downs, report.check.map(|c| c.failures)), (1, Some(1)));
    after.handle(
        Input::ClearCounters {
            server: Some(ServerIdx(7)),
        },
        START,
    );
    assert_eq!(
        after.report(S, START).map(|report| report.downs),
        Some(1),
        "another server's"
    );
    after.handle(Input::ClearCounters { server: None }, START);
    let report = after.report(S, START).expect("one server");
    assert_eq!((report.downs, report.check.map(|c| c.failures)), (0, Some(0)));
    // Without checks nothing is known against it.
    assert_eq!(status(&heir(&before, settings(false, 1, false))), Status::NoCheck);
}

#[test]
fn workers_see_it_in_one_view() {
    let mut before = machine(settings(false, 1, true));
    admin(&mut before, AdminChange::Drain);
    let mut after = heir(&before, settings(false, 1, true));
    let views = std::iter::from_fn(|| after.poll_output()).filter_map(|output| match output {
        Output::Publish(view) => Some(view),
        _ => None,
    });
    let last = views.last().expect("at least one");
    assert!(!last.servers[0].takes_new() && last.servers[0].takes_known());
    assert_eq!(START.since(last.last_change), Duration::from_secs(9));
}
