//! The figures for people: a block for each setting, a line for each event, the contenders side by side.

use std::fmt::Write;

use super::setting::Setting;
use super::trial::Figures;
use super::{Report, Row, goals};
use crate::figures::Spread;

type Reading = fn(&Figures) -> Option<f64>;

/// Heading, decimals, what is read.
const COLUMNS: [(&str, usize, Reading); 4] = [
    ("lost", 0, |f| Some(f.lost as f64)),
    ("gap ms", 0, |f| Some(f.gap)),
    ("advert ms", 1, |f| f.advert),
    ("late ms", 1, |f| f.late),
];
const EVENT: usize = 16;
const CELL: usize = 16;

pub(super) fn text(report: &Report) -> String {
    let mut out = report.machine.text();
    let mut settings: Vec<Setting> = Vec::new();
    for row in &report.rows {
        if !settings.contains(&row.setting) {
            settings.push(row.setting);
        }
    }
    for setting in settings {
        out.push('\n');
        block(&mut out, report, setting);
    }
    out.push_str(
        "\nMedian, and the worst in parentheses where it differs. lost: questions of a client, one each 2 ms, without an \
         answer; gap: the\nlongest row of them; advert: from the event to the other router's first advert; late: how much \
         later that was than the\nprotocol's arithmetic (after a goodbye the skew, otherwise the down interval).\n\n",
    );
    for goal in goals::judge(report) {
        let verdict = if goal.broken.is_empty() { "kept" } else { "BROKEN" };
        line(
            &mut out,
            format_args!("{}: {verdict} {}", goal.promise, goal.broken.join("; ")),
        );
    }
    out
}

fn block(out: &mut String, report: &Report, setting: Setting) {
    let (down, skew) = (setting.down().as_secs_f64() * 1e3, setting.skew().as_secs_f64() * 1e3);
    let mut over = format!("{:EVENT$}", setting.name());
    let mut heads = " ".repeat(EVENT);
    for name in &report.contenders {
        let width = CELL * COLUMNS.len();
        // Writing to a String cannot fail.
        let _ = write!(over, " | {name:<width$}");
        heads.push_str(" | ");
        COLUMNS.iter().for_each(|(head, ..)| {
            let _ = write!(heads, "{head:<CELL$}");
        });
    }
    line(out, format_args!("{over}"));
    line(out, format_args!("{heads}"));
    for row in report.rows.iter().filter(|row| row.setting == setting) {
        cells(out, row, row.event.name(), |contender| {
            COLUMNS.map(|(_, decimals, reading)| spread(row, contender, decimals, reading))
        });
        if row.event.healing().is_some() {
            cells(out, row, "  and heal", |contender| {
                let lost = spread(row, contender, 0, |f| f.healed.as_ref().map(|h| h.lost as f64));
                let gap = spread(row, contender, 0, |f| f.healed.as_ref().map(|h| h.gap));
                [lost, gap, String::new(), String::new()]
            });
        }
        if row.runs.iter().flatten().any(|figures| figures.back.is_some()) {
            cells(out, row, "  back after ms", |contender| {
                let back = spread(row, contender, 1, |f| f.back);
                [String::new(), back, String::new(), String::new()]
            });
        }
    }
    line(out, format_args!("down interval {down:.1} ms, skew {skew:.1} ms"));
}

fn cells(out: &mut String, row: &Row, name: &str, of: impl Fn(usize) -> [String; COLUMNS.len()]) {
    let mut text = format!("{name:EVENT$}");
    for contender in 0..row.runs.len() {
        text.push_str(" | ");
        for cell in of(contender) {
            // Writing to a String cannot fail.
            let _ = write!(text, "{cell:<CELL$}");
        }
    }
    line(out, format_args!("{text}"));
}

fn spread(row: &Row, contender: usize, decimals: usize, reading: Reading) -> String {
    Spread::of(row.figures(contender, reading)).map_or_else(|| "-".into(), |spread| spread.text(decimals))
}

/// Without blanks at its end.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.push_str(text.to_string().trim_end());
    out.push('\n');
}
