//! How often rules for contents are asked.
//!
//! What stands before a rule that waits is carried out at each asking: it counts, it sets. So they are asked again only where
//! there is more to be seen than the last time, as in HAProxy, however often somebody looks whether that is so.

use std::task::Context;

use tandem_lb_core::expr::content::{self, Content};
use tandem_lb_core::rules::{Requests, Verdict};
use tandem_sys::relay::Scratch;

use super::{Scene, Subject};

// All that they may see is looked at in one buffer: were that smaller, they would wait in vain for the rest.
const _: () = assert!(content::MOST <= Scratch::SIZE);

/// What the rules of one proxy wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Asking {
    /// They were not asked yet.
    #[default]
    First,
    /// For more than this.
    More { length: usize, is_final: bool },
    /// For the look-up that this rule has asked for.
    LookUp { rule: usize },
}

impl Asking {
    /// They have seen this, and it was not enough.
    pub(crate) fn after(content: Content<'_>) -> Asking {
        Asking::More {
            length: content.bytes.len(),
            is_final: content.is_final,
        }
    }

    /// Whether there is something that they have not seen.
    pub(crate) fn sees_more(self, content: Content<'_>) -> bool {
        match self {
            Asking::First | Asking::LookUp { .. } => true,
            Asking::More { length, is_final } => content.bytes.len() > length || content.is_final && !is_final,
        }
    }

    /// What the rules for contents say of this; that they wait, where nothing is new to them. When it `is_late`, a look-up is
    /// given up. One who has finished, or said all that there is room for, may still wait for it.
    pub(crate) fn ask<'a>(
        &mut self,
        cx: &mut Context<'_>,
        requests: &'a Requests,
        (content, is_late): (Content<'a>, bool),
        scene: &mut Scene<'a>,
    ) -> Verdict {
        scene.content = Some(content);
        scene.limiters = &requests.limiters;
        loop {
            let at = match *self {
                Asking::LookUp { rule } if !is_looked_up(cx, scene.subject, is_late) => {
                    return Verdict::LookUp { rule };
                }
                Asking::LookUp { rule } => Some(rule),
                Asking::More { .. } if !self.sees_more(content) => return Verdict::Wait,
                Asking::First | Asking::More { .. } => None,
            };
            let verdict = requests.content.go_on(at, &requests.acls, scene);
            *self = match verdict {
                Verdict::LookUp { rule } => Asking::LookUp { rule },
                Verdict::Wait => Asking::after(content),
                _ => Asking::First,
            };
            // A look-up may be over already.
            if !matches!(verdict, Verdict::LookUp { .. }) {
                return verdict;
            }
        }
    }
}

/// Whether the look-up that a rule waits for is over; for whoever may not wait any longer it is.
fn is_looked_up(cx: &mut Context<'_>, subject: &mut Subject, is_late: bool) -> bool {
    subject.awaited.as_mut().is_none_or(|awaited| {
        if is_late {
            awaited.give_up();
        }
        awaited.poll_over(cx).is_ready()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_to_whom() {
        let of = |length: usize, is_final| Content {
            bytes: &b"some bytes"[..length],
            is_final,
        };
        for (asking, content, expected) in [
            (Asking::First, of(0, false), true),
            (Asking::LookUp { rule: 1 }, of(0, false), true),
            (Asking::after(of(0, false)), of(0, false), false),
            (Asking::after(of(0, false)), of(1, false), true),
            (Asking::after(of(3, false)), of(3, false), false),
            (Asking::after(of(3, false)), of(3, true), true),
            (Asking::after(of(3, true)), of(3, true), false),
            (Asking::after(of(3, true)), of(4, true), true),
            // Time is up once; nobody is asked again because of it.
            (Asking::after(of(3, true)), of(3, false), false),
        ] {
            assert_eq!(asking.sees_more(content), expected, "{asking:?} {content:?}");
        }
    }
}
