//! The names of the metrics, their types and the fields behind them.

use super::super::{Field, InfoField, Kind, Row};
use super::exposition::Format;
use Form::{Agent, Answers, Check, Checks, Code, Http, Millis, OrNan, Plain, Servers, Status};
use Type::{Counter, Gauge};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Counter,
    Gauge,
    Histogram,
    /// Of what is there now, so that its figures may go down.
    GaugeHistogram,
    /// Constant, and all in its labels.
    Info,
}

/// How a field becomes samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    /// A limit that is not set is not a number, and neither is what checks count where none runs. They are shown all the same.
    OrNan,
    /// Of a check: 0 where its answer had none.
    Code,
    /// Only of proxies that speak HTTP.
    Http,
    /// Milliseconds in the field, seconds in the metric.
    Millis,
    /// One sample for each class of answers.
    Answers,
    /// One sample for each state that the row may be in.
    Status,
    Check,
    /// The same of an agent.
    Agent,
    /// One sample for each state that the backend's servers may be in.
    Servers,
    Checks,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Metric {
    pub field: Field,
    pub name: &'static str,
    pub of: Type,
    pub form: Form,
}

impl Type {
    /// Prometheus' own format knows no info, and one kind of histogram.
    pub(super) fn word(self, format: Format) -> &'static str {
        match (self, format) {
            (Counter, _) => "counter",
            (Type::GaugeHistogram, Format::OpenMetrics) => "gaugehistogram",
            (Type::Histogram | Type::GaugeHistogram, _) => "histogram",
            (Type::Info, Format::OpenMetrics) => "info",
            (Gauge | Type::Info, _) => "gauge",
        }
    }
}

impl Metric {
    /// Whether this row has samples of it.
    pub(super) fn is_in(&self, row: &Row) -> bool {
        match self.form {
            OrNan | Status => true,
            // Only of a backend with servers it is known for how long it was down.
            Servers | Checks => row.value(Field::Downtime).is_some(),
            Http => row.text(Field::Mode) == "http" && row.value(self.field).is_some(),
            Code => !row.text(Field::CheckStatus).is_empty(),
            Plain | Millis | Answers | Check | Agent => row.value(self.field).is_some(),
        }
    }

    /// A server says with its status that it is active, so these two are the backend's.
    pub(super) fn is_of(&self, kind: Kind) -> bool {
        let of_backend_only = matches!(self.field, Field::Act | Field::Bck);
        self.field.is_of(kind) && !(of_backend_only && kind == Kind::Server)
    }
}

const fn metric(field: Field, name: &'static str, of: Type, form: Form) -> Metric {
    Metric { field, name, of, form }
}

