//! The table: each state, each input, what comes out. An input that a state does not know changes nothing.

use super::*;
use Input::*;
use Output::*;
use Side::{Client, Server};

pub(super) const SETTINGS: ConnSettings = ConnSettings {
    inspects: false,
    client: Some(Duration::from_millis(100)),
    client_fin: None,
    queue: Some(Duration::from_millis(30)),
    connect: Some(Duration::from_millis(50)),
    server: Some(Duration::from_millis(200)),
    server_fin: None,
    client_independent: false,
    server_independent: false,
    tunnel: None,
    retries: 1,
    redispatch: Redispatch::Never,
};

const NEW: &[Input] = &[];
const PICKING: &[Input] = &[Begin];
const QUEUED: &[Input] = &[Begin, MustWait(None)];
const CONNECTING: &[Input] = &[Begin, Picked(Some(A))];
const PAUSING: &[Input] = &[Begin, Picked(Some(A)), ConnectFailed(ConnectFailure::Refused)];
const OPEN: &[Input] = &[Begin, Picked(Some(A)), Connected];
const CLIENT_DONE: &[Input] = &[Begin, Picked(Some(A)), Connected, Finished(Client)];
const SERVER_DONE: &[Input] = &[Begin, Picked(Some(A)), Connected, Finished(Server)];
const CLOSED: &[Input] = &[Begin, Picked(None)];
pub(super) const STATES: [&[Input]; 9] = [
    NEW,
    PICKING,
    QUEUED,
    CONNECTING,
    PAUSING,
    OPEN,
    CLIENT_DONE,
    SERVER_DONE,
    CLOSED,
];

pub(super) const INPUTS: [Input; 18] = [
    Begin,
    Picked(None),
    Picked(Some(A)),
    MustWait(Some(A)),
    MayLeave,
    Connected,
    ConnectFailed(ConnectFailure::Refused),
    ConnectFailed(ConnectFailure::Resource),
    ConnectFailed(ConnectFailure::Internal),
    Finished(Client),
    Finished(Server),
    Failed(Client, IoFailure::Reset),
    Failed(Client, IoFailure::Other),
    Failed(Server, IoFailure::Reset),
    Kill(KillReason::ServerDown),
    Kill(KillReason::ActiveUp),
    Kill(KillReason::Admin),
    Kill(KillReason::Shutdown),
];

/// What comes out, written as a short text: `close CC`, `abort, close CC`, or nothing.
pub(super) fn outcome(outputs: Vec<Output>) -> String {
    let text = |output| match output {
        Inspect { is_final: false } => "inspect".to_owned(),
        Inspect { is_final: true } => "inspect finally".to_owned(),
        Pick { avoid: None } => "pick".to_owned(),
        Pick { avoid: Some(server) } => format!("pick not {}", server.0),
        Connect(server) => format!("connect {}", server.0),
        AbortConnect => "abort".to_owned(),
        Established(server) => format!("established {}", server.0),
        ShutdownWrite(side) => format!("shutdown {side:?}"),
        Close(ending) => format!("close {ending}"),
    };
    outputs.into_iter().map(text).collect::<Vec<_>>().join(", ")
}

