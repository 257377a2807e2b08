//! Long runs of anything an operator, the network and a careless runtime can do.

use super::*;
use crate::balance::Candidate;

#[derive(Clone, Debug)]
enum Act {
    /// Waits until the next check, or a part of that when `early`, and starts what is due.
    Wait {
        early: bool,
    },
    /// Ends the oldest check that runs.
    End {
        passes: bool,
    },
    /// Ends a check that may not run.
    EndAny {
        place: u32,
    },
    Admin {
        place: u32,
        change: AdminChange,
    },
    Weight {
        place: u32,
        weight: u16,
    },
    Health {
        place: u32,
        to: Operation,
    },
    Checks {
        place: u32,
        enabled: bool,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let admin = prop_oneof![
        Just(AdminChange::Ready),
        Just(AdminChange::Drain),
        Just(AdminChange::Maint)
    ];
    let to = prop_oneof![
        Just(Operation::Down),
        Just(Operation::Running),
        Just(Operation::Stopping)
    ];
    prop_oneof![
        8 => any::<bool>().prop_map(|early| Act::Wait { early }),
        8 => any::<bool>().prop_map(|passes| Act::End { passes }),
        1 => (0..4u32).prop_map(|place| Act::EndAny { place }),
        2 => (0..4u32, admin).prop_map(|(place, change)| Act::Admin { place, change }),
        1 => (0..4u32, 0..3u16).prop_map(|(place, weight)| Act::Weight { place, weight }),
        1 => (0..4u32, to).prop_map(|(place, to)| Act::Health { place, to }),
        1 => (0..4u32, any::<bool>()).prop_map(|(place, enabled)| Act::Checks { place, enabled }),
    ]
}

fn four_servers() -> Vec<ServerSettings> {
    vec![
        server(0, Some(checks(400, 2, 3))),
        server(1, Some(checks(2000, 1, 1))),
        ServerSettings {
            backup: true,
            disabled: true,
            ..server(2, Some(checks(1000, 3, 2)))
        },
        server(3, None),
    ]
}

/// What the outside knows from the outputs alone.
#[derive(Default)]
struct Outside {
    now: Mono,
    running: Vec<ServerIdx>,
    view: Option<Arc<View>>,
}

impl Outside {
    fn act(&mut self, be: &mut Backend, act: Act) {
        match act {
            Act::Wait { early } => {
                let due = be.poll_deadline().unwrap_or(self.now + Duration::from_millis(100));
                let wait = due.since(self.now);
                self.now += if early { wait / 2 } else { wait };
                be.on_deadline(self.now);
            }
            Act::End { .. } if self.running.is_empty() => {}
            Act::End { passes } => be.handle(done(self.running.remove(0), passes), self.now),
            Act::EndAny { place } => {
                self.running.retain(|s| s.0 != place);
                be.handle(done(ServerIdx(place), true), self.now);
            }
            Act::Admin { place, change } => be.handle(
                Input::Admin {
                    server: ServerIdx(place),
                    change,
                },
                self.now,
            ),
            Act::Weight { place, weight } => be.handle(
                Input::Weight {
                    server: ServerIdx(place),
                    weight,
                },
                self.now,
            ),
            Act::Health { place, to } => be.handle(
                Input::Health {
                    server: ServerIdx(place),
                    to,
                },
                self.now,
            ),
            Act::Checks { place, enabled } => be.handle(
                Input::Checks {
                    server: ServerIdx(place),
                    enabled,
                },
                self.now,
            ),
        }
    }

    fn carry_out(&mut self, be: &mut Backend) {
        let had_servers = self.view.as_ref().is_some_and(|v| !v.online.is_none());
        let mut nobody_left = false;
        for output in drain(be) {
            match output {
                Output::StartCheck { server } => {
                    assert!(!self.running.contains(&server), "a second check of {server:?}");
                    assert!(!be.servers[server.place()].view(true).admin.in_maint());
                    self.running.push(server);
                }
                Output::Publish(view) => self.view = Some(view),
                Output::NoServerLeft(_) => nobody_left = true,
                Output::Changed(_)
                | Output::CheckLogged(_)
                | Output::EndSessions { .. }
                | Output::StartAgent { .. } => {}
            }
        }
        let has_servers = !be.online().is_none();
        assert!(!nobody_left || had_servers);
        assert!(
            nobody_left || has_servers || !had_servers,
            "the last server left without a word"
        );
    }

