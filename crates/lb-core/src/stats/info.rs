//! `show info`: what the process as a whole says, in HAProxy's names and order (reference 3.5).
//!
//! No value holds a colon: clients split lines at colons.

use super::tag::{Nature, Origin, Scope, Tags};
use super::value::Value;
use super::write::{json_string, quoted, tags_and_value};
use std::fmt::Write;

macro_rules! fields {
    ($($variant:ident, $name:literal, $origin:ident $nature:ident $scope:ident, $about:literal;)*) => {
        /// One line. Its number as an enum is its position.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum InfoField { $($variant),* }

        const TABLE: &[(InfoField, &str, Tags, &str)] = &[
            $((InfoField::$variant, $name, Tags::new(Origin::$origin, Nature::$nature, Scope::$scope), $about)),*
        ];
    };
}

fields! {
    Name, "Name", Product Output Service, "what this is";
    Version, "Version", Product Output Service, "the version of HAProxy that it behaves like, and its own";
    ReleaseDate, "Release_date", Product Output Service, "when that was";
    Nbthread, "Nbthread", Config Gauge Service, "worker threads";
    Nbproc, "Nbproc", Config Gauge Service, "worker processes, always 1";
    ProcessNum, "Process_num", Key Gauge Process, "always 1";
    Pid, "Pid", Status Gauge Process, "the process id";
    Uptime, "Uptime", Metric Duration Process, "time since the start";
    UptimeSec, "Uptime_sec", Metric Duration Process, "seconds since the start";
    MemmaxMb, "Memmax_MB", Config Limit Process, "limit on memory; 0 is none";
    PoolAllocMb, "PoolAlloc_MB", Metric Gauge Process, "memory held";
    PoolUsedMb, "PoolUsed_MB", Metric Gauge Process, "memory in use";
    PoolFailed, "PoolFailed", Metric Counter Process, "allocations that failed";
    UlimitN, "Ulimit-n", Config Limit Process, "files that may be open";
    Maxsock, "Maxsock", Config Limit Process, "sockets that may be open";
    Maxconn, "Maxconn", Config Limit Process, "client connections that may be open";
    HardMaxconn, "Hard_maxconn", Config Limit Process, "the same, as the files allow";
    CurrConns, "CurrConns", Metric Gauge Process, "client connections now";
    CumConns, "CumConns", Metric Counter Process, "client connections so far";
    CumReq, "CumReq", Metric Counter Process, "requests so far; each TCP session is one";
    MaxSslConns, "MaxSslConns", Metric Max Process, "limit on TLS connections";
    CurrSslConns, "CurrSslConns", Metric Gauge Process, "TLS connections now";
    CumSslConns, "CumSslConns", Metric Counter Process, "TLS connections so far";
    Maxpipes, "Maxpipes", Config Limit Process, "limit on pipes";
    PipesUsed, "PipesUsed", Metric Gauge Process, "pipes in use";
    PipesFree, "PipesFree", Metric Gauge Process, "pipes kept for use";
    ConnRate, "ConnRate", Metric Rate Process, "connections in the last second";
    ConnRateLimit, "ConnRateLimit", Config Limit Process, "limit on those; 0 is none";
    MaxConnRate, "MaxConnRate", Metric Max Process, "the most in one second so far";
    SessRate, "SessRate", Metric Rate Process, "sessions in the last second";
    SessRateLimit, "SessRateLimit", Config Limit Process, "limit on those; 0 is none";
    MaxSessRate, "MaxSessRate", Metric Rate Process, "the most in one second so far";
    SslRate, "SslRate", Metric Rate Process, "TLS connections in the last second";
    SslRateLimit, "SslRateLimit", Config Limit Process, "limit on those; 0 is none";
    MaxSslRate, "MaxSslRate", Metric Max Process, "the most in one second so far";
    SslFrontendKeyRate, "SslFrontendKeyRate", Metric Gauge Process, "TLS keys of clients in the last second";
    SslFrontendMaxKeyRate, "SslFrontendMaxKeyRate", Metric Max Process, "the most in one second so far";
    SslFrontendSessionReusePct, "SslFrontendSessionReuse_pct", Metric Gauge Process, "percent of TLS sessions used again";
    SslBackendKeyRate, "SslBackendKeyRate", Metric Rate Process, "TLS keys of servers in the last second";
    SslBackendMaxKeyRate, "SslBackendMaxKeyRate", Metric Max Process, "the most in one second so far";
    SslCacheLookups, "SslCacheLookups", Metric Counter Process, "questions to the TLS session cache";
    SslCacheMisses, "SslCacheMisses", Metric Counter Process, "questions that it could not answer";
    CompressBpsIn, "CompressBpsIn", Metric Rate Process, "bytes into compression in the last second";
    CompressBpsOut, "CompressBpsOut", Metric Rate Process, "bytes out of compression in the last second";
    CompressBpsRateLim, "CompressBpsRateLim", Config Limit Process, "limit on those; 0 is none";
    ZlibMemUsage, "ZlibMemUsage", Metric Gauge Process, "memory of zlib";
    MaxZlibMemUsage, "MaxZlibMemUsage", Config Limit Process, "limit on memory of zlib";
    Tasks, "Tasks", Metric Gauge Process, "tasks";
    RunQueue, "Run_queue", Metric Gauge Process, "tasks that wait for the processor";
    IdlePct, "Idle_pct", Metric Avg Process, "percent of the last second without work";
    Node, "node", Config Output Service, "the name of this node";
    Description, "description", Config Output Service, "what this node is for";
    Stopping, "Stopping", Metric Gauge Process, "1 when it stops";
    Jobs, "Jobs", Metric Gauge Process, "connections and listeners now";
    UnstoppableJobs, "Unstoppable Jobs", Metric Gauge Process, "those that no stop waits for";
    Listeners, "Listeners", Metric Gauge Process, "listeners now";
    ActivePeers, "ActivePeers", Metric Gauge Process, "peers that work";
    ConnectedPeers, "ConnectedPeers", Metric Gauge Process, "peers that are connected";
    DroppedLogs, "DroppedLogs", Metric Gauge Process, "log lines that were lost";
    BusyPolling, "BusyPolling", Metric Gauge Process, "always 0";
    FailedResolutions, "FailedResolutions", Metric Gauge Process, "names that could not be resolved";
    TotalBytesOut, "TotalBytesOut", Metric Gauge Process, "bytes sent so far";
    TotalSplicedBytesOut, "TotalSplicedBytesOut", Metric Gauge Process, "bytes that the kernel moved";
    BytesOutRate, "BytesOutRate", Metric Rate Process, "bytes sent in the last second";
    DebugCommandsIssued, "DebugCommandsIssued", Metric Gauge Process, "always 0";
    CumRecvLogs, "CumRecvLogs", Metric Counter Process, "log lines received";
    BuildInfo, "Build info", Product Output Service, "the version of this build";
    MemmaxBytes, "Memmax_bytes", Config Limit Process, "limit on memory; 0 is none";
    PoolAllocBytes, "PoolAlloc_bytes", Metric Gauge Process, "memory held";
    PoolUsedBytes, "PoolUsed_bytes", Metric Gauge Process, "memory in use";
    StartTimeSec, "Start_time_sec", Metric Duration Process, "when it started, in seconds since 1970";
    Tainted, "Tainted", Status Gauge Process, "0 when nothing experimental was used";
    TotalWarnings, "TotalWarnings", Metric Counter Process, "warnings so far";
    MaxconnReached, "MaxconnReached", Metric Counter Process, "how often the limit on connections was reached";
    BootTimeMs, "BootTime_ms", Metric Duration Process, "how long the start took";
    NicedTasks, "Niced_tasks", Metric Gauge Process, "always 0";
    CurrStreams, "CurrStreams", Metric Gauge Process, "sessions now";
    CumStreams, "CumStreams", Metric Counter Process, "sessions so far";
    BlockedTrafficWarnings, "BlockedTrafficWarnings", Metric Counter Process, "always 0";
    PatternsAdded, "PatternsAdded", Metric Counter Process, "always 0";
    PatternsFreed, "PatternsFreed", Metric Counter Process, "always 0";
    NbThreadGroups, "NbThreadGroups", Config Gauge Service, "always 1";
}

