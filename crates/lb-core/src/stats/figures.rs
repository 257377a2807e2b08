//! The plain numbers that rows are made of, as the runtime reads them off its counters.

use crate::backend::{ServerReport, View};
use crate::balance::Policy;

/// What every frontend, backend and server counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub sessions: u32,
    pub sessions_max: u32,
    pub sessions_total: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// In the last second.
    pub rate: u64,
    pub rate_max: u64,
    pub bytes_in_rate: u64,
    pub bytes_out_rate: u64,
}

/// What rules of a frontend refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Denials {
    pub connections: u64,
    pub sessions: u64,
    pub requests: u64,
    /// Connections without the PROXY header that was expected.
    pub headers: u64,
    pub responses: u64,
    /// Clients who did not get through the handshake of TLS.
    pub handshakes: u64,
}

/// The way to the servers, and how long it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    pub queued: u32,
    pub queued_max: u32,
    pub connects: u64,
    pub connect_errors: u64,
    pub retries: u64,
    pub redispatches: u64,
    pub balanced: u64,
    pub client_aborts: u64,
    pub server_aborts: u64,
    /// Answers that broke off.
    pub response_errors: u64,
    /// Answers that rules refused.
    pub refused_answers: u64,
    /// Seconds since the last session began.
    pub last_session: Option<u64>,
    pub queue_time: Time,
    pub connect_time: Time,
    pub total_time: Time,
}

/// Milliseconds: the average of the last 1024 sessions, and the most ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    pub average: u32,
    pub max: u32,
}

/// What a frontend that answers HTTP counts beside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Http {
    /// 1xx, 2xx, 3xx, 4xx, 5xx, others.
    pub answers: [u64; 6],
    pub requests: u64,
    pub rate: u64,
    pub rate_max: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frontend<'a> {
    pub name: &'a str,
    pub iid: u32,
    pub maxconn: u32,
    /// The most in a second; 0 is no limit.
    pub session_rate: u32,
    pub is_open: bool,
    pub traffic: Traffic,
    pub denials: Denials,
    /// `None` in TCP mode.
    pub http: Option<Http>,
}

/// One listener of a frontend that counts each for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener<'a> {
    pub proxy: &'a str,
    pub iid: u32,
    /// Counted from 1.
    pub number: u32,
    pub name: &'a str,
    pub address: &'a str,
    pub maxconn: u32,
    /// Its frontend takes nobody until another is gone, or for the rest of this second.
    pub is_waiting: bool,
    pub is_http: bool,
    pub denials: Denials,
    /// Whoever was refused as a connection or a session is in the total too, as in HAProxy.
    pub traffic: Traffic,
}

#[derive(Clone, Copy, Debug)]
pub struct Backend<'a> {
    pub name: &'a str,
    pub iid: u32,
    /// The half of a `listen` that only answers HTTP.
    pub is_http: bool,
    /// Rules lead clients there.
    pub is_published: bool,
    /// From how many sessions on it counts as busy (`fullconn`).
    pub fullconn: u32,
    pub policy: &'a Policy,
    pub view: &'a View,
    pub traffic: Traffic,
    pub effort: Effort,
    /// How often it had no server left, and for how many seconds.
    pub downs: u64,
    pub down_seconds: u64,
    pub change_seconds: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    pub proxy: &'a str,
    pub iid: u32,
    pub report: &'a ServerReport<'a>,
    pub address: &'a str,
    /// How many may wait for it alone (`maxqueue`); 0 is no limit.
    pub maxqueue: u32,
    pub traffic: Traffic,
    pub effort: Effort,
    pub change_seconds: u64,
}