/// Of frontends, backends and servers; the field says which of them have it.
pub(super) const METRICS: &[Metric] = &[
    metric(Field::Scur, "current_sessions", Gauge, Plain),
    metric(Field::Smax, "max_sessions", Gauge, Plain),
    metric(Field::Slim, "limit_sessions", Gauge, OrNan),
    metric(Field::Stot, "sessions_total", Counter, Plain),
    metric(Field::Bin, "bytes_in_total", Counter, Plain),
    metric(Field::Bout, "bytes_out_total", Counter, Plain),
    metric(Field::Dreq, "requests_denied_total", Counter, Plain),
    metric(Field::Dresp, "responses_denied_total", Counter, Plain),
    metric(Field::Ereq, "request_errors_total", Counter, Plain),
    metric(Field::Qcur, "current_queue", Gauge, Plain),
    metric(Field::Qmax, "max_queue", Gauge, Plain),
    metric(Field::Econ, "connection_errors_total", Counter, Plain),
    metric(Field::Eresp, "response_errors_total", Counter, Plain),
    metric(Field::Wretr, "retry_warnings_total", Counter, Plain),
    metric(Field::Wredis, "redispatch_warnings_total", Counter, Plain),
    metric(Field::Status, "status", Gauge, Status),
    metric(Field::Weight, "weight", Gauge, Plain),
    metric(Field::Act, "active_servers", Gauge, Plain),
    metric(Field::Bck, "backup_servers", Gauge, Plain),
    metric(Field::Chkfail, "check_failures_total", Counter, OrNan),
    metric(Field::Chkdown, "check_up_down_total", Counter, OrNan),
    metric(Field::Lastchg, "check_last_change_seconds", Gauge, Plain),
    metric(Field::Downtime, "downtime_seconds_total", Counter, OrNan),
    metric(Field::Qlimit, "queue_limit", Gauge, OrNan),
    metric(Field::Throttle, "current_throttle", Gauge, OrNan),
    metric(Field::Lbtot, "loadbalanced_total", Counter, Plain),
    metric(Field::RateLim, "limit_session_rate", Gauge, Plain),
    metric(Field::Rate, "current_session_rate", Gauge, Plain),
    metric(Field::RateMax, "max_session_rate", Gauge, Plain),
    metric(Field::CheckStatus, "check_status", Gauge, Check),
    metric(Field::CheckCode, "check_code", Gauge, Code),
    metric(Field::CheckDuration, "check_duration_seconds", Gauge, Millis),
    metric(Field::AgentStatus, "agent_status", Gauge, Agent),
    metric(Field::AgentCode, "agent_code", Gauge, Plain),
    metric(Field::AgentDuration, "agent_duration_seconds", Gauge, Millis),
    metric(Field::Hrsp1xx, "http_responses_total", Counter, Answers),
    metric(Field::ReqRateMax, "http_requests_rate_max", Gauge, Http),
    metric(Field::ReqTot, "http_requests_total", Counter, Http),
    metric(Field::CliAbrt, "client_aborts_total", Counter, Plain),
    metric(Field::SrvAbrt, "server_aborts_total", Counter, Plain),
    metric(Field::CompIn, "http_comp_bytes_in_total", Counter, Http),
    metric(Field::CompOut, "http_comp_bytes_out_total", Counter, Http),
    metric(Field::CompByp, "http_comp_bytes_bypassed_total", Counter, Http),
    metric(Field::CompRsp, "http_comp_responses_total", Counter, Http),
    metric(Field::Lastsess, "last_session_seconds", Gauge, Plain),
    metric(Field::Qtime, "queue_time_average_seconds", Gauge, Millis),
    metric(Field::Ctime, "connect_time_average_seconds", Gauge, Millis),
    metric(Field::Rtime, "response_time_average_seconds", Gauge, Millis),
    metric(Field::Ttime, "total_time_average_seconds", Gauge, Millis),
    metric(Field::ConnRateMax, "connections_rate_max", Gauge, Plain),
    metric(Field::ConnTot, "connections_total", Counter, Plain),
    metric(Field::Intercepted, "intercepted_requests_total", Counter, Plain),
    metric(Field::Dcon, "denied_connections_total", Counter, Plain),
    metric(Field::Dses, "denied_sessions_total", Counter, Plain),
    metric(Field::Wrew, "failed_header_rewriting_total", Counter, Plain),
    metric(Field::Connect, "connection_attempts_total", Counter, Plain),
    metric(Field::Reuse, "connection_reuses_total", Counter, Plain),
    metric(Field::CacheLookups, "http_cache_lookups_total", Counter, Http),
    metric(Field::CacheHits, "http_cache_hits_total", Counter, Http),
    metric(Field::SrvIcur, "idle_connections_current", Gauge, Plain),
    metric(Field::SrcIlim, "idle_connections_limit", Gauge, OrNan),
    metric(Field::QtimeMax, "max_queue_time_seconds", Gauge, Millis),
    metric(Field::CtimeMax, "max_connect_time_seconds", Gauge, Millis),
    metric(Field::RtimeMax, "max_response_time_seconds", Gauge, Millis),
    metric(Field::TtimeMax, "max_total_time_seconds", Gauge, Millis),
    metric(Field::Eint, "internal_errors_total", Counter, Plain),
    metric(Field::IdleConnCur, "unsafe_idle_connections_current", Gauge, Plain),
    metric(Field::SafeConnCur, "safe_idle_connections_current", Gauge, Plain),
    metric(Field::UsedConnCur, "used_connections_current", Gauge, Plain),
    metric(Field::NeedConnEst, "need_connections_current", Gauge, Plain),
    metric(Field::Uweight, "uweight", Gauge, Plain),
    metric(Field::AggServerStatus, "agg_server_status", Gauge, Servers),
    metric(Field::AggServerCheckStatus, "agg_server_check_status", Gauge, Servers),
    metric(Field::AggCheckStatus, "agg_check_status", Gauge, Checks),
    metric(Field::TandemBinRate, "bytes_in_per_second", Gauge, Plain),
    metric(Field::TandemBoutRate, "bytes_out_per_second", Gauge, Plain),
];

