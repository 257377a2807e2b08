//! `haproxy.cfg` or TOML to a [`Plan`]: a configuration that is right by construction, or every reason why it is not.
#![forbid(unsafe_code)]

mod plan;

pub use plan::*;
