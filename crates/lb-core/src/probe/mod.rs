//! What a check says to a server, and what it makes of the answer.
//!
//! A [`Script`] is a list of steps: connect, send, expect. [`Probe`] goes through it with the bytes that came and says
//! how it ended, in HAProxy's words (reference 1.7). Checks that speak a protocol are scripts with an [`Answer`] that
//! knows it. The server is a stranger: no more than [`MOST`] bytes of it are kept.

mod answer;
mod broker;
mod database;
mod http;
mod matcher;
mod run;
mod script;
mod situation;

pub use answer::{Answer, Verdict};
pub use broker::Protocol;
pub use http::{HttpExpect, HttpRequest, Match};
pub use matcher::{Content, HexError, hex};
pub use run::{End, Input, Output, Probe};
pub use script::{Action, Connect, Expect, Login, Script, Step, Text};

/// As HAProxy's default buffer.
pub const MOST: usize = 16 * 1024;
