//! Whatever happens in whatever order, also what cannot: one Close at the end, and no step out of turn.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    Tell(Input),
    Touch(Side),
    Wait(u64),
    /// To the deadline and over it.
    Deadline,
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Client), Just(Side::Server)]
}

fn server() -> impl Strategy<Value = ServerIdx> {
    (0u32..3).prop_map(ServerIdx)
}

fn event() -> impl Strategy<Value = Event> {
    use Input::*;
    let failure = prop_oneof![Just(ConnectFailure::Refused), Just(ConnectFailure::Resource)];
    prop_oneof![
        30 => Just(Event::Deadline),
        30 => (0u64..80).prop_map(Event::Wait),
        20 => side().prop_map(Event::Touch),
        20 => Just(Event::Tell(Begin)),
        10 => Just(Event::Tell(Passed)),
        1 => Just(Event::Tell(Rejected)),
        5 => (0u64..80).prop_map(|n| Event::Tell(MustInspect(Duration::from_millis(n)))),
        20 => server().prop_map(|s| Event::Tell(Picked(Some(s)))),
        1 => Just(Event::Tell(Picked(None))),
        10 => proptest::option::of(server()).prop_map(|s| Event::Tell(MustWait(s))),
        5 => Just(Event::Tell(MayLeave)),
        10 => Just(Event::Tell(Connected)),
        15 => failure.prop_map(|f| Event::Tell(ConnectFailed(f))),
        1 => Just(Event::Tell(ConnectFailed(ConnectFailure::Internal))),
        6 => side().prop_map(|s| Event::Tell(Finished(s))),
        2 => side().prop_map(|s| Event::Tell(Failed(s, IoFailure::Reset))),
        1 => Just(Event::Tell(Kill(KillReason::Admin))),
    ]
}

fn redispatch() -> impl Strategy<Value = Redispatch> {
    prop_oneof![
        Just(Redispatch::Never),
        (0u32..4).prop_map(Redispatch::FromLast),
        (0u32..4).prop_map(Redispatch::Every),
    ]
}

fn settings() -> impl Strategy<Value = ConnSettings> {
    let timeout = || proptest::option::of((1u64..200).prop_map(Duration::from_millis));
    (
        timeout(),
        timeout(),
        timeout(),
        timeout(),
        timeout(),
        timeout(),
        timeout(),
        0u32..5,
        redispatch(),
        any::<bool>(),
    )
        .prop_map(
            |(client, client_fin, queue, connect, server, server_fin, tunnel, retries, redispatch, inspects)| {
                ConnSettings {
                    inspects,
                    client,
                    client_fin,
                    queue,
                    connect,
                    server,
                    server_fin,
                    client_independent: false,
                    server_independent: false,
                    tunnel,
                    retries,
                    redispatch,
                }
            },
        )
}

/// What the runtime has been asked for so far; every output must make sense to it.
#[derive(Debug, Default)]
struct Runtime {
    asked_to_pick: bool,
    connecting: Option<ServerIdx>,
    established: bool,
    connects: u32,
    shut: [bool; 2],
    closed: bool,
}

impl Runtime {
    fn told(&mut self, input: Input) {
        match input {
            Input::Connected | Input::ConnectFailed(_) => self.connecting = None,
            Input::Failed(Side::Server, _) if !self.established => self.connecting = None,
            _ => {}
        }
    }

    fn take(&mut self, output: Output) -> Result<(), TestCaseError> {
        prop_assert!(!self.closed, "{output:?} after the close");
        match output {
            Output::Inspect { .. } => prop_assert!(!self.asked_to_pick),
            Output::Pick { .. } => {
                prop_assert!(!self.established && self.connecting.is_none());
                self.asked_to_pick = true;
            }
            Output::Connect(server) => {
                prop_assert!(self.asked_to_pick && self.connecting.is_none() && !self.established);
                self.connecting = Some(server);
                self.connects += 1;
            }
            Output::AbortConnect => prop_assert!(self.connecting.take().is_some()),
            Output::Established(_) => {
                prop_assert!(self.connects > 0 && !self.established);
                self.established = true;
            }
            Output::ShutdownWrite(side) => {
                prop_assert!(self.established);
                prop_assert!(
                    !std::mem::replace(&mut self.shut[side as usize], true),
                    "a second FIN to {side:?}"
                );
            }
            Output::Close(_) => {
                prop_assert!(self.connecting.is_none(), "closed with a connect under way");
                self.closed = true;
            }
        }
        Ok(())
    }
}

