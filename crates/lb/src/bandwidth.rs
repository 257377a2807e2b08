//! What slows a connection down, while it does. The arithmetic is `tandem_lb_core::bandwidth`'s.

use std::cell::Cell;
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tandem_lb_core::bandwidth::{Allowance, Among, Limiter, Quota, Way};
use tandem_lb_core::expr::Sample;
use tandem_lb_core::handover::Limit;
use tandem_lb_core::stick::{Counted, DataType, Key, Rate};
use tandem_sys::relay::{Endpoint, Stream};
use tandem_time::Mono;

use crate::directory::Directory;
use crate::tables::Table;

/// The limiters that rules have chosen for a connection.
#[derive(Debug, Default)]
pub(crate) struct Throttles(Vec<Throttle>);

#[derive(Debug)]
struct Throttle {
    limiter: Arc<Limiter>,
    quota: Quota,
    spent: Spent,
}

#[derive(Debug)]
enum Spent {
    Alone(Rate),
    /// With all who have this key.
    Among {
        table: Arc<Table>,
        key: Key<'static>,
        data: DataType,
    },
}

impl Throttles {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From now on this one holds, too; or anew, by what is said now.
    pub(crate) fn add(
        &mut self,
        limiter: &Arc<Limiter>,
        (limit, period): (Option<NonZero<u32>>, Option<Duration>),
        key: Option<Sample<'_>>,
        directory: &Directory,
    ) {
        let throttle = match &limiter.among {
            Among::Alone(usual) => Throttle {
                limiter: limiter.clone(),
                quota: Quota {
                    limit: limit.unwrap_or(usual.limit),
                    period: period.unwrap_or(usual.period),
                },
                spent: Spent::Alone(Rate::default()),
            },
            Among::Key { table, limit, .. } => {
                let table = directory.tables.named(table);
                let Some(key) = key.zip(table.as_ref()).and_then(|(key, table)| table.key(key)) else {
                    return;
                };
                let (Some(table), key) = (table, key.into_owned()) else {
                    return;
                };
                Throttle {
                    limiter: limiter.clone(),
                    // The table has the time.
                    quota: Quota {
                        limit: *limit,
                        period: Duration::ZERO,
                    },
                    spent: Spent::Among {
                        table,
                        key,
                        data: limiter.way.rate(),
                    },
                }
            }
        };
        let same = |known: &&mut Throttle| known.limiter.name == limiter.name && known.limiter.proxy == limiter.proxy;
        match self.0.iter_mut().find(same) {
            Some(Throttle {
                quota,
                spent: Spent::Alone(_),
                ..
            }) => *quota = throttle.quota,
            Some(known) => *known = throttle,
            None => self.0.push(throttle),
        }
    }

    /// What may be carried this way now; `None` where nobody says.
    pub(crate) fn allow(&self, way: Way, now: Mono) -> Option<Allowance> {
        let all = self.0.iter().filter(|throttle| throttle.limiter.way == way);
        all.filter_map(|throttle| throttle.allow(now)).reduce(Allowance::and)
    }

    /// Counts what was carried; what may be carried now is as of [`allow`](Throttles::allow).
    pub(crate) fn spend(&mut self, way: Way, bytes: u64, now: Mono) -> Option<Allowance> {
        let all = self.0.iter_mut().filter(|throttle| throttle.limiter.way == way);
        all.filter_map(|throttle| throttle.spend(bytes, now))
            .reduce(Allowance::and)
    }

    /// As another process must know them.
    pub(crate) fn known(&self) -> Vec<Limit> {
        self.0.iter().map(Throttle::known).collect()
    }

    /// Those of a connection that another process has led so far; those that are not configured any more are gone.
    pub(crate) fn of(limits: &[Limit], limiters: &[Arc<Limiter>], directory: &Directory) -> Throttles {
        let mut throttles = Throttles::default();
        for limit in limits {
            let is_it = |limiter: &&Arc<Limiter>| *limiter.name == *limit.name && *limiter.proxy == *limit.proxy;
            if let Some(limiter) = limiters.iter().find(is_it) {
                let said = (NonZero::new(limit.limit), Some(limit.period));
                throttles.add(limiter, said, limit.key.as_ref().map(Sample::borrow), directory);
            }
        }
        throttles
    }
}

impl Throttle {
    fn allow(&self, now: Mono) -> Option<Allowance> {
        match &self.spent {
            Spent::Alone(rate) => Some(self.quota.allows(*rate, self.limiter.least, now)),
            Spent::Among { table, key, data } => Some(self.of_all(table.rate(key, *data, now)?, now)),
        }
    }

    fn spend(&mut self, bytes: u64, now: Mono) -> Option<Allowance> {
        match &mut self.spent {
            Spent::Alone(rate) => {
                self.quota.spend(rate, bytes, now);
                self.allow(now)
            }
            // Others wait for the table: it is asked once.
            Spent::Among { table, key, data } => {
                let spent = table.spend(key, *data, bytes, now)?;
                Some(self.of_all(spent, now))
            }
        }
    }

    /// What those who share this rate may carry; the table has the time.
    fn of_all(&self, counted: Counted, now: Mono) -> Allowance {
        let Counted { rate, period, unit } = counted;
        let quota = Quota {
            limit: NonZero::new(self.quota.limit.get() / unit).unwrap_or(NonZero::<u32>::MIN),
            period: Duration::from_millis(period.into()),
        };
        match quota.allows(rate, self.limiter.least.div_ceil(unit), now) {
            Allowance::Bytes(units) => Allowance::Bytes(units.saturating_mul(unit)),
            wait => wait,
        }
    }

    fn known(&self) -> Limit {
        Limit {
            proxy: self.limiter.proxy.to_string(),
            name: self.limiter.name.to_string(),
            limit: self.quota.limit.get(),
            period: self.quota.period,
            key: match &self.spent {
                Spent::Alone(_) => None,
                Spent::Among { key, .. } => Some(key.sample().into_owned()),
            },
        }
    }
}

/// An end of which no more than so much is read, and then nothing: whoever reads on is woken by its timer.
pub(crate) struct Metered<'a, S> {
    inner: &'a S,
    left: Cell<Option<u32>>,
}

impl<'a, S> Metered<'a, S> {
    /// `None` is no limit.
    pub(crate) fn new(inner: &'a S, allowed: Option<Allowance>) -> Metered<'a, S> {
        let left = allowed.map(|allowed| match allowed {
            Allowance::Bytes(most) => most,
            Allowance::NotBefore(_) => 0,
        });
        Metered {
            inner,
            left: Cell::new(left),
        }
    }

    /// Whether more was wanted of it, perhaps, than might be read: nobody will say when there is more.
    pub(crate) fn is_spent(&self) -> bool {
        self.left.get() == Some(0)
    }
}

impl<S: Stream> Stream for Metered<'_, S> {
    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(left) = self.left.get() else {
            return self.inner.poll_read(cx, into);
        };
        if left == 0 {
            return Poll::Pending;
        }
        let most = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.inner.poll_read(cx, &mut into[..most]);
        if let Poll::Ready(Ok(read)) = &read {
            self.left
                .set(Some(left.saturating_sub(u32::try_from(*read).unwrap_or(u32::MAX))));
        }
        read
    }

    fn poll_write(&self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.inner.poll_write(cx, from)
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_flush(cx)
    }

    fn finish(&self) {
        self.inner.finish();
    }

    /// Every byte is counted.
    fn plain(&self) -> Option<&Endpoint> {
        None
    }
}
