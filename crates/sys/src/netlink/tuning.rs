//! What a route tells TCP and IP about the way (ip-route(8): mtu, advmss, rtt and so on).

use rtnetlink::packet_route::route::RouteMetric;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tuning {
    pub numbers: Vec<(Tuned, u32)>,
    /// What the kernel is not to change by itself.
    pub locked: Vec<Tuned>,
    /// TCP's congestion control.
    pub congestion: Option<String>,
}

/// The kernel's own numbers are those of `RTAX_…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuned {
    Mtu = 2,
    Window = 3,
    Rtt = 4,
    RttVar = 5,
    SsThresh = 6,
    Cwnd = 7,
    Advmss = 8,
    Reordering = 9,
    Hoplimit = 10,
    InitCwnd = 11,
    /// A set of bits; 1 is ECN.
    Features = 12,
    RtoMin = 13,
    InitRwnd = 14,
    QuickAck = 15,
    FastopenNoCookie = 17,
}

impl Tuned {
    /// As iproute2 calls them.
    const NAMES: [(&'static str, Tuned); 15] = [
        ("mtu", Tuned::Mtu),
        ("window", Tuned::Window),
        ("rtt", Tuned::Rtt),
        ("rttvar", Tuned::RttVar),
        ("ssthresh", Tuned::SsThresh),
        ("cwnd", Tuned::Cwnd),
        ("advmss", Tuned::Advmss),
        ("reordering", Tuned::Reordering),
        ("hoplimit", Tuned::Hoplimit),
        ("initcwnd", Tuned::InitCwnd),
        ("features", Tuned::Features),
        ("rto_min", Tuned::RtoMin),
        ("initrwnd", Tuned::InitRwnd),
        ("quickack", Tuned::QuickAck),
        ("fastopen_no_cookie", Tuned::FastopenNoCookie),
    ];

    pub fn named(name: &str) -> Option<Tuned> {
        let known = Self::NAMES.iter().find(|(known, _)| *known == name);
        known.map(|(_, tuned)| *tuned)
    }

    const fn message(self, value: u32) -> RouteMetric {
        match self {
            Self::Mtu => RouteMetric::Mtu(value),
            Self::Window => RouteMetric::Window(value),
            Self::Rtt => RouteMetric::Rtt(value),
            Self::RttVar => RouteMetric::RttVar(value),
            Self::SsThresh => RouteMetric::SsThresh(value),
            Self::Cwnd => RouteMetric::Cwnd(value),
            Self::Advmss => RouteMetric::Advmss(value),
            Self::Reordering => RouteMetric::Reordering(value),
            Self::Hoplimit => RouteMetric::Hoplimit(value),
            Self::InitCwnd => RouteMetric::InitCwnd(value),
            Self::Features => RouteMetric::Features(value),
            Self::RtoMin => RouteMetric::RtoMin(value),
            Self::InitRwnd => RouteMetric::InitRwnd(value),
            Self::QuickAck => RouteMetric::QuickAck(value),
            Self::FastopenNoCookie => RouteMetric::FastopenNoCookie(value),
        }
    }
}

impl Tuning {
    pub(super) fn message(&self) -> Option<Vec<RouteMetric>> {
        let lock = self.locked.iter().fold(0, |bits, tuned| bits | 1 << *tuned as u32);
        let lock = (lock != 0).then_some(RouteMetric::Lock(lock));
        let numbers = self.numbers.iter().map(|(tuned, value)| tuned.message(*value));
        let congestion = self.congestion.clone().map(RouteMetric::CcAlgo);
        let all: Vec<RouteMetric> = lock.into_iter().chain(numbers).chain(congestion).collect();
        (!all.is_empty()).then_some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_bits_by_number() {
        let tuning = Tuning {
            numbers: vec![(Tuned::Mtu, 1400), (Tuned::Advmss, 1360)],
            locked: vec![Tuned::Mtu],
            congestion: None,
        };
        let expected = [RouteMetric::Lock(4), RouteMetric::Mtu(1400), RouteMetric::Advmss(1360)];
        assert_eq!(tuning.message().as_deref(), Some(&expected[..]));
        assert_eq!(Tuning::default().message(), None);
        assert_eq!(Tuned::named("initrwnd"), Some(Tuned::InitRwnd));
        assert_eq!(Tuned::named("nothing"), None);
    }
}
