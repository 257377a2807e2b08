//! The process as a whole: what it is, and `show info`.

use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::stats::{Info, InfoField};
use tandem_ops::clock::Wall;
use tandem_sys::relay::Pipes;

use crate::admission::Limit;
use crate::tls::Told;

/// What it calls itself: clients compare the first numbers with versions of HAProxy to know what it can do.
pub(crate) const VERSION: &str = concat!("2.6.12-tandem-", env!("CARGO_PKG_VERSION"));
pub(crate) const RELEASED: &str = "2026/11/21";

/// What does not change while it runs.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) description: Option<String>,
    pub(crate) workers: usize,
    /// What an operator may have changed since.
    pub(crate) limit: Limit,
    /// Of a frontend that does not say.
    pub(crate) frontend_maxconn: u32,
    /// Files that may be open.
    pub(crate) files: u64,
    /// The connections that so many files allow.
    pub(crate) hard_maxconn: u32,
    pub(crate) listeners: usize,
    pub(crate) started: Wall,
    /// What there was to say of the configuration at the start.
    pub(crate) said: Arc<str>,
}

/// The figures of one moment.
pub(super) struct Now<'a> {
    pub(super) node: &'a str,
    pub(super) uptime: Duration,
    pub(super) sessions: u32,
    pub(super) total: u64,
    pub(super) rate: u64,
    pub(super) rate_max: u64,
    pub(super) bytes: u64,
    pub(super) byte_rate: u64,
    pub(super) tasks: usize,
    pub(super) idle_percent: u32,
    pub(super) is_stopping: bool,
    /// How many there are, and how many are connected.
    pub(super) peers: (usize, usize),
    pub(super) tls: Told,
    pub(super) pipes: &'a Pipes,
}

impl Process {
    pub(super) fn info(&self, now: &Now<'_>) -> Info {
        let mut info = Info::new();
        let seconds = now.uptime.as_secs();
        let texts = [
            (InfoField::Name, "HAProxy"),
            (InfoField::Version, VERSION),
            (InfoField::ReleaseDate, RELEASED),
            (InfoField::BuildInfo, VERSION),
            (InfoField::Node, now.node),
        ];
        texts.into_iter().for_each(|(field, text)| info.set(field, text));
        if let Some(description) = &self.description {
            info.set(InfoField::Description, description.as_str());
        }
        info.set(InfoField::Uptime, uptime(seconds));
        let paces = self.limit.paces();
        let numbers = [
            (InfoField::Nbthread, self.workers as u64),
            (InfoField::Pid, u64::from(std::process::id())),
            (InfoField::UptimeSec, seconds),
            (InfoField::UlimitN, self.files),
            (InfoField::Maxsock, self.files),
            (InfoField::Maxconn, u64::from(self.limit.most())),
            (InfoField::HardMaxconn, u64::from(self.hard_maxconn)),
            (InfoField::CurrConns, u64::from(now.sessions)),
            (InfoField::CumConns, now.total),
            (InfoField::CumReq, now.total),
            (InfoField::ConnRate, now.rate),
            (InfoField::ConnRateLimit, u64::from(paces.connections.most.now())),
            (InfoField::MaxConnRate, now.rate_max),
            (InfoField::SessRate, now.rate),
            (InfoField::SessRateLimit, u64::from(paces.sessions.most.now())),
            (InfoField::MaxSessRate, now.rate_max),
            (InfoField::MaxSslConns, u64::from(now.tls.most)),
            (InfoField::CurrSslConns, u64::from(now.tls.now)),
            (InfoField::CumSslConns, now.tls.total),
            (InfoField::SslRate, u64::from(now.tls.rate)),
            (InfoField::SslRateLimit, u64::from(paces.tls.most.now())),
            (InfoField::MaxSslRate, u64::from(now.tls.rate_max)),
            (InfoField::SslFrontendKeyRate, u64::from(now.tls.client_keys)),
            (InfoField::SslFrontendMaxKeyRate, u64::from(now.tls.client_keys_max)),
            (
                InfoField::SslFrontendSessionReusePct,
                u64::from(now.tls.resumed_percent),
            ),
            (InfoField::SslBackendKeyRate, u64::from(now.tls.server_keys)),
            (InfoField::SslBackendMaxKeyRate, u64::from(now.tls.server_keys_max)),
            (InfoField::Tasks, now.tasks as u64),
            (InfoField::IdlePct, u64::from(now.idle_percent)),
            (InfoField::Stopping, u64::from(now.is_stopping)),
            (InfoField::Jobs, u64::from(now.sessions) + self.listeners as u64),
            (InfoField::Listeners, self.listeners as u64),
            (InfoField::ActivePeers, now.peers.0 as u64),
            (InfoField::ConnectedPeers, now.peers.1 as u64),
            (InfoField::StartTimeSec, u64::try_from(self.started.secs()).unwrap_or(0)),
            (InfoField::Maxpipes, now.pipes.most() as u64),
            (InfoField::PipesUsed, now.pipes.used() as u64),
            (InfoField::PipesFree, now.pipes.free() as u64),
            (InfoField::CurrStreams, u64::from(now.sessions)),
            (InfoField::CumStreams, now.total),
        ];
        for (field, number) in numbers {
            info.set(field, u32::try_from(number).unwrap_or(u32::MAX));
        }
        info.set(InfoField::TotalBytesOut, now.bytes);
        info.set(InfoField::TotalSplicedBytesOut, now.pipes.carried());
        info.set(InfoField::BytesOutRate, now.byte_rate);
        let memory = memory();
        let megabytes = u32::try_from(memory / (1024 * 1024)).unwrap_or(u32::MAX);
        info.set(InfoField::PoolAllocMb, megabytes);
        info.set(InfoField::PoolUsedMb, megabytes);
        info.set(InfoField::PoolAllocBytes, memory);
        info.set(InfoField::PoolUsedBytes, memory);
        info
    }
}

/// The bytes of its own that the process has in memory: there are no pools beside the allocator.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// `0d 0h00m05s`: monitoring parses it.
pub(crate) fn uptime(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    format!(
        "{}d {}h{:02}m{:02}s",
        hours / 24,
        hours % 24,
        minutes % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_as_haproxy_writes_it() {
        assert_eq!(uptime(5), "0d 0h00m05s");
        assert_eq!(uptime(93_784), "1d 2h03m04s");
    }
}
