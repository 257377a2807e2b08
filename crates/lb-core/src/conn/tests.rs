//! The connection machine: first by table, then by property, then against HAProxy.

use std::sync::Arc;
use std::time::Duration;

use tandem_time::Mono;

use super::*;
use crate::ServerIdx;

const A: ServerIdx = ServerIdx(0);

fn drain(c: &mut Conn) -> Vec<Output> {
    std::iter::from_fn(|| c.poll_output()).collect()
}

#[test]
fn is_small() {
    assert!(size_of::<Conn>() <= 200, "{}", size_of::<Conn>());
}

#[test]
fn happy_path() {
    let settings = Arc::new(ConnSettings {
        client: Some(Duration::from_secs(1)),
        ..ConnSettings::default()
    });
    let mut c = Conn::new(settings, Mono::ZERO);
    let at = Mono::from_millis;
    c.handle(Input::Begin, at(0));
    assert_eq!(drain(&mut c), [Output::Pick { avoid: None }]);
    c.handle(Input::Picked(Some(A)), at(1));
    assert_eq!(drain(&mut c), [Output::Connect(A)]);
    c.handle(Input::Connected, at(3));
    assert_eq!(drain(&mut c), [Output::Established(A)]);
    c.handle(Input::Finished(Side::Client), at(4));
    assert_eq!(drain(&mut c), [Output::ShutdownWrite(Side::Server)]);
    c.handle(Input::Finished(Side::Server), at(5));
    assert_eq!(
        drain(&mut c),
        [Output::ShutdownWrite(Side::Client), Output::Close(Ending::NORMAL)]
    );
    let s = c.summary(at(9));
    assert_eq!(s.wait, Some(Duration::from_millis(1)));
    assert_eq!(s.connect, Some(Duration::from_millis(2)));
    assert_eq!(s.total, Duration::from_millis(5));
}
