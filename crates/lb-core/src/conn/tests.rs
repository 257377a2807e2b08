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