/// One row for each input, in the order of [`INPUTS`]; one column for each state, in the order of [`STATES`].
#[rustfmt::skip]
const TABLE: [[&str; 9]; 18] = [
    // new         picking      queued       connecting          pausing      open                client done                       server done                       closed
    ["pick",       "",          "",          "",                 "",          "",                 "",                               "",                               ""], // begin
    ["",           "close SC",  "close SC",  "",                 "",          "",                 "",                               "",                               ""], // picked none
    ["",           "connect 0", "connect 0", "",                 "",          "",                 "",                               "",                               ""], // picked A
    ["",           "",          "",          "",                 "",          "",                 "",                               "",                               ""], // must wait
    ["",           "",          "",          "",                 "",          "",                 "",                               "",                               ""], // may leave
    ["",           "",          "",          "established 0",    "",          "",                 "",                               "",                               ""], // connected
    ["",           "",          "",          "",                 "",          "",                 "",                               "",                               ""], // refused: pauses
    ["",           "",          "",          "connect 0",        "",          "",                 "",                               "",                               ""], // no resource
    ["",           "",          "",          "close IC",         "",          "",                 "",                               "",                               ""], // internal
    ["close CQ",   "close CQ",  "close CQ",  "abort, close CC",  "close CC",  "shutdown Server",  "",                               "shutdown Server, close --",      ""], // client finished
    ["",           "",          "",          "",                 "",          "shutdown Client",  "shutdown Client, close --",      "",                               ""], // server finished
    ["close CD",   "close CD",  "close CD",  "abort, close CD",  "close CD",  "close CD",         "close CD",                       "close CD",                       ""], // client reset
    ["close CD",   "close CD",  "close CD",  "abort, close CD",  "close CD",  "close CD",         "close CD",                       "close CD",                       ""], // client error
    ["",           "",          "",          "",                 "",          "close SD",         "close SD",                       "close SD",                       ""], // server reset; connecting: as refused
    ["close DQ",   "close DQ",  "close DQ",  "abort, close DC",  "close DC",  "close D-",         "close D-",                       "close D-",                       ""], // server down
    ["close UQ",   "close UQ",  "close UQ",  "abort, close UC",  "close UC",  "close U-",         "close U-",                       "close U-",                       ""], // active up
    ["close KQ",   "close KQ",  "close KQ",  "abort, close KC",  "close KC",  "close K-",         "close K-",                       "close K-",                       ""], // admin
    ["close KQ",   "close KQ",  "close KQ",  "abort, close KC",  "close KC",  "close K-",         "close K-",                       "close K-",                       ""], // shutdown
];

#[test]
fn every_state_with_every_input() {
    for (row, input) in TABLE.iter().zip(INPUTS) {
        for (expected, state) in row.iter().zip(STATES) {
            let mut c = after(SETTINGS, state);
            c.handle(input, at(1));
            assert_eq!(outcome(drain(&mut c)), *expected, "{input:?} after {state:?}");
        }
    }
}

/// State, when its deadline is (0: none), and what happens then.
#[test]
fn every_state_at_its_deadline() {
    let table: [(&[Input], u64, &str); 9] = [
        (NEW, 0, ""),
        (PICKING, 100, "close cQ"),
        (QUEUED, 30, "close sQ"),
        (CONNECTING, 50, "abort, connect 0"),
        (PAUSING, 50, "connect 0"),
        (OPEN, 100, "shutdown Server"),
        (CLIENT_DONE, 200, "close sD"),
        (SERVER_DONE, 100, "close cD"),
        (CLOSED, 0, ""),
    ];
    for (state, due, expected) in table {
        let mut c = after(SETTINGS, state);
        assert_eq!(c.poll_deadline(), Some(at(due)).filter(|_| due > 0), "{state:?}");
        c.on_deadline(at(due.saturating_sub(1)));
        assert_eq!(outcome(drain(&mut c)), "", "early, after {state:?}");
        c.on_deadline(at(due));
        assert_eq!(outcome(drain(&mut c)), expected, "after {state:?}");
    }
}

#[test]
fn a_retry_that_may_go_elsewhere() {
    let elsewhere = ConnSettings {
        redispatch: Redispatch::FromLast(1),
        retries: 2,
        ..SETTINGS
    };
    let mut c = after(elsewhere, PAUSING);
    c.on_deadline(at(50));
    assert_eq!(outcome(drain(&mut c)), "connect 0");
    c.handle(ConnectFailed(ConnectFailure::Refused), at(51));
    assert_eq!(outcome(drain(&mut c)), "pick not 0");
    let mut same = c.clone();

    c.handle(Picked(Some(B)), at(52));
    assert_eq!(outcome(drain(&mut c)), "connect 1");
    let told = c.summary(at(52));
    assert_eq!(
        (told.retries, told.redispatched, told.wait, told.server),
        (2, true, ms(52), Some(B))
    );

    same.handle(Picked(Some(A)), at(52));
    assert_eq!(
        (outcome(drain(&mut same)).as_str(), same.poll_deadline()),
        ("", Some(at(100)))
    );
    same.handle(MayLeave, at(53));
    assert!(!same.summary(at(60)).redispatched);
}

