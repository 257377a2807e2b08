//! What was counted between two looks at a process that others have succeeded, so that a successor can add it to its own.

use super::{BackendState, Counters, FrontendState, ListenerState, ProcessCounts, ServerState, Snapshot};
use crate::stats::histogram::Distributions;
use crate::stats::{Field, Kind, Nature};

impl Snapshot {
    /// What has come since an earlier look: of counts the difference, of what is a maximum the maximum. Averages and the
    /// state of servers, which the successor checks itself, are not in it; nor are stick tables.
    pub fn counted_since(&self, before: &Snapshot) -> Snapshot {
        let frontends = self.frontends.iter().map(|now| now.since(before.frontend(&now.name)));
        let backends = self.backends.iter().map(|now| now.since(before.backend(&now.name)));
        Snapshot {
            taken: self.taken,
            counts: ProcessCounts {
                tls: self.counts.tls.saturating_sub(before.counts.tls),
                ..self.counts
            },
            frontends: frontends.collect(),
            backends: backends.collect(),
            ..Snapshot::default()
        }
    }
}

impl Snapshot {
    /// Whether anything has come.
    pub fn has_counts(&self) -> bool {
        let frontends = self.frontends.iter().map(|f| (&f.counters, Kind::Frontend));
        let servers = self.backends.iter().flat_map(|b| &b.servers);
        let servers = servers.map(|s| (&s.counters, Kind::Server));
        let backends = self.backends.iter().map(|b| (&b.counters, Kind::Backend));
        let is_count = |kind| move |(field, _): (Field, u64)| field.tags(kind).nature == Nature::Counter;
        let mut all = frontends.chain(backends).chain(servers);
        all.any(|(counters, kind)| counters.iter().any(is_count(kind)))
            || self.tables.iter().any(|table| !table.entries.is_empty())
    }
}

impl FrontendState {
    fn since(&self, before: Option<&FrontendState>) -> FrontendState {
        let listener = |now: &ListenerState| {
            let before = before.and_then(|before| before.listener(&now.at));
            ListenerState {
                at: now.at.clone(),
                counters: now.counters.since(before, Kind::Listener),
            }
        };
        FrontendState {
            counters: self.counters.since(before.map(|b| &b.counters), Kind::Frontend),
            listeners: self.listeners.iter().map(listener).collect(),
            ..FrontendState::new(self.name.clone())
        }
    }
}

impl BackendState {
    fn since(&self, before: Option<&BackendState>) -> BackendState {
        let server = |now: &ServerState| {
            let before = before.and_then(|before| before.server(&now.name));
            ServerState {
                counters: now.counters.since(before.map(|b| &b.counters), Kind::Server),
                last_session: now.last_session,
                spread: now.spread.as_deref().map(|spread| {
                    let before = before.and_then(|before| before.spread.as_deref());
                    Box::new(spread_since(spread, before))
                }),
                ..ServerState::new(now.name.clone(), now.id)
            }
        };
        BackendState {
            counters: self.counters.since(before.map(|b| &b.counters), Kind::Backend),
            last_session: self.last_session,
            servers: self.servers.iter().map(server).collect(),
            ..BackendState::new(self.name.clone())
        }
    }
}

impl Counters {
    fn since(&self, before: Option<&Counters>, kind: Kind) -> Counters {
        let grown = |(field, count): (Field, u64)| {
            // Checks, and what comes of them, are the successor's.
            if matches!(
                field,
                Field::Chkfail | Field::Chkdown | Field::Downtime | Field::Hanafail
            ) {
                return None;
            }
            match field.tags(kind).nature {
                Nature::Counter => {
                    let before = before.map_or(0, |before| before.count(field));
                    Some((field, count.saturating_sub(before))).filter(|(_, count)| *count > 0)
                }
                Nature::Max => Some((field, count)),
                _ => None,
            }
        };
        Counters(self.iter().filter_map(grown).collect())
    }
}

fn spread_since(now: &Distributions, before: Option<&Distributions>) -> Distributions {
    let mut grown = *now;
    for (grown, before) in grown.iter_mut().zip(before.into_iter().flatten()) {
        grown.sum = grown.sum.saturating_sub(before.sum);
        for (count, before) in grown.counts.iter_mut().zip(&before.counts) {
            *count = count.saturating_sub(*before);
        }
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerId;

    fn counters(counts: &[(Field, u64)]) -> Counters {
        let mut counters = Counters::default();
        counts.iter().for_each(|(field, count)| counters.set(*field, *count));
        counters
    }

    fn snapshot(bytes: u64, downs: u64) -> Snapshot {
        let mut server = ServerState::new("s".into(), ServerId(1));
        server.counters = counters(&[
            (Field::Bin, bytes),
            (Field::Smax, 3),
            (Field::Chkdown, downs),
            (Field::Ttime, 50),
        ]);
        let mut spread = Distributions::default();
        spread[0].sum = bytes;
        spread[0].counts[2] = bytes;
        server.spread = Some(Box::new(spread));
        let mut backend = BackendState::new("be".into());
        backend.servers.push(server);
        Snapshot {
            backends: vec![backend],
            ..Snapshot::default()
        }
    }

    #[test]
    fn counts_grow_and_maxima_stay() {
        let since = snapshot(70, 5).counted_since(&snapshot(50, 2));
        let server = &since.backends[0].servers[0];
        assert_eq!(server.counters, counters(&[(Field::Bin, 20), (Field::Smax, 3)]));
        let spread = server
            .spread
            .as_deref()
            .map(|spread| (spread[0].sum, spread[0].counts[2]));
        assert_eq!(spread, Some((20, 20)));
        // A server that was not known then has counted all since.
        let since = snapshot(70, 5).counted_since(&Snapshot::default());
        assert_eq!(since.backends[0].servers[0].counters.count(Field::Bin), 70);
    }
}
