//! Version, interval, password: what the wire can say of what was written.

use std::time::Duration;

use tandem_text::{Diagnostic, Spanned};
use tandem_vrrp_core::settings::{AuthV2, Centis, Family, Protocol, Seconds};

use crate::code;
use crate::draft::{Auth, Defaults, Instance};
use crate::report::Report;

pub(super) fn of(written: &Instance, defaults: &Defaults, family: Family, report: &mut Report) -> Protocol {
    let version = written
        .version
        .as_ref()
        .map(|version| version.value)
        .or(defaults.version);
    if family == Family::V6 {
        if let Some(version) = written.version.as_ref().filter(|version| version.value == 2) {
            let message = "IPv6 needs version 3, which is used";
            report.push(Diagnostic::warning(code::ADJUSTED, version.span, message).help("leave this out"));
        }
        return v3(written, defaults, report);
    }
    match version {
        Some(3) => v3(written, defaults, report),
        _ => v2(written, report),
    }
}

fn v2(written: &Instance, report: &mut Report) -> Protocol {
    Protocol::V2 {
        interval: written
            .interval
            .as_ref()
            .map_or(Seconds::ONE, |interval| whole_seconds(interval, report)),
        auth: written.auth.as_ref().map_or(AuthV2::None, |auth| simple(auth, report)),
    }
}

fn whole_seconds(interval: &Spanned<Duration>, report: &mut Report) -> Seconds {
    let rounded = (interval.value + Duration::from_millis(500)).as_secs().clamp(1, 255);
    if Duration::from_secs(rounded) != interval.value {
        let message = format!(
            "version 2 counts whole seconds: {} s becomes {rounded} s",
            interval.value.as_secs_f64()
        );
        report.push(
            Diagnostic::warning(code::ADJUSTED, interval.span, message)
                .help("for less than a second use `version 3` on all routers"),
        );
    }
    u8::try_from(rounded)
        .ok()
        .and_then(Seconds::new)
        .unwrap_or(Seconds::ONE)
}

fn simple(auth: &Spanned<Auth>, report: &mut Report) -> AuthV2 {
    match (auth.value.kind, auth.value.password) {
        (Some(_), Some(password)) => AuthV2::Simple(password),
        (None, None) => AuthV2::None,
        (None, Some(_)) => {
            // Keepalived takes the password and does not use it.
            let message = "this password has no kind, so no authentication is used";
            report.push(Diagnostic::warning(code::DOUBTFUL, auth.span, message).help("add `auth_type PASS`"));
            AuthV2::None
        }
        (Some(_), None) => {
            let message = "this authentication has no password, so none is used";
            report.push(Diagnostic::warning(code::INCOMPLETE, auth.span, message).help("add `auth_pass PASSWORD`"));
            AuthV2::None
        }
    }
}

fn v3(written: &Instance, defaults: &Defaults, report: &mut Report) -> Protocol {
    if let Some(auth) = &written.auth {
        let message = "version 3 has no authentication; none is used";
        report.push(
            Diagnostic::warning(code::CONFLICT, auth.span, message)
                .help("leave it out, or sign adverts with `auth_hmac`"),
        );
    }
    let checksum = written.policy.checksum.or(defaults.policy.checksum).unwrap_or_default();
    let interval = written.interval.as_ref();
    Protocol::V3 {
        interval: interval.map_or(Centis::ONE_SECOND, |interval| centiseconds(interval, report)),
        checksum,
    }
}

fn centiseconds(interval: &Spanned<Duration>, report: &mut Report) -> Centis {
    let wanted = (interval.value + Duration::from_millis(5)).as_millis() / 10;
    let centis = u16::try_from(wanted).unwrap_or(u16::MAX).max(1);
    let centis = Centis::new(centis).unwrap_or(Centis::MAX);
    if centis.duration() != interval.value {
        let message = format!(
            "version 3 counts hundredths of a second up to 40.95 s: {} s becomes {} s",
            interval.value.as_secs_f64(),
            centis.duration().as_secs_f64()
        );
        report.push(Diagnostic::warning(code::ADJUSTED, interval.span, message));
    }
    centis
}
