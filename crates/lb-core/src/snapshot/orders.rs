//! What operators have said of the process and of its frontends.

use crate::backend::Tuned;
use crate::expr::Sample;

/// Limits of the process that were set while it ran, and its variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessOrders {
    pub maxconn: Option<Tuned<u32>>,
    /// In a second; 0 is no limit.
    pub connection_rate: Option<Tuned<u32>>,
    pub session_rate: Option<Tuned<u32>>,
    pub tls_rate: Option<Tuned<u32>>,
    pub variables: Vec<(Box<str>, Sample<'static>)>,
}

/// What the process counted that no frontend or backend did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessCounts {
    /// The most connections in a second.
    pub rate_max: u64,
    pub tls: u64,
    pub tls_rate_max: u32,
    pub client_keys_max: u32,
    pub server_keys_max: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrontendOrders {
    /// It takes nobody until it is told to.
    pub is_paused: bool,
    pub maxconn: Option<Tuned<u32>>,
}

impl ProcessOrders {
    pub fn is_empty(&self) -> bool {
        *self == ProcessOrders::default()
    }
}

impl FrontendOrders {
    pub fn is_empty(&self) -> bool {
        *self == FrontendOrders::default()
    }
}
