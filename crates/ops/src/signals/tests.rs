use std::time::Duration;

use signal_hook::low_level::raise;

use super::*;

/// Signals go to the whole process, so one test plays all the scenes.
#[test]
fn signals_become_intentions() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut signals = Signals::listen(BALANCER).expect("all of these can be caught");
        for &(number, intention) in BALANCER {
            raise(number).expect("it is caught");
            assert_eq!(
                soon(&mut signals).await,
                Received {
                    intention,
                    signal: Signal(number)
                }
            );
        }

        raise(SIGUSR1).expect("it is caught");
        raise(SIGHUP).expect("it is caught");
        raise(SIGHUP).expect("it is caught");
        assert_eq!(soon(&mut signals).await.intention, Intention::Drain);
        assert_eq!(soon(&mut signals).await.intention, Intention::Reload);
        let again = tokio::time::timeout(Duration::from_millis(20), signals.next()).await;
        assert!(again.is_err(), "two HUPs at once are one: {again:?}");

        raise(SIGTTOU).expect("it is caught");
        assert_eq!(soon(&mut signals).await.intention, Intention::Pause);

        raise(SIGHUP).expect("it is caught");
        let no_order = tokio::time::timeout(Duration::from_millis(20), signals.stop()).await;
        assert!(no_order.is_err(), "nobody said that: {no_order:?}");
        raise(SIGTERM).expect("it is caught");
        let stop = tokio::time::timeout(Duration::from_secs(5), signals.stop()).await;
        assert!(matches!(stop, Ok(Ok(()))), "it was raised: {stop:?}");
        assert_eq!(
            soon(&mut signals).await.intention,
            Intention::Reload,
            "both are still there"
        );
        assert_eq!(soon(&mut signals).await.intention, Intention::Stop);

        let mut routers = Signals::listen(ROUTER).expect("all of these can be caught");
        every_one_arrives(&mut routers, ROUTER).await;
    });
}

async fn every_one_arrives(signals: &mut Signals, meanings: &[(i32, Intention)]) {
    for &(number, intention) in meanings {
        raise(number).expect("it is caught");
        assert_eq!(
            soon(signals).await,
            Received {
                intention,
                signal: Signal(number)
            }
        );
    }
}

async fn soon(signals: &mut Signals) -> Received {
    let next = tokio::time::timeout(Duration::from_secs(5), signals.next());
    next.await
        .expect("the signal was raised")
        .expect("the socket pair is open")
}

#[test]
fn signals_have_names() {
    assert_eq!(Signal(SIGUSR2).to_string(), "SIGUSR2");
    assert_eq!(Signal(36).to_string(), "signal 36");
}
