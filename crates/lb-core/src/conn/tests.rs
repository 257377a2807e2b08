//! The connection machine: every state with every input, then properties, then HAProxy's own endings.

mod golden;
mod inspecting;
mod properties;
mod states;

use std::sync::Arc;
use std::time::Duration;

use tandem_time::Mono;

use super::*;
use crate::ServerIdx;

const A: ServerIdx = ServerIdx(0);
const B: ServerIdx = ServerIdx(1);

fn at(ms: u64) -> Mono {
    Mono::from_millis(ms)
}

fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

fn drain(c: &mut Conn) -> Vec<Output> {
    std::iter::from_fn(|| c.poll_output()).collect()
}

/// A connection that was told `inputs` at time 0, and whose outputs so far were taken.
fn after(settings: ConnSettings, inputs: &[Input]) -> Conn {
    let mut c = Conn::new(Arc::new(settings), at(0));
    for &input in inputs {
        c.handle(input, at(0));
        drain(&mut c);
    }
    c
}

#[test]
fn is_small() {
    assert!(size_of::<Conn>() <= 200, "{}", size_of::<Conn>());
}

#[test]
fn a_life_and_its_figures() {
    let mut c = after(
        ConnSettings {
            client: ms(1000),
            ..ConnSettings::default()
        },
        &[Input::Begin],
    );
    c.handle(Input::Picked(Some(A)), at(1));
    c.handle(Input::Connected, at(3));
    assert_eq!(c.summary(at(4)).ending, Ending::NORMAL);
    assert_eq!(c.summary(at(4)).total, Duration::from_millis(4));
    c.handle(Input::Finished(Side::Client), at(4));
    c.handle(Input::Finished(Side::Server), at(5));
    let expected = Summary {
        wait: ms(1),
        connect: ms(2),
        total: Duration::from_millis(5),
        retries: 0,
        redispatched: false,
        server: Some(A),
        ending: Ending::NORMAL,
    };
    assert_eq!(c.summary(at(9)), expected);
}

/// What is carried to another process: the end of a wait, and only of the first.
#[test]
fn a_wait_that_began_elsewhere_ends_when_it_would_have() {
    let settings = ConnSettings {
        queue: ms(30),
        ..ConnSettings::default()
    };
    let waiting = after(settings, &[Input::Begin, Input::MustWait(None)]);
    assert_eq!(waiting.waits_until(), Some(at(30)));
    let mut heir = Conn::new(Arc::new(settings), at(0));
    heir.wait_only_until(waiting.waits_until());
    heir.handle(Input::Begin, at(20));
    heir.handle(Input::MustWait(None), at(20));
    drain(&mut heir);
    assert_eq!(heir.poll_deadline(), Some(at(30)));
    let mut served = heir.clone();
    heir.on_deadline(at(30));
    assert_eq!(
        drain(&mut heir),
        [Output::Close(Ending::new(Who::ServerTimeout, Phase::Queue))]
    );
    // A later wait has its own time.
    served.handle(Input::Picked(Some(A)), at(25));
    assert_eq!(served.waits_until(), None);

    let inspects = ConnSettings {
        inspects: true,
        ..settings
    };
    let mut asked = Conn::new(Arc::new(inspects), at(0));
    asked.wait_only_until(Some(at(50)));
    asked.handle(Input::Begin, at(20));
    asked.handle(Input::MustInspect(Duration::from_millis(40)), at(20));
    assert_eq!(
        (asked.waits_until(), asked.poll_deadline()),
        (Some(at(50)), Some(at(50)))
    );
}