/// The values of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    values: Vec<Option<Value>>,
}

impl InfoField {
    pub fn all() -> impl Iterator<Item = InfoField> {
        TABLE.iter().map(|row| row.0)
    }

    pub fn position(self) -> usize {
        self as usize
    }

    pub fn name(self) -> &'static str {
        TABLE[self.position()].1
    }

    pub fn tags(self) -> Tags {
        TABLE[self.position()].2
    }

    /// What it says, in a few words.
    pub fn about(self) -> &'static str {
        TABLE[self.position()].3
    }
}

impl Info {
    /// Everything that a TCP balancer without compression has none of is 0 already.
    pub fn new() -> Info {
        let mut info = Info {
            values: vec![None; TABLE.len()],
        };
        let absent = [
            InfoField::ZlibMemUsage,
            InfoField::MaxZlibMemUsage,
            InfoField::Node,
            InfoField::Description,
        ];
        for field in InfoField::all().filter(|f| !absent.contains(f)) {
            info.set(field, 0u32);
        }
        for field in [InfoField::Nbproc, InfoField::ProcessNum, InfoField::NbThreadGroups] {
            info.set(field, 1u32);
        }
        info.set(InfoField::Tainted, "0");
        info
    }

    pub fn set(&mut self, field: InfoField, value: impl Into<Value>) {
        self.values[field.position()] = Some(value.into());
    }

