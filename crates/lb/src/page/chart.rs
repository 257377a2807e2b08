//! The last hour of each server as small pictures, drawn here: they need no script, and a screen reader gets the figures.

use std::fmt::Write;

use tandem_lb_core::stats::hour::{Curve, Hour};
use tandem_time::Mono;

use tandem_ops::web::words::{bytes, grouped};

/// The picture is so many units wide, one for each half minute, and so many high.
const WIDTH: usize = 120;
const HEIGHT: u64 = 32;

/// A server's row of pictures.
pub(super) struct Charts {
    pub(super) server: String,
    pub(super) charts: Vec<Chart>,
}

pub(super) struct Chart {
    pub(super) name: &'static str,
    /// The latest value and the most.
    pub(super) now: String,
    pub(super) most: String,
    /// All of it in words.
    pub(super) label: String,
    /// The `d` of an SVG path.
    pub(super) path: String,
}

const CURVES: [(&str, Curve); 4] = [
    ("Sessions", Curve::Sessions),
    ("New per second", Curve::Rate),
    ("Bytes per second", Curve::Bytes),
    ("Connect time", Curve::ConnectTime),
];

impl Charts {
    pub(super) fn of(server: &str, hour: &Hour, now: Mono) -> Charts {
        let chart = |(name, curve)| Chart::new(server, name, curve, &hour.curve(curve, WIDTH, now));
        Charts {
            server: server.to_owned(),
            charts: CURVES.into_iter().map(chart).collect(),
        }
    }
}

impl Chart {
    fn new(server: &str, name: &'static str, curve: Curve, values: &[Option<u64>]) -> Chart {
        let latest = values.iter().rev().find_map(|value| *value);
        let most = values.iter().flatten().max().copied();
        let (now, most) = (latest.map(|n| said(curve, n)), most.map(|n| said(curve, n)));
        let label = match (&now, &most) {
            (Some(now), Some(most)) => format!("{name} of {server} in the last hour: {now} now, at most {most}"),
            _ => format!("{name} of {server} in the last hour: none yet"),
        };
        Chart {
            name,
            now: now.unwrap_or_else(|| "-".to_owned()),
            most: most.unwrap_or_else(|| "-".to_owned()),
            label,
            path: path(values),
        }
    }
}

fn said(curve: Curve, n: u64) -> String {
    match curve {
        Curve::Sessions | Curve::Rate => grouped(i128::from(n)),
        Curve::Bytes => bytes(i128::from(n)),
        Curve::ConnectTime if n < 1000 => format!("{n}\u{202f}µs"),
        Curve::ConnectTime if n < 1_000_000 => format!("{}.{}\u{202f}ms", n / 1000, n % 1000 / 100),
        Curve::ConnectTime => format!("{}.{}\u{202f}s", n / 1_000_000, n % 1_000_000 / 100_000),
    }
}

/// Steps from left to right; where nothing is known the line is broken.
fn path(values: &[Option<u64>]) -> String {
    let top = values.iter().flatten().max().copied().unwrap_or(0).max(1);
    // A unit is left above and below for the width of the line.
    let height = |n: u64| HEIGHT - 1 - n * (HEIGHT - 2) / top;
    let mut path = String::new();
    let mut at = None;
    for (x, value) in values.iter().enumerate() {
        let y = value.map(height);
        if y != at {
            // Writing into a string cannot fail.
            let _ = match (at, y) {
                (Some(_), Some(y)) => write!(path, "H{x}V{y}"),
                (None, Some(y)) => write!(path, "M{x} {y}"),
                (_, None) => write!(path, "H{x}"),
            };
            at = y;
        }
    }
    if at.is_some() {
        let _ = write!(path, "H{}", values.len());
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_steps_with_gaps() {
        for (values, expect) in [
            (&[None, None][..], ""),
            (&[Some(0), Some(0)], "M0 31H2"),
            (&[Some(0), Some(10), Some(10), Some(5)], "M0 31H1V1H3V16H4"),
            (&[None, Some(3), None, Some(3)], "M1 1H2M3 1H4"),
            (&[Some(u64::MAX / 64), None], "M0 1H1"),
        ] {
            assert_eq!(path(values), expect, "{values:?}");
        }
    }

    #[test]
    fn figures_in_words() {
        for (curve, n, text) in [
            (Curve::Sessions, 12_345, "12\u{202f}345"),
            (Curve::Bytes, 1_500, "1.50\u{202f}kB"),
            (Curve::ConnectTime, 250, "250\u{202f}µs"),
            (Curve::ConnectTime, 12_345, "12.3\u{202f}ms"),
            (Curve::ConnectTime, 2_500_000, "2.5\u{202f}s"),
        ] {
            assert_eq!(said(curve, n), text);
        }
        let empty = Charts::of("mq1", &Hour::default(), Mono::ZERO);
        assert_eq!(empty.charts[0].label, "Sessions of mq1 in the last hour: none yet");
    }
}
