//! The columns of `show stat`, in HAProxy's order (reference 3.1): tools count positions, so nothing is ever inserted.
//!
//! 2.6 ends with `agg_check_status`; what follows are columns of later versions, at their positions there. Behind a
//! column named `-`, where HAProxy puts what modules add, come two of our own.

use super::row::Kind;
use super::tag::{Nature, Origin, Scope, Tags};

macro_rules! fields {
    ($($variant:ident, $name:literal, $of:literal, $origin:ident $nature:ident $scope:ident, $about:literal;)*) => {
        /// One column. Its number as an enum is its position.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Field { $($variant),* }

        const TABLE: &[(Field, &str, &str, Tags, &str)] = &[
            $((Field::$variant, $name, $of, Tags::new(Origin::$origin, Nature::$nature, Scope::$scope), $about)),*
        ];
    };
}

fields! {
    Pxname, "pxname", "LFBS", Key Name Service, "the proxy's name";
    Svname, "svname", "LFBS", Key Name Service, "FRONTEND, BACKEND, or the server's name";
    Qcur, "qcur", "BS", Metric Gauge Process, "connections that wait for a server now";
    Qmax, "qmax", "BS", Metric Max Process, "the most that ever waited";
    Scur, "scur", "LFBS", Metric Gauge Process, "sessions now";
    Smax, "smax", "LFBS", Metric Max Process, "the most sessions there ever were";
    Slim, "slim", "LFBS", Config Limit Process, "the most sessions allowed";
    Stot, "stot", "LFBS", Metric Counter Process, "sessions so far";
    Bin, "bin", "LFBS", Metric Counter Process, "bytes from clients";
    Bout, "bout", "LFBS", Metric Counter Process, "bytes to clients";
    Dreq, "dreq", "LFB", Metric Counter Process, "requests refused by a rule";
    Dresp, "dresp", "LFBS", Metric Counter Process, "responses refused by a rule";
    Ereq, "ereq", "LF", Metric Counter Process, "requests that were broken";
    Econ, "econ", "BS", Metric Counter Process, "connections that no attempt could bring to a server";
    Eresp, "eresp", "BS", Metric Counter Process, "transfers that the server broke off";
    Wretr, "wretr", "BS", Metric Counter Process, "further attempts at the same server";
    Wredis, "wredis", "BS", Metric Counter Process, "moves to another server";
    Status, "status", "LFBS", Status Gauge Process, "whether it works, in a word";
    Weight, "weight", "BS", Metric Avg Process, "the weight in use";
    Act, "act", "BS", Metric Gauge Process, "servers that share the load; of a server: it is no backup";
    Bck, "bck", "BS", Metric Gauge Process, "backups that could share the load; of a server: it is one";
    Chkfail, "chkfail", "S", Metric Counter Process, "checks that failed while it was up";
    Chkdown, "chkdown", "BS", Metric Counter Process, "how often it went down";
    Lastchg, "lastchg", "BS", Metric Age Process, "seconds since it last went up or down";
    Downtime, "downtime", "BS", Metric Counter Process, "seconds down so far";
    Qlimit, "qlimit", "S", Config Limit Service, "the most that may wait";
    Pid, "pid", "LFBS", Key Gauge Process, "the process, always 1";
    Iid, "iid", "LFBS", Key Gauge Service, "the proxy's number";
    Sid, "sid", "LS", Key Gauge Service, "the server's number";
    Throttle, "throttle", "S", Status Gauge Process, "percent of its weight while it starts slowly";
    Lbtot, "lbtot", "BS", Metric Counter Process, "sessions that balancing brought here, not persistence";
    Tracked, "tracked", "S", Config Name Service, "the server whose state is followed";
    Type, "type", "LFBS", Config Gauge Service, "0 frontend, 1 backend, 2 server, 3 listener";
    Rate, "rate", "FBS", Metric Rate Process, "sessions in the last second";
    RateLim, "rate_lim", "F", Config Limit Process, "the most new sessions a second";
    RateMax, "rate_max", "FBS", Metric Max Process, "the most in one second so far";
    CheckStatus, "check_status", "S", Metric Output Process, "what the latest check found";
    CheckCode, "check_code", "S", Metric Output Process, "the code that the server answered";
    CheckDuration, "check_duration", "S", Metric Duration Process, "how long the check took, in ms";
    Hrsp1xx, "hrsp_1xx", "FBS", Metric Counter Process, "answers 1xx";
    Hrsp2xx, "hrsp_2xx", "FBS", Metric Counter Process, "answers 2xx";
    Hrsp3xx, "hrsp_3xx", "FBS", Metric Counter Process, "answers 3xx";
    Hrsp4xx, "hrsp_4xx", "FBS", Metric Counter Process, "answers 4xx";
    Hrsp5xx, "hrsp_5xx", "FBS", Metric Counter Process, "answers 5xx";
    HrspOther, "hrsp_other", "FBS", Metric Counter Process, "other answers";
    Hanafail, "hanafail", "S", Metric Counter Process, "health analyses that failed";
    ReqRate, "req_rate", "F", Metric Rate Process, "HTTP requests in the last second";
    ReqRateMax, "req_rate_max", "F", Metric Max Process, "the most in one second so far";
    ReqTot, "req_tot", "FB", Metric Counter Process, "HTTP requests so far";
    CliAbrt, "cli_abrt", "BS", Metric Counter Process, "transfers that clients broke off";
    SrvAbrt, "srv_abrt", "BS", Metric Counter Process, "transfers that servers broke off";
    CompIn, "comp_in", "FB", Metric Counter Process, "bytes into compression";
    CompOut, "comp_out", "FB", Metric Counter Process, "bytes out of compression";
    CompByp, "comp_byp", "FB", Metric Counter Process, "bytes past compression";
    CompRsp, "comp_rsp", "FB", Metric Counter Process, "compressed answers";
    Lastsess, "lastsess", "BS", Metric Age Process, "seconds since the last session began; -1 is never";
    LastChk, "last_chk", "S", Metric Output Process, "what the system or the server said to the latest check";
    LastAgt, "last_agt", "S", Metric Output Process, "the same of the agent";
    Qtime, "qtime", "BS", Metric Avg Process, "average wait of the last 1024 sessions, in ms";
    Ctime, "ctime", "BS", Metric Avg Process, "average time to connect, in ms";
    Rtime, "rtime", "BS", Metric Avg Process, "average time to answer, in ms";
    Ttime, "ttime", "BS", Metric Avg Process, "average length of a session, in ms";
    AgentStatus, "agent_status", "S", Metric Output Process, "what the agent said last";
    AgentCode, "agent_code", "S", Metric Output Process, "the agent's code";
    AgentDuration, "agent_duration", "S", Metric Duration Process, "how long the agent took, in ms";
    CheckDesc, "check_desc", "S", Metric Output Process, "check_status in words";
    AgentDesc, "agent_desc", "S", Metric Output Process, "agent_status in words";
    CheckRise, "check_rise", "S", Config Gauge Service, "passed checks to come up";
    CheckFall, "check_fall", "S", Config Gauge Service, "failed checks to go down";
    CheckHealth, "check_health", "S", Config Gauge Service, "where it stands, 0 to rise + fall - 1";
    AgentRise, "agent_rise", "S", Config Gauge Service, "the same of the agent";
    AgentFall, "agent_fall", "S", Config Gauge Service, "the same of the agent";
    AgentHealth, "agent_health", "S", Config Gauge Service, "the same of the agent";
    Addr, "addr", "LS", Config Gauge Service, "address and port";
    Cookie, "cookie", "BS", Config Name Service, "its cookie";
    Mode, "mode", "LFBS", Config Gauge Service, "tcp or http";
    Algo, "algo", "B", Config Gauge Service, "how servers are chosen";
    ConnRate, "conn_rate", "F", Metric Rate Process, "connections in the last second";
    ConnRateMax, "conn_rate_max", "F", Metric Max Process, "the most in one second so far";
    ConnTot, "conn_tot", "F", Metric Counter Process, "connections so far";
    Intercepted, "intercepted", "FB", Metric Counter Process, "requests answered here";
    Dcon, "dcon", "LF", Metric Counter Process, "connections refused by a rule";
    Dses, "dses", "LF", Metric Counter Process, "sessions refused by a rule";
    Wrew, "wrew", "LFBS", Metric Counter Process, "headers that could not be rewritten";
    Connect, "connect", "BS", Metric Counter Process, "attempts to connect";
    Reuse, "reuse", "BS", Metric Counter Process, "connections used again";
    CacheLookups, "cache_lookups", "FB", Metric Counter Process, "questions to the cache";
    CacheHits, "cache_hits", "FB", Metric Counter Process, "answers from the cache";
    SrvIcur, "srv_icur", "S", Metric Gauge Process, "idle connections kept to the server";
    SrcIlim, "src_ilim", "S", Config Limit Process, "the most of those";
    QtimeMax, "qtime_max", "BS", Metric Max Process, "the longest wait, in ms";
    CtimeMax, "ctime_max", "BS", Metric Max Process, "the longest connect, in ms";
    RtimeMax, "rtime_max", "BS", Metric Max Process, "the longest answer, in ms";
    TtimeMax, "ttime_max", "BS", Metric Max Process, "the longest session, in ms";
    Eint, "eint", "LFBS", Metric Counter Process, "internal errors";
    IdleConnCur, "idle_conn_cur", "S", Metric Gauge Process, "idle connections that need care";
    SafeConnCur, "safe_conn_cur", "S", Metric Gauge Process, "idle connections that are safe to use";
    UsedConnCur, "used_conn_cur", "S", Metric Gauge Process, "connections in use";
    NeedConnEst, "need_conn_est", "S", Metric Gauge Process, "how many may be needed";
    Uweight, "uweight", "BS", Metric Avg Process, "the weight that was asked for";
    AggServerStatus, "agg_server_status", "B", Metric Gauge Process, "servers by status";
    AggServerCheckStatus, "agg_server_check_status", "B", Metric Gauge Process, "servers by check status";
    AggCheckStatus, "agg_check_status", "B", Metric Gauge Process, "servers by check";
    Srid, "srid", "S", Key Gauge Service, "number of the server that is never used again";
    SessOther, "sess_other", "F", Metric Counter Process, "sessions of neither HTTP/1, 2 nor 3";
    H1sess, "h1sess", "F", Metric Counter Process, "sessions of HTTP/1";
    H2sess, "h2sess", "F", Metric Counter Process, "sessions of HTTP/2";
    H3sess, "h3sess", "F", Metric Counter Process, "sessions of HTTP/3";
    ReqOther, "req_other", "F", Metric Counter Process, "requests of neither HTTP/1, 2 nor 3";
    H1req, "h1req", "F", Metric Counter Process, "requests of HTTP/1";
    H2req, "h2req", "F", Metric Counter Process, "requests of HTTP/2";
    H3req, "h3req", "F", Metric Counter Process, "requests of HTTP/3";
    Proto, "proto", "L", Status Output Service, "the listener's protocol";
    PrivIdleCur, "priv_idle_cur", "S", Metric Gauge Process, "idle connections of one client";
    Reqbin, "reqbin", "LFBS", Metric Counter Process, "bytes read from clients";
    Reqbout, "reqbout", "LFBS", Metric Counter Process, "bytes written to servers";
    Resbin, "resbin", "LFBS", Metric Counter Process, "bytes read from servers";
    Resbout, "resbout", "LFBS", Metric Counter Process, "bytes written to clients";
    TandemBinRate, "tandem_bin_rate", "FBS", Metric Rate Process, "bytes from clients in the last second, open connections included";
    TandemBoutRate, "tandem_bout_rate", "FBS", Metric Rate Process, "bytes to clients in the last second, open connections included";
}