    /// The published view is what a fresh look at the servers would give.
    fn check(&self, be: &Backend) {
        let view = self.view.as_ref().expect("the first view comes at once");
        let fresh: Vec<ServerView> = be.servers.iter().map(|s| s.view(true)).collect();
        assert_eq!(view.servers, fresh);
        assert_eq!((view.online, view.last_change), (be.online(), be.last_change));
        let candidates: Vec<Candidate> = be.servers.iter().map(|s| s.candidate(true)).collect();
        assert_eq!(view.table, Table::build(&be.policy, &candidates));
        for (server, candidate) in fresh.iter().zip(&candidates) {
            assert_eq!(candidate.usable, server.takes_new());
            assert!(server.takes_known() || !server.takes_new());
            assert!(!server.admin.in_maint() || server.operation == Operation::Down);
        }
        let takers = |backup| fresh.iter().filter(|s| s.takes_new() && s.is_backup == backup).count() as u32;
        assert_eq!(
            be.online(),
            Online {
                active: takers(false),
                backup: takers(true)
            }
        );
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_doubled_or_stale(acts in proptest::collection::vec(act(), 1..200)) {
        let mut be = backend(four_servers());
        let mut outside = Outside::default();
        outside.carry_out(&mut be);
        for act in acts {
            outside.act(&mut be, act);
            outside.carry_out(&mut be);
            outside.check(&be);
            // Called again, or with the same moment, a deadline does nothing.
            let due = be.poll_deadline();
            if due.is_none_or(|due| due > outside.now) {
                be.on_deadline(outside.now);
                prop_assert_eq!(drain(&mut be), []);
                prop_assert_eq!(be.poll_deadline(), due);
            }
        }
    }

    /// The wait after a result is the interval of the state it left, give or take what `spread-checks` allows.
    #[test]
    fn the_wait_follows_from_the_state(percent in 0u32..=50, results in proptest::collection::vec(any::<bool>(), 1..60), seed: u64) {
        let settings = checks(4000, 2, 3);
        let servers = vec![server(0, Some(settings))];
        let spread = Spread::over(percent, [servers.as_slice()])[0];
        let (name, kind, policy) = (Arc::from("be"), ProxyKind::Backend, Policy::default());
        let parts = BackendSettings { name, kind, policy, log_checks: false, spread, servers };
        let mut be = Backend::new(parts, Seed::new(seed), Mono::ZERO);
        drain(&mut be);
        for passes in results {
            let (at, _) = next_check(&mut be, passes);
            let wait = be.poll_deadline().expect("it is checked").since(at);
            let plain = match status(&be, A).as_str() {
                "UP" => settings.inter,
                "DOWN" => settings.inter / 2,
                _ => settings.inter / 4,
            };
            let most = plain * percent / 100;
            prop_assert!(wait >= plain - most && wait <= plain + most, "{:?} instead of {:?}", wait, plain);
        }
    }

    /// First checks: in order, within the interval and within what is said of all, and evenly when all intervals are the same.
    #[test]
    fn first_checks_stand_in_a_row(
        counts in proptest::collection::vec(0usize..5, 1..5),
        within in proptest::option::of(1u64..3000),
    ) {
        let all: Vec<Vec<ServerSettings>> =
            counts.iter().map(|&n| (0..n as u32).map(|i| server(i, Some(checks(4000, 2, 3)))).collect()).collect();
        let total = counts.iter().sum::<usize>() as u64;
        let mut starts = Vec::new();
        let spreads = Spread::over(0, all.iter().map(Vec::as_slice));
        let within = within.map(Duration::from_millis);
        for (servers, spread) in all.into_iter().zip(spreads) {
            let spread = Spread { within, ..spread };
            let (name, kind, policy) = (Arc::from("be"), ProxyKind::Backend, Policy::default());
            let parts = BackendSettings { name, kind, policy, log_checks: false, spread, servers };
            let be = Backend::new(parts, Seed::new(1), Mono::ZERO);
            starts.extend(be.servers.iter().filter_map(Server::due));
        }
        // A server that starts is not fully up, so its interval is the fast one: a second.
        let span = within.map_or(1_000, |most| most.as_millis().min(1_000) as u64) * 1_000_000;
        let expected: Vec<Mono> = (0..total).map(|i| Mono::from_nanos(span * i / total)).collect();
        prop_assert_eq!(starts, expected);
    }
}
