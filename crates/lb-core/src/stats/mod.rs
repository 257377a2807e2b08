//! What the balancer tells about itself: HAProxy's statistics, field by field, in each of its forms.
//!
//! [`Field`] and [`InfoField`] are the tables; a [`Row`] or an [`Info`] holds the values of one moment; [`csv`],
//! [`typed`], [`json`] and [`prometheus`] write them. The figures come in as plain numbers ([`figures`]), so that
//! everything that tools depend on is decided here.

mod field;
pub mod figures;
pub mod histogram;
pub mod hour;
mod info;
mod meter;
pub mod name_servers;
mod outage;
pub mod prometheus;
mod row;
mod rows;
mod select;
mod tag;
mod value;
mod write;

pub use field::Field;
pub use info::{Info, InfoField};
pub use meter::Meter;
pub use outage::Outage;
pub use row::{Kind, Row};
pub use rows::{backend_row, frontend_row, lend_analyses, listener_row, server_row};
pub use select::{Hide, Selection};
pub use tag::{Nature, Origin, Scope, Tags};
pub use value::Value;
pub use write::{csv, json, schema, typed};
