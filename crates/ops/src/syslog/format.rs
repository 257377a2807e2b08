//! What stands before the message, in each of HAProxy's formats (captured from 2.6.12).

use std::io::Write;

use super::date::Local;
use super::target::{Facility, Format, Severity};
use crate::clock::Wall;

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `log-tag`
    pub tag: String,
    /// `log-send-hostname`
    pub hostname: Option<String>,
    pub pid: u32,
}

impl Identity {
    /// This process under this name, without a host name. To be made after daemonizing: the process id changes there.
    pub fn new(tag: &str) -> Identity {
        Identity {
            tag: tag.to_owned(),
            hostname: None,
            pid: std::process::id(),
        }
    }

    pub(super) fn usual_format(&self) -> Format {
        if self.hostname.is_some() {
            Format::Rfc3164
        } else {
            Format::Local
        }
    }
}

/// The header of one target: all that does not change between lines is put together once.
#[derive(Clone, Debug)]
pub(super) struct Header {
    format: Format,
    facility: Facility,
    /// What stands between the time and the message, or the structured data where there is some.
    after: String,
}

impl Header {
    pub(super) fn new(format: Format, facility: Facility, identity: &Identity) -> Header {
        let Identity { tag, hostname, pid } = identity;
        let after = match format {
            Format::Rfc3164 => format!(" {} {tag}[{pid}]: ", hostname.as_deref().unwrap_or("localhost")),
            Format::Rfc5424 => format!(" {} {tag} {pid} - ", hostname.as_deref().unwrap_or("-")),
            Format::Local => format!(" {tag}[{pid}]: "),
            Format::Timed | Format::Iso => " ".to_owned(),
            Format::Short | Format::Priority | Format::Raw => String::new(),
        };
        Header {
            format,
            facility,
            after,
        }
    }

    /// Appends the header to `line`. Of the formats, one has a place for structured data (RFC 5424 section 6.3).
    pub(super) fn write(
        &self,
        line: &mut Vec<u8>,
        severity: Severity,
        date: &DateTexts,
        micros: u32,
        structured: Option<&str>,
    ) {
        let level = severity as u8;
        let priority = self.facility.number() * 8 + level;
        let DateTexts { rfc3164, iso, zone, .. } = date;
        let written = match self.format {
            Format::Rfc3164 | Format::Local => write!(line, "<{priority}>{rfc3164}"),
            Format::Rfc5424 => write!(line, "<{priority}>1 {iso}.{micros:06}{zone}"),
            Format::Short => write!(line, "<{level}>"),
            Format::Timed => write!(line, "<{level}>{iso}.{micros:06}{zone}"),
            Format::Iso => write!(line, "{iso}.{micros:06}{zone}"),
            Format::Priority => write!(line, "<{priority}>"),
            Format::Raw => Ok(()),
        };
        debug_assert!(written.is_ok(), "writing to memory does not fail");
        line.extend_from_slice(self.after.as_bytes());
        if self.format == Format::Rfc5424 {
            line.extend_from_slice(structured.unwrap_or("-").as_bytes());
            line.push(b' ');
        }
    }
}

/// The texts of one second, kept because many lines fall into it and the zone is asked of the C library.
#[derive(Clone, Debug)]
pub(super) struct DateTexts {
    second: i64,
    rfc3164: String,
    iso: String,
    zone: String,
}

impl DateTexts {
    pub(super) fn of(at: Wall, offset: i32) -> DateTexts {
        let local = Local::new(at, offset);
        DateTexts {
            second: at.secs(),
            rfc3164: local.rfc3164().to_string(),
            iso: local.time.iso_second().to_string(),
            zone: local.zone().to_string(),
        }
    }

    pub(super) fn is_of(&self, at: Wall) -> bool {
        self.second == at.secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T17:04:45.046302+05:30, the moment of the capture.
    const AT: Wall = Wall::from_micros(1_795_260_885_046_302);

    fn line(format: Format, tag: &str, hostname: Option<&str>) -> String {
        with_data(format, tag, hostname, None)
    }

    fn with_data(format: Format, tag: &str, hostname: Option<&str>, structured: Option<&str>) -> String {
        let identity = Identity {
            tag: tag.to_owned(),
            hostname: hostname.map(str::to_owned),
            pid: 8705,
        };
        let facility = Facility::new(16).expect("local0 is a facility");
        let mut out = Vec::new();
        Header::new(format, facility, &identity).write(
            &mut out,
            Severity::Info,
            &DateTexts::of(AT, 19_800),
            AT.subsec_micros(),
            structured,
        );
        String::from_utf8(out).expect("headers are text") + "M"
    }

    #[test]
    fn as_haproxy_writes_them() {
        for (format, expected) in [
            (Format::Rfc3164, "<134>Nov 21 17:04:45 localhost haproxy[8705]: M"),
            (
                Format::Rfc5424,
                "<134>1 2026-11-21T17:04:45.046302+05:30 - haproxy 8705 - - M",
            ),
            (Format::Local, "<134>Nov 21 17:04:45 haproxy[8705]: M"),
            (Format::Short, "<6>M"),
            (Format::Timed, "<6>2026-11-21T17:04:45.046302+05:30 M"),
            (Format::Iso, "2026-11-21T17:04:45.046302+05:30 M"),
            (Format::Priority, "<134>M"),
            (Format::Raw, "M"),
        ] {
            assert_eq!(line(format, "haproxy", None), expected);
        }
    }

    #[test]
    fn with_a_host_name_and_a_tag() {
        for (format, expected) in [
            (Format::Rfc3164, "<134>Nov 21 17:04:45 hosty mytag[8705]: M"),
            (
                Format::Rfc5424,
                "<134>1 2026-11-21T17:04:45.046302+05:30 hosty mytag 8705 - - M",
            ),
            (Format::Local, "<134>Nov 21 17:04:45 mytag[8705]: M"),
        ] {
            assert_eq!(line(format, "mytag", Some("hosty")), expected);
        }
    }

    #[test]
    fn structured_data_has_its_place_in_one_format_only() {
        let data = Some("[a@1 b=\"c\"]");
        assert_eq!(
            with_data(Format::Rfc5424, "t", None, data),
            "<134>1 2026-11-21T17:04:45.046302+05:30 - t 8705 - [a@1 b=\"c\"] M"
        );
        assert_eq!(
            with_data(Format::Local, "t", None, data),
            line(Format::Local, "t", None)
        );
    }

    #[test]
    fn the_usual_format_follows_the_host_name() {
        let mut identity = Identity::new("t");
        assert_eq!(identity.usual_format(), Format::Local);
        identity.hostname = Some("h".to_owned());
        assert_eq!(identity.usual_format(), Format::Rfc3164);
    }
}
