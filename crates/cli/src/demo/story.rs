//! What happens when: who dies, who returns, as shares of one round.

use std::time::Duration;

use super::stage::{Part, ServerName};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Kill(Part),
    Revive(Part),
}

#[derive(Debug)]
pub struct Story {
    acts: &'static [(u32, Act)],
    next: usize,
}

const SERVER: Part = Part::Server(ServerName::A);

/// Per cent of the round, and what happens then.
const WITH_ONE_BALANCER: &[(u32, Act)] = &[(30, Act::Kill(SERVER)), (60, Act::Revive(SERVER))];
const WITH_A_PAIR: &[(u32, Act)] = &[
    (20, Act::Kill(SERVER)),
    (40, Act::Revive(SERVER)),
    (60, Act::Kill(Part::Master)),
    (85, Act::Revive(Part::Master)),
];

impl Story {
    pub fn new(pair: bool) -> Story {
        Story {
            acts: if pair { WITH_A_PAIR } else { WITH_ONE_BALANCER },
            next: 0,
        }
    }

    /// The act that is due, each once.
    pub fn due(&mut self, in_round: Duration, round: Duration) -> Option<Act> {
        let (percent, act) = *self.acts.get(self.next)?;
        (in_round >= round * percent / 100).then(|| {
            self.next += 1;
            act
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_act_once_and_in_order() {
        let round = Duration::from_secs(10);
        let mut story = Story::new(false);
        assert_eq!(story.due(Duration::from_secs(2), round), None);
        assert_eq!(story.due(Duration::from_secs(9), round), Some(Act::Kill(SERVER)));
        assert_eq!(story.due(Duration::from_secs(9), round), Some(Act::Revive(SERVER)));
        assert_eq!(story.due(Duration::from_secs(9), round), None);
    }

    #[test]
    fn what_dies_returns_within_the_round() {
        for acts in [WITH_ONE_BALANCER, WITH_A_PAIR] {
            for (at, act) in acts {
                let Act::Kill(part) = act else { continue };
                assert!(
                    acts.iter()
                        .any(|(later, a)| later > at && *later < 100 && *a == Act::Revive(*part)),
                    "{part:?}"
                );
            }
        }
    }
}