impl Field {
    pub const COUNT: usize = TABLE.len();

    /// The first one that HAProxy does not know.
    pub(super) const FIRST_OWN: Field = Field::TandemBinRate;

    pub fn all() -> impl Iterator<Item = Field> {
        TABLE.iter().map(|row| row.0)
    }

    pub fn position(self) -> usize {
        self as usize
    }

    pub fn name(self) -> &'static str {
        TABLE[self.position()].1
    }

    /// The column of that name.
    pub fn named(name: &str) -> Option<Field> {
        Field::all().find(|field| field.name() == name)
    }

    /// What it says, in a few words.
    pub fn about(self) -> &'static str {
        TABLE[self.position()].4
    }

    /// Whether rows of this kind may have it.
    pub fn is_of(self, kind: Kind) -> bool {
        TABLE[self.position()].2.contains(kind.letter())
    }

    /// The same column may be another thing in a server's row than in a backend's, as in HAProxy.
    pub fn tags(self, kind: Kind) -> Tags {
        use {Nature::Gauge, Origin::Metric, Origin::Status, Scope::Process};
        match (self, kind) {
            (Field::Act | Field::Bck, Kind::Server) => Tags::new(Status, Gauge, Process),
            (Field::Rate | Field::RateMax, Kind::Backend) => Tags::new(Metric, Gauge, Process),
            _ => TABLE[self.position()].3,
        }
    }
}