    /// As if it had never been set.
    pub fn forget(&mut self, field: InfoField) {
        self.values[field.position()] = None;
    }

    /// Times with their fractions, in microseconds, and rates as numbers that may have one: `show info float`.
    pub fn say_fractions(&mut self, uptime: u64, start: u64) {
        let rates = [
            InfoField::ConnRate,
            InfoField::SessRate,
            InfoField::SslRate,
            InfoField::SslFrontendKeyRate,
            InfoField::SslFrontendSessionReusePct,
            InfoField::SslBackendKeyRate,
            InfoField::CompressBpsIn,
            InfoField::CompressBpsOut,
        ];
        for field in rates {
            let whole = u64::try_from(self.number(field)).unwrap_or(0);
            self.set(field, Value::Float(whole.saturating_mul(1_000_000)));
        }
        self.set(InfoField::UptimeSec, Value::Float(uptime));
        self.set(InfoField::StartTimeSec, Value::Float(start));
    }

    pub fn value(&self, field: InfoField) -> Option<&Value> {
        self.values[field.position()].as_ref()
    }

    /// The number of a field; 0 when it has none.
    pub fn number(&self, field: InfoField) -> i128 {
        self.value(field).and_then(Value::number).unwrap_or(0)
    }

    /// The fields that have a value, in order.
    pub fn values(&self) -> impl Iterator<Item = (InfoField, &Value)> {
        InfoField::all().filter_map(|field| self.value(field).map(|value| (field, value)))
    }

    /// `Name: value` lines. `described` adds what each means, in quotes.
    pub fn text(&self, described: bool) -> String {
        self.lines(described, |out, field, value| {
            let _ = write!(out, "{}: {value}", field.name());
        })
    }

    pub fn typed(&self, described: bool) -> String {
        self.lines(described, |out, field, value| {
            let [origin, nature, scope] = field.tags().letters();
            let _ = write!(
                out,
                "{}.{}.1:{origin}{nature}{scope}:{}:{}",
                field.position(),
                field.name(),
                value.kind(),
                quoted(&value.to_string())
            );
        })
    }

    pub fn json(&self) -> String {
        let object = |(field, value): (InfoField, &Value)| {
            format!(
                "{{\"field\":{{\"pos\":{},\"name\":{}}},{}",
                field.position(),
                json_string(field.name()),
                tags_and_value(field.tags(), value)
            )
        };
        let objects: Vec<String> = self.values().map(object).collect();
        format!("[{}]", objects.join(","))
    }

    fn lines(&self, described: bool, line: impl Fn(&mut String, InfoField, &Value)) -> String {
        let mut out = String::new();
        for (field, value) in self.values() {
            line(&mut out, field, value);
            if described {
                // Writing into a string cannot fail.
                let _ = write!(out, ":\"{}\"", field.about());
            }
            out.push('\n');
        }
        out
    }
}

impl Default for Info {
    fn default() -> Info {
        Info::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_each_form() {
        let mut info = Info::new();
        info.set(InfoField::Name, "n");
        info.set(InfoField::UptimeSec, 7u32);
        assert!(info.text(false).starts_with("Name: n\nVersion: 0\n"));
        assert!(info.text(true).contains("Uptime_sec: 7:\"seconds since the start\"\n"));
        assert!(info.typed(false).contains("8.Uptime_sec.1:MDP:u32:7\n"));
        assert!(
            info.json()
                .starts_with("[{\"field\":{\"pos\":0,\"name\":\"Name\"},\"processNum\":1,\"tags\":{")
        );
        assert!(!info.text(false).contains("node"));
        info.set(InfoField::ConnRate, 3u32);
        info.say_fractions(7_250_000, 5_000_001);
        let text = info.typed(false);
        for line in [
            "8.Uptime_sec.1:MDP:flt:7.25",
            "26.ConnRate.1:MRP:flt:3",
            "Start_time_sec.1:MDP:flt:5.000001",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line}: {text}");
        }
    }

    #[test]
    fn descriptions_hold_no_colon() {
        assert!(InfoField::all().all(|f| !f.about().contains([':', '"'])));
    }
}
