//! A look at what connections there are, beside the control loop: where there are many, the kernel takes its time over them.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::flows::{self, Counts};

/// A look that takes long comes less often, so that looking is never what this host is busy with.
const SHARE: u32 = 10;

/// But not so seldom that the kernel removes what it is about.
const REST: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Glance {
    under_way: Option<(Instant, JoinHandle<io::Result<Counts>>)>,
    /// Not before then.
    rests: Option<Instant>,
    /// Why the kernel did not say what there is, the last time.
    trouble: Option<String>,
}

impl Glance {
    /// At all of them at once.
    pub(super) fn begin(&mut self, addresses: BTreeSet<IpAddr>) {
        let begun = Instant::now();
        if self.under_way.is_none() && self.rests.is_none_or(|until| until <= begun) && !addresses.is_empty() {
            self.under_way = Some((begun, tokio::task::spawn_local(flows::count(addresses))));
        }
    }

    /// What was there; never without a look.
    pub(super) async fn seen(&mut self) -> io::Result<Counts> {
        let Some((begun, task)) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let seen = task.await;
        let took: Duration = begun.elapsed();
        self.under_way = None;
        self.rests = Some(Instant::now() + (took * SHARE).min(REST));
        seen.map_err(io::Error::other)?
    }

    /// Why it is not known what there is: once when that begins, and again when it is for another reason.
    pub(super) fn trouble(&mut self, seen: &io::Result<Counts>) -> Option<String> {
        let trouble = seen.as_ref().err().map(ToString::to_string);
        let is_new = trouble != self.trouble;
        self.trouble.clone_from(&trouble);
        trouble.filter(|_| is_new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_unknown_is_said_once() {
        let mut glance = Glance::default();
        let mut told = |seen: io::Result<Counts>| glance.trouble(&seen);
        let unknown = |why: &str| Err(io::Error::other(why.to_owned()));
        assert_eq!(told(unknown("no memory")).as_deref(), Some("no memory"));
        assert_eq!(told(unknown("no memory")), None);
        assert_eq!(told(unknown("not ours")).as_deref(), Some("not ours"));
        assert_eq!(told(Ok(Counts::default())), None);
        assert_eq!(told(unknown("not ours")).as_deref(), Some("not ours"));
    }
}