/// Of the process.
pub(super) const PROCESS: &[(InfoField, &str, Type)] = &[
    (InfoField::Nbthread, "nbthread", Gauge),
    (InfoField::Nbproc, "nbproc", Gauge),
    (InfoField::ProcessNum, "relative_process_id", Gauge),
    (InfoField::UptimeSec, "uptime_seconds", Gauge),
    (InfoField::PoolFailed, "pool_failures_total", Counter),
    (InfoField::UlimitN, "max_fds", Gauge),
    (InfoField::Maxsock, "max_sockets", Gauge),
    (InfoField::Maxconn, "max_connections", Gauge),
    (InfoField::HardMaxconn, "hard_max_connections", Gauge),
    (InfoField::CurrConns, "current_connections", Gauge),
    (InfoField::CumConns, "connections_total", Counter),
    (InfoField::CumReq, "requests_total", Counter),
    (InfoField::MaxSslConns, "max_ssl_connections", Gauge),
    (InfoField::CurrSslConns, "current_ssl_connections", Gauge),
    (InfoField::CumSslConns, "ssl_connections_total", Counter),
    (InfoField::Maxpipes, "max_pipes", Gauge),
    (InfoField::PipesUsed, "pipes_used_total", Counter),
    (InfoField::PipesFree, "pipes_free_total", Counter),
    (InfoField::ConnRate, "current_connection_rate", Gauge),
    (InfoField::ConnRateLimit, "limit_connection_rate", Gauge),
    (InfoField::MaxConnRate, "max_connection_rate", Gauge),
    (InfoField::SessRate, "current_session_rate", Gauge),
    (InfoField::SessRateLimit, "limit_session_rate", Gauge),
    (InfoField::MaxSessRate, "max_session_rate", Gauge),
    (InfoField::SslRate, "current_ssl_rate", Gauge),
    (InfoField::SslRateLimit, "limit_ssl_rate", Gauge),
    (InfoField::MaxSslRate, "max_ssl_rate", Gauge),
    (InfoField::SslFrontendKeyRate, "current_frontend_ssl_key_rate", Gauge),
    (InfoField::SslFrontendMaxKeyRate, "max_frontend_ssl_key_rate", Gauge),
    (InfoField::SslFrontendSessionReusePct, "frontend_ssl_reuse", Gauge),
    (InfoField::SslBackendKeyRate, "current_backend_ssl_key_rate", Gauge),
    (InfoField::SslBackendMaxKeyRate, "max_backend_ssl_key_rate", Gauge),
    (InfoField::SslCacheLookups, "ssl_cache_lookups_total", Counter),
    (InfoField::SslCacheMisses, "ssl_cache_misses_total", Counter),
    (InfoField::CompressBpsIn, "http_comp_bytes_in_total", Counter),
    (InfoField::CompressBpsOut, "http_comp_bytes_out_total", Counter),
    (InfoField::CompressBpsRateLim, "limit_http_comp", Gauge),
    (InfoField::ZlibMemUsage, "current_zlib_memory", Gauge),
    (InfoField::MaxZlibMemUsage, "max_zlib_memory", Gauge),
    (InfoField::Tasks, "current_tasks", Gauge),
    (InfoField::RunQueue, "current_run_queue", Gauge),
    (InfoField::IdlePct, "idle_time_percent", Gauge),
    (InfoField::Stopping, "stopping", Gauge),
    (InfoField::Jobs, "jobs", Gauge),
    (InfoField::UnstoppableJobs, "unstoppable_jobs", Gauge),
    (InfoField::Listeners, "listeners", Gauge),
    (InfoField::ActivePeers, "active_peers", Gauge),
    (InfoField::ConnectedPeers, "connected_peers", Gauge),
    (InfoField::DroppedLogs, "dropped_logs_total", Counter),
    (InfoField::BusyPolling, "busy_polling_enabled", Gauge),
    (InfoField::FailedResolutions, "failed_resolutions", Counter),
    (InfoField::TotalBytesOut, "bytes_out_total", Counter),
    (InfoField::TotalSplicedBytesOut, "spliced_bytes_out_total", Counter),
    (InfoField::BytesOutRate, "bytes_out_rate", Gauge),
    (InfoField::CumRecvLogs, "recv_logs_total", Counter),
    (InfoField::MemmaxBytes, "max_memory_bytes", Gauge),
    (InfoField::PoolAllocBytes, "pool_allocated_bytes", Gauge),
    (InfoField::PoolUsedBytes, "pool_used_bytes", Gauge),
    (InfoField::StartTimeSec, "start_time_seconds", Gauge),
];
