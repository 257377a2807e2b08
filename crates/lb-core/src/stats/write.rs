//! The forms in which rows are read: CSV, typed lines, JSON. Each as HAProxy writes it, to the byte.

mod csv;
mod json;
mod typed;

pub use csv::csv;
pub use json::{json, schema};
pub use typed::typed;

pub(super) use csv::quoted;
pub(super) use json::{string as json_string, tags_and_value};
