//! The fields that have short names (`%ci`, `%Tw`, …), and what each says of a line.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use tandem_time::CivilTime;

use super::datum::Datum;
use crate::expr::Variable;
use crate::log::tcplog::{Client, Line};

macro_rules! fields {
    ($($field:ident $name:literal),+ $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Field { $(#[doc = concat!("`%", $name, "`")] $field),+ }

        impl Field {
            pub const ALL: &[Field] = &[$(Field::$field),+];

            pub fn name(self) -> &'static str {
                match self { $(Field::$field => $name),+ }
            }
        }
    };
}

fields! {
    DateUtc "T", DateLocal "Tl", Timestamp "Ts", AcceptDate "t", AcceptMillis "ms",
    ConnectTime "Tc", DataTime "Td", HandshakeTime "Th", TotalTime "Tt", UserTime "Tu", WaitTime "Tw",
    BytesRead "B", BytesUploaded "U",
    Hostname "H", UniqueId "ID", Pid "pid", Number "rt", LogNumber "lc",
    ProcessConns "ac", FrontendConns "fc", BackendConns "bc", ServerConns "sc", Retries "rc",
    BackendQueue "bq", ServerQueue "sq",
    Frontend "f", FrontendTransport "ft", Backend "b", Server "s",
    ClientIp "ci", ClientPort "cp", FrontendIp "fi", FrontendPort "fp",
    BackendIp "bi", BackendPort "bp", ServerIp "si", ServerPort "sp",
    TlsCipher "sslc", TlsVersion "sslv",
    Termination "ts", TerminationAndCookie "tsc", Status "ST",
    RequestHeaders "hr", ResponseHeaders "hs", RequestHeaderList "hrl", ResponseHeaderList "hsl",
}

impl Field {
    pub fn named(name: &str) -> Option<Field> {
        Field::ALL.iter().copied().find(|field| field.name() == name)
    }

    /// Whether HAProxy knows it only when the connection has ended.
    pub(super) fn waits(self) -> bool {
        use Field::*;
        matches!(
            self,
            WaitTime
                | ConnectTime
                | HandshakeTime
                | DataTime
                | TotalTime
                | UserTime
                | BytesRead
                | BytesUploaded
                | UniqueId
                | Termination
                | ProcessConns
                | FrontendConns
                | BackendConns
                | ServerConns
                | Retries
                | BackendQueue
                | ServerQueue
        )
    }

    pub(super) fn of<'a>(self, line: &'a Line<'a>) -> Datum<'a> {
        let summary = &line.summary;
        let counts = &line.counts;
        let count = |n: u64| Datum::Int(i64::try_from(n).unwrap_or(i64::MAX));
        let growing = |n: i64| if line.early { Datum::Growing(n) } else { Datum::Int(n) };
        match self {
            Field::DateUtc => date(line.accepted.utc(), 0),
            Field::DateLocal => date(line.accepted.local(), line.accepted.utc_offset_seconds),
            Field::Timestamp => Datum::HexInt(line.accepted.unix_millis.div_euclid(1000), 4),
            Field::AcceptDate => Datum::Bare(line.accepted.local().to_string()),
            Field::AcceptMillis => Datum::Millis(line.accepted.unix_millis.rem_euclid(1000) as u16),
            Field::WaitTime => Datum::Int(millis(summary.wait)),
            Field::ConnectTime => Datum::Int(millis(summary.connect)),
            Field::DataTime => Datum::Int(data_time(line)),
            Field::HandshakeTime => Datum::Int(millis(Some(line.handshake))),
            Field::TotalTime => growing(millis(Some(summary.total))),
            Field::UserTime => growing(millis(Some(summary.total)) - millis(Some(line.handshake))),
            Field::BytesRead => growing(i64::try_from(line.bytes).unwrap_or(i64::MAX)),
            Field::BytesUploaded => count(line.from_client),
            Field::Hostname => Datum::text(line.hostname),
            Field::UniqueId => Datum::Text(line.unique_id.map(|id| id.as_bytes().into())),
            Field::Pid => Datum::HexInt(line.pid.into(), 4),
            Field::Number => Datum::HexInt(line.number.into(), 4),
            Field::LogNumber => Datum::HexInt(line.log_number.into(), 4),
            Field::ProcessConns => count(counts.process),
            Field::FrontendConns => count(counts.frontend),
            Field::BackendConns => count(counts.backend),
            Field::ServerConns => count(counts.server),
            Field::Retries if summary.redispatched => Datum::Growing(summary.retries.into()),
            Field::Retries => Datum::Int(summary.retries.into()),
            Field::BackendQueue => count(counts.backend_queue),
            Field::ServerQueue => count(counts.server_queue),
            Field::Frontend => Datum::text(line.frontend),
            Field::FrontendTransport if line.tls.is_some() => {
                Datum::Text(Some(format!("{}~", line.frontend).into_bytes().into()))
            }
            Field::FrontendTransport => Datum::text(line.frontend),
            Field::Backend => Datum::text(line.backend),
            Field::Server => Datum::text(line.server.unwrap_or("<NOSRV>")),
            Field::ClientIp => match line.client {
                Client::Ip(address) => Datum::Ip(address.ip()),
                Client::Unix { .. } => Datum::text("unix"),
            },
            Field::ClientPort => match line.client {
                Client::Ip(address) => port(Some(address)),
                Client::Unix { listener } => Datum::Int(listener.into()),
            },
            Field::FrontendIp => match line.client {
                Client::Ip(_) => ip(line.local),
                Client::Unix { .. } => Datum::text("unix"),
            },
            Field::FrontendPort => match line.client {
                Client::Ip(_) => port(line.local),
                Client::Unix { listener } => Datum::Int(listener.into()),
            },
            Field::BackendIp => ip(line.towards_server.from),
            Field::BackendPort => port(line.towards_server.from),
            Field::ServerIp => ip(line.towards_server.to),
            Field::ServerPort => port(line.towards_server.to),
            Field::TlsCipher => Datum::Text(line.tls.map(|tls| tls.cipher.as_bytes().into())),
            Field::TlsVersion => Datum::Text(line.tls.map(|tls| tls.version.as_bytes().into())),
            Field::Termination => Datum::Bare(summary.ending.to_string()),
            Field::TerminationAndCookie => Datum::Bare(format!("{}--", summary.ending)),
            // HAProxy takes these for TCP, too, where there is neither.
            Field::Status => Datum::Int(0),
            Field::RequestHeaders if line.captures > 0 => Datum::Bare(format!("{{{}}}", captures(line).join("|"))),
            Field::RequestHeaderList => {
                let each = captures(line).into_iter().map(|kept| match kept.is_empty() {
                    true => "-".to_owned(),
                    false => kept,
                });
                Datum::Bare(each.collect::<Vec<_>>().join(" "))
            }
            Field::RequestHeaders | Field::ResponseHeaders | Field::ResponseHeaderList => Datum::Bare(String::new()),
        }
    }
}

/// What rules have kept, each with HAProxy's escapes: what is no letter, or is among those that stand around them, is a
/// `#` and two digits.
fn captures(line: &Line<'_>) -> Vec<String> {
    let kept = |number| {
        let variable = Variable::captured(number);
        let bytes = line.context.and_then(|context| context.variable(&variable));
        bytes.map(|bytes| escaped(&bytes.into_text())).unwrap_or_default()
    };
    (0..line.captures).map(kept).collect()
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'"' | b'#' | b'{' | b'|' | b'}' | ..=31 | 127.. => {
                write!(text, "#{byte:02X}").expect("a string takes it");
            }
            byte => text.push(char::from(*byte)),
        }
    }
    text
}

/// -1 for what never happened. A duration of a connection fits by far.
fn millis(time: Option<Duration>) -> i64 {
    time.map_or(-1, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

/// From when the server accepted to the end.
fn data_time(line: &Line<'_>) -> i64 {
    let summary = &line.summary;
    match summary.connect {
        None => -1,
        Some(_) => millis(Some(summary.total)) - millis(summary.wait).max(0) - millis(summary.connect),
    }
}

fn ip(address: Option<SocketAddr>) -> Datum<'static> {
    address.map_or(Datum::Text(None), |address| Datum::Ip(address.ip()))
}

fn port(address: Option<SocketAddr>) -> Datum<'static> {
    address.map_or(Datum::Text(None), |address| Datum::HexInt(address.port().into(), 4))
}

/// `21/Nov/2026:17:43:12 +0100`
fn date(time: CivilTime, offset: i32) -> Datum<'static> {
    let CivilTime {
        year,
        day,
        hour,
        minute,
        second,
        ..
    } = time;
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.unsigned_abs() / 60;
    Datum::Bare(format!(
        "{day:02}/{}/{year:04}:{hour:02}:{minute:02}:{second:02} {sign}{:02}{:02}",
        time.month_name(),
        minutes / 60,
        minutes % 60
    ))
}
