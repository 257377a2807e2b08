//! The state in which rules have the word: each input there, the rules' own inputs everywhere, its deadline.

use super::states::{INPUTS, SETTINGS, STATES, outcome};
use super::*;
use Input::*;
use Side::Client;

const INSPECTS: ConnSettings = ConnSettings {
    inspects: true,
    ..SETTINGS
};

const ASKED: &[Input] = &[Begin];
const WAITING: &[Input] = &[Begin, MustInspect(Duration::from_millis(40))];

/// What comes out for each of [`INPUTS`]; the same whether the rules were only just asked or wait for bytes.
const TABLE: [&str; 18] = [
    "",         // begin
    "",         // picked none
    "",         // picked A
    "",         // must wait
    "",         // may leave
    "",         // connected
    "",         // refused
    "",         // no resource
    "",         // internal
    "",         // client finished: what it has sent may do
    "",         // server finished
    "close CD", // client reset
    "close CD", // client error
    "",         // server reset
    "close DR", // server down
    "close UR", // active up
    "close KR", // admin
    "close KR", // shutdown
];

#[test]
fn every_input_while_rules_have_the_word() {
    for state in [ASKED, WAITING] {
        for (expected, input) in TABLE.iter().zip(INPUTS) {
            let mut c = after(INSPECTS, state);
            c.handle(input, at(1));
            assert_eq!(outcome(drain(&mut c)), *expected, "{input:?} after {state:?}");
        }
        for (input, expected) in [
            (Passed, "pick"),
            (Rejected, "close PR"),
            (MustInspect(Duration::ZERO), ""),
        ] {
            let mut c = after(INSPECTS, state);
            c.handle(input, at(1));
            assert_eq!(outcome(drain(&mut c)), expected, "{input:?} after {state:?}");
        }
    }
}

#[test]
fn elsewhere_the_rules_have_no_word() {
    for input in [Passed, Rejected, MustInspect(Duration::from_millis(1))] {
        for state in STATES {
            let mut c = after(SETTINGS, state);
            let before = c.poll_deadline();
            let relays = c.relayed().is_some();
            c.handle(input, at(1));
            // Rules about what the server sends have one word to say: no.
            if relays && input == Rejected {
                assert_eq!(outcome(drain(&mut c)), "close PD", "after {state:?}");
                continue;
            }
            assert_eq!(outcome(drain(&mut c)), "", "{input:?} after {state:?}");
            assert_eq!(c.poll_deadline(), before);
        }
    }
}

#[test]
fn they_are_asked_first_and_once_more_at_the_end() {
    let mut c = Conn::new(Arc::new(INSPECTS), at(0));
    c.handle(Begin, at(0));
    assert_eq!(outcome(drain(&mut c)), "inspect");
    c.handle(MustInspect(Duration::from_millis(40)), at(2));
    assert_eq!(c.poll_deadline(), Some(at(42)));
    c.on_deadline(at(41));
    assert_eq!(outcome(drain(&mut c)), "");
    c.on_deadline(at(42));
    assert_eq!(outcome(drain(&mut c)), "inspect finally");
    let mut refused = c.clone();
    c.handle(Passed, at(43));
    assert_eq!(outcome(drain(&mut c)), "pick");
    c.handle(Picked(Some(A)), at(44));
    assert_eq!(
        c.summary(at(44)).wait,
        ms(44),
        "the time that rules took is time before a server"
    );

    refused.handle(Rejected, at(43));
    let told = refused.summary(at(99));
    assert_eq!(
        (told.wait, told.connect, told.total),
        (None, None, Duration::from_millis(43))
    );
    assert!(!told.ending.is_connect_error());
}

#[test]
fn a_client_that_is_silent_too_long_ends_it() {
    let mut c = after(INSPECTS, &[Begin, MustInspect(Duration::from_secs(9))]);
    c.touched(Client, at(50));
    assert_eq!(c.poll_deadline(), Some(at(150)));
    c.on_deadline(at(150));
    assert_eq!(outcome(drain(&mut c)), "close cR");
}

#[test]
fn what_governs_it_may_be_another_backend() {
    let mut c = after(INSPECTS, ASKED);
    c.govern(Arc::new(ConnSettings {
        connect: ms(7),
        ..INSPECTS
    }));
    c.handle(Passed, at(0));
    c.handle(Picked(Some(A)), at(0));
    assert_eq!(c.poll_deadline(), Some(at(7)));
}
