//! What happened to a server, as it was said.

use std::sync::Arc;

use super::text::{Line, Writer};
use crate::log::state::Severity;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// In microseconds since 1970.
    pub at: i64,
    pub proxy: Arc<str>,
    pub severity: Severity,
    pub text: String,
}

impl Event {
    pub(super) fn write(&self, out: &mut Writer) {
        out.line("event")
            .set("at", self.at)
            .set("proxy", &self.proxy)
            .set("severity", self.severity as u8)
            .set("text", &self.text);
    }

    pub(super) fn read(line: Line<'_>) -> Option<Event> {
        let severity = match line.value("severity")? {
            0u8 => Severity::Emergency,
            1 => Severity::Alert,
            _ => Severity::Notice,
        };
        Some(Event {
            at: line.value("at")?,
            proxy: line.text("proxy")?.into(),
            severity,
            text: line.text("text")?,
        })
    }
}