fn play(c: &mut Conn, runtime: &mut Runtime, event: Event, now: &mut Mono) -> Result<(), TestCaseError> {
    match event {
        // Only what a runtime can say: no answer about a connect that is not under way.
        Event::Tell(Input::Connected | Input::ConnectFailed(_)) if runtime.connecting.is_none() => {}
        Event::Tell(input) => {
            runtime.told(input);
            c.handle(input, *now);
        }
        Event::Touch(side) => {
            let before = c.poll_deadline();
            c.touched(side, *now);
            prop_assert!(c.poll_deadline() >= before, "traffic brought the deadline nearer");
        }
        Event::Wait(ms) => *now += Duration::from_millis(ms),
        Event::Deadline => {
            let Some(due) = c.poll_deadline() else { return Ok(()) };
            *now = (*now).max(due);
            c.on_deadline(*now);
        }
    }
    while let Some(output) = c.poll_output() {
        runtime.take(output)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1000), ..ProptestConfig::default() })]

    #[test]
    fn ends_once_and_in_order(settings in settings(), events in proptest::collection::vec(event(), 0..60)) {
        let mut now = Mono::ZERO;
        let mut runtime = Runtime::default();
        let mut c = Conn::new(Arc::new(settings), now);
        for event in events {
            play(&mut c, &mut runtime, event, &mut now)?;
        }
        prop_assert!(runtime.connects <= settings.retries + 1);
        play(&mut c, &mut runtime, Event::Tell(Input::Kill(KillReason::Shutdown)), &mut now)?;
        prop_assert!(runtime.closed);
        prop_assert_eq!(c.poll_deadline(), None);
        let (closed, told) = (c.summary(now), now);
        play(&mut c, &mut runtime, Event::Tell(Input::Connected), &mut now)?;
        prop_assert_eq!(c.summary(told + Duration::from_secs(1)), closed);
    }

    /// Whoever goes on with a relayed connection in another process does what the first would have done.
    #[test]
    fn another_process_goes_on_the_same(
        settings in settings(), before in proptest::collection::vec(event(), 0..12), after in proptest::collection::vec(event(), 0..30),
    ) {
        let settings = Arc::new(settings);
        let (mut now, mut runtime) = (Mono::ZERO, Runtime::default());
        let mut c = Conn::new(settings.clone(), now);
        let opening = [Input::Begin, Input::Passed, Input::Picked(Some(ServerIdx(1))), Input::Connected].map(Event::Tell);
        for event in opening.into_iter().chain(before) {
            play(&mut c, &mut runtime, event, &mut now)?;
        }
        let Some(relayed) = c.relayed() else {
            prop_assert!(runtime.closed || !runtime.established);
            return Ok(());
        };
        let Some(server) = c.summary(now).server else { return Ok(()) };
        let mut other = Conn::resumed(settings, c.began(), server, relayed);
        let mut at = now;
        prop_assert_eq!(other.relayed(), Some(relayed));
        for event in after {
            let (mut here, mut there) = (Runtime { established: true, ..Runtime::default() }, Runtime { established: true, ..Runtime::default() });
            play(&mut c, &mut here, event, &mut now)?;
            play(&mut other, &mut there, event, &mut at)?;
            prop_assert_eq!((here.shut, here.closed, now), (there.shut, there.closed, at));
            prop_assert_eq!((c.poll_deadline(), c.summary(now)), (other.poll_deadline(), other.summary(now)));
        }
    }

    /// With timeouts everywhere, time alone ends it.
    #[test]
    fn time_alone_ends_it(settings in settings(), events in proptest::collection::vec(event(), 0..40)) {
        let day = |limit: Option<Duration>| limit.or(Some(Duration::from_secs(86_400)));
        let settings = ConnSettings {
            client: day(settings.client), server: day(settings.server), connect: day(settings.connect), ..settings
        };
        let mut now = Mono::ZERO;
        let mut runtime = Runtime::default();
        let mut c = Conn::new(Arc::new(settings), now);
        play(&mut c, &mut runtime, Event::Tell(Input::Begin), &mut now)?;
        for event in events {
            play(&mut c, &mut runtime, event, &mut now)?;
        }
        for _ in 0..20 {
            play(&mut c, &mut runtime, Event::Deadline, &mut now)?;
        }
        prop_assert!(runtime.closed);
    }

    /// An early call changes nothing, whatever the state.
    #[test]
    fn an_early_call_does_nothing(settings in settings(), events in proptest::collection::vec(event(), 0..40)) {
        let mut now = Mono::ZERO;
        let mut runtime = Runtime::default();
        let mut c = Conn::new(Arc::new(settings), now);
        for event in events {
            play(&mut c, &mut runtime, event, &mut now)?;
            if c.poll_deadline().is_none_or(|due| due > now) {
                let before = format!("{c:?}");
                c.on_deadline(now);
                prop_assert_eq!(format!("{c:?}"), before);
            }
        }
    }

    /// A busy side is never the one that timed out.
    #[test]
    fn only_the_idle_time_out(gaps in proptest::collection::vec(1u64..100, 1..50), busy in side()) {
        let settings = ConnSettings { client: ms(100), server: ms(100), ..ConnSettings::default() };
        let mut c = after(settings, &[Input::Begin, Input::Picked(Some(A)), Input::Connected]);
        let mut now = at(0);
        for gap in gaps {
            now += Duration::from_millis(gap);
            c.touched(busy, now);
            c.on_deadline(now);
        }
        for output in drain(&mut c) {
            prop_assert_eq!(output, Output::ShutdownWrite(busy));
        }
    }
}