#[test]
fn a_server_nobody_insists_on_is_left_at_once() {
    let eager = ConnSettings {
        redispatch: Redispatch::FromLast(1),
        retries: 3,
        ..SETTINGS
    };
    let mut c = after(eager, &[Begin, Picked(Some(A)), MayLeave]);
    c.handle(ConnectFailed(ConnectFailure::Refused), at(1));
    assert_eq!(outcome(drain(&mut c)), "pick not 0");
    // The next one is chosen with the same right to stay as the first.
    c.handle(Picked(Some(B)), at(1));
    assert_eq!(outcome(drain(&mut c)), "connect 1");
    c.handle(ConnectFailed(ConnectFailure::Refused), at(2));
    assert_eq!((outcome(drain(&mut c)).as_str(), c.poll_deadline()), ("", Some(at(52))));

    let mut never = after(SETTINGS, &[Begin, Picked(Some(A)), MayLeave]);
    never.handle(ConnectFailed(ConnectFailure::Refused), at(1));
    assert_eq!(outcome(drain(&mut never)), "");
}

#[test]
fn no_server_left_for_a_retry() {
    let eager = ConnSettings {
        redispatch: Redispatch::Every(1),
        ..SETTINGS
    };
    let mut c = after(eager, &[Begin, Picked(Some(A)), ConnectFailed(ConnectFailure::Refused)]);
    c.handle(Picked(None), at(1));
    assert_eq!(outcome(drain(&mut c)), "close SC");
    assert_eq!(c.summary(at(1)).server, None);
}

#[test]
fn silence_of_the_client_lets_the_answer_through_and_is_the_cause() {
    let mut c = after(SETTINGS, OPEN);
    c.on_deadline(at(100));
    assert_eq!(outcome(drain(&mut c)), "shutdown Server");
    let mut reset = c.clone();
    c.handle(Finished(Server), at(150));
    assert_eq!(outcome(drain(&mut c)), "shutdown Client, close cD");
    reset.handle(Failed(Server, IoFailure::Reset), at(150));
    assert_eq!(outcome(drain(&mut reset)), "close cD");
}

/// State of the queue, who ends it, and then `%Tw` and the server of the log line; all seen on HAProxy.
#[test]
fn what_is_told_of_the_time_in_the_queue() {
    let patient = ConnSettings {
        queue: ms(400),
        ..SETTINGS
    };
    for (settings, server, told) in [(SETTINGS, None, (ms(30), None)), (SETTINGS, Some(A), (ms(30), Some(A)))] {
        let mut c = after(settings, &[Begin, MustWait(server)]);
        c.on_deadline(at(30));
        assert_eq!(outcome(drain(&mut c)), "close sQ");
        let summary = c.summary(at(99));
        assert_eq!((summary.wait, summary.server, summary.connect), (told.0, told.1, None));
    }
    let mut left = after(SETTINGS, QUEUED);
    left.handle(Finished(Client), at(7));
    assert_eq!(
        (
            left.summary(at(7)).ending.to_string().as_str(),
            left.summary(at(7)).wait
        ),
        ("CQ", ms(7))
    );
    let mut silent = after(patient, QUEUED);
    silent.on_deadline(at(100));
    assert_eq!(
        (
            silent.summary(at(100)).ending.to_string().as_str(),
            silent.summary(at(100)).wait
        ),
        ("cQ", None)
    );
}

#[test]
fn asking_again_does_not_prolong_the_wait() {
    let mut c = after(SETTINGS, QUEUED);
    c.handle(MustWait(Some(B)), at(20));
    assert_eq!((c.poll_deadline(), c.summary(at(20)).server), (Some(at(30)), Some(B)));
    c.handle(Picked(Some(A)), at(29));
    assert_eq!(outcome(drain(&mut c)), "connect 0");
    assert_eq!(c.summary(at(29)).wait, ms(29));
}
