//! The clients' gaps as a picture: a panel for each setting, two bars for each event, each panel to its own scale.

use std::fmt::Write;

use super::{Report, Row};
use crate::figures::Spread;

const WIDTH: f64 = 760.0;
const LABEL: f64 = 130.0;
const VALUE: f64 = 150.0;
const BAR: f64 = 9.0;
const ROW: f64 = 26.0;
const HEAD: f64 = 34.0;
const COLOURS: [&str; 2] = ["#1b7f79", "#b0b7bf"];

pub(super) fn draw(report: &Report) -> String {
    let panels: Vec<&[Row]> = report.rows.chunk_by(|one, next| one.setting == next.setting).collect();
    let height = panels.iter().map(|rows| HEAD + ROW * rows.len() as f64).sum::<f64>() + HEAD;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (number, (name, colour)) in report.contenders.iter().zip(COLOURS).enumerate() {
        let x = LABEL + 130.0 * number as f64;
        put(
            &mut out,
            format_args!("<rect x=\"{x}\" y=\"8\" width=\"10\" height=\"10\" fill=\"{colour}\"/>"),
        );
        text(&mut out, x + 15.0, 17.0, name);
    }
    let mut y = 26.0;
    for rows in panels {
        panel(&mut out, rows, y);
        y += HEAD + ROW * rows.len() as f64;
    }
    out + "</svg>\n"
}

fn panel(out: &mut String, rows: &[Row], top: f64) {
    let gaps = |row: &Row, contender| Spread::of(row.figures(contender, |f| Some(f.gap)));
    let all = rows
        .iter()
        .flat_map(|row| (0..row.runs.len()).filter_map(move |c| gaps(row, c)));
    let most = all.map(|spread| spread.worst).fold(1.0, f64::max);
    let scale = (WIDTH - LABEL - VALUE) / most;
    if let Some(row) = rows.first() {
        text(out, 8.0, top + 20.0, &format!("{}: client gap", row.setting.name()));
    }
    for (number, row) in rows.iter().enumerate() {
        let y = top + HEAD + ROW * number as f64;
        text(out, 16.0, y + BAR + 3.0, row.event.name());
        for (contender, colour) in (0..row.runs.len()).zip(COLOURS) {
            let Some(spread) = gaps(row, contender) else { continue };
            let (y, width) = (y + (BAR + 2.0) * contender as f64, (spread.median * scale).max(1.0));
            put(
                out,
                format_args!("<rect x=\"{LABEL}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>"),
            );
            let value = format!("{} ms", spread.text(0));
            put(
                out,
                format_args!(
                    "<text x=\"{:.1}\" y=\"{}\" font-size=\"10\">{value}</text>",
                    LABEL + width + 4.0,
                    y + BAR - 1.0
                ),
            );
        }
    }
}

fn text(out: &mut String, x: f64, y: f64, words: &str) {
    put(out, format_args!("<text x=\"{x}\" y=\"{y}\">{words}</text>"));
}

fn put(out: &mut String, element: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{element}");
}
