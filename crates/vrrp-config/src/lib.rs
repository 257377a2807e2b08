//! `keepalived.conf` or TOML to a [`Plan`]: what a VRRP router is to do, or every reason why it cannot be told.
//!
//! Each dialect is read into a draft that remembers where everything was written; [`resolve`] gives the draft names,
//! numbers and defaults and checks what it means. So a rule is written once and holds in both dialects.
#![forbid(unsafe_code)]

mod address;
pub mod code;
mod compare;
pub mod convert;
mod draft;
mod keepalived;
mod key_files;
mod load;
mod native;
mod plan;
mod report;
mod resolve;
mod units;

pub use compare::{Finding, compare};
pub use keepalived::{Answered, Effect, KeywordDoc, answered_docs, keyword_docs};
pub use load::{Dialect, Loaded, Machine, Verdict, load, statements};
pub use plan::*;
