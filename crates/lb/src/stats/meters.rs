//! The rates of one frontend, backend or server.

use tandem_lb_core::snapshot::Counters;
use tandem_lb_core::stats::{Field, Meter, figures};
use tandem_time::Mono;

use crate::counters::Traffic;

#[derive(Debug, Default)]
pub(super) struct Meters {
    pub(super) sessions: Meter,
    pub(super) bytes_in: Meter,
    pub(super) bytes_out: Meter,
}

impl Meters {
    /// Goes on from what an earlier process counted, once `of` holds that.
    pub(super) fn resume(&mut self, of: &Traffic, before: &Counters) {
        self.sessions.resume(of.sessions.total(), before.count(Field::RateMax));
        self.bytes_in.resume(of.bytes_in.now(), 0);
        self.bytes_out.resume(of.bytes_out.now(), 0);
    }

    pub(super) fn look(&mut self, at: &Traffic, now: Mono) {
        self.sessions.look(at.sessions.total(), now);
        self.bytes_in.look(at.bytes_in.now(), now);
        self.bytes_out.look(at.bytes_out.now(), now);
    }

    pub(super) fn forget_maxima(&mut self, of: &Traffic) {
        self.sessions.forget_max();
        of.sessions.forget_max();
    }

    pub(super) fn figures(&self, of: &Traffic, now: Mono) -> figures::Traffic {
        let (total, bytes_in, bytes_out) = (of.sessions.total(), of.bytes_in.now(), of.bytes_out.now());
        figures::Traffic {
            sessions: of.sessions.now(),
            sessions_max: of.sessions.max(),
            sessions_total: total,
            bytes_in,
            bytes_out,
            rate: self.sessions.rate(total, now),
            rate_max: self.sessions.max(total, now),
            bytes_in_rate: self.bytes_in.rate(bytes_in, now),
            bytes_out_rate: self.bytes_out.rate(bytes_out, now),
        }
    }
}
