//! `haproxy.cfg` or TOML to a [`Plan`]: a configuration that is right by construction, or every reason why it is not.
//!
//! Each dialect is read into a draft that remembers where everything was written; [`resolve`] gives the draft names,
//! numbers and defaults and checks what it means. So a rule is written once and holds in both dialects.
#![forbid(unsafe_code)]

mod acl;
mod address;
mod checking;
pub mod code;
pub mod convert;
pub mod diff;
mod draft;
pub mod explain;
mod expr;
mod haproxy;
mod load;
mod log_format;
mod lookup;
mod names;
mod native;
mod plan;
mod resolve;
mod shelf;
mod table;
mod tls;
mod units;
mod written;

pub use address::{AddressError, address_docs, listener};
pub use draft::misfit;
pub use expr::World;
pub use haproxy::{Heard, KeywordDoc, UnsupportedDoc, holds, keyword_docs, opens_section, unsupported_docs};
pub use load::{Dialect, Loaded, NamedText, heard, load, load_in};
pub use plan::*;
pub use tls::{BadLine, ListLine, ListWord};
pub use written::Written;
