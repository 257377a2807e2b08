//! Ours beside HAProxy as a picture: for each load two bars, processor time and rate as a ratio; the line is 1.

use std::fmt::Write;

use super::goals::{PROCESSOR, RATE};
use super::{HAPROXY, Measured};

const WIDTH: f64 = 760.0;
const LABEL: f64 = 170.0;
const ONE: f64 = 240.0;
const BAR: f64 = 9.0;
const ROW: f64 = 26.0;
const HEAD: f64 = 34.0;
const COLOURS: [(&str, &str); 2] = [
    ("processor time, less is better", "#1b7f79"),
    ("rate, more is better", "#c98a2b"),
];

pub(super) fn draw(measured: &Measured) -> String {
    let peer = measured.place(HAPROXY);
    let ratios = measured.rows.iter().filter_map(|row| {
        let both = [PROCESSOR, RATE].map(|reading| Some(measured.ratio(row, peer?, reading)?.median));
        Some((row.load.as_str(), [both[0]?, both[1]?]))
    });
    let ratios: Vec<_> = ratios.collect();
    let height = HEAD + ROW * ratios.len() as f64 + 12.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (number, (words, colour)) in COLOURS.iter().enumerate() {
        let x = LABEL + 230.0 * number as f64;
        put(
            &mut out,
            format_args!("<rect x=\"{x}\" y=\"8\" width=\"10\" height=\"10\" fill=\"{colour}\"/>"),
        );
        put(
            &mut out,
            format_args!("<text x=\"{}\" y=\"17\">{words}</text>", x + 15.0),
        );
    }
    for (number, (load, both)) in ratios.iter().enumerate() {
        let y = HEAD + ROW * number as f64;
        put(
            &mut out,
            format_args!("<text x=\"8\" y=\"{}\">{load}</text>", y + BAR + 4.0),
        );
        for (bar, (ratio, (_, colour))) in both.iter().zip(COLOURS).enumerate() {
            let (y, width) = (y + (BAR + 2.0) * bar as f64, (ratio * ONE).min(WIDTH - LABEL - 40.0));
            put(
                &mut out,
                format_args!("<rect x=\"{LABEL}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>"),
            );
            let x = LABEL + width + 4.0;
            put(
                &mut out,
                format_args!(
                    "<text x=\"{x:.1}\" y=\"{}\" font-size=\"10\">{ratio:.2}</text>",
                    y + BAR - 1.0
                ),
            );
        }
    }
    let x = LABEL + ONE;
    put(
        &mut out,
        format_args!(
            "<line x1=\"{x}\" y1=\"{HEAD}\" x2=\"{x}\" y2=\"{height}\" stroke=\"#444\" stroke-dasharray=\"3 3\"/>"
        ),
    );
    out + "</svg>\n"
}

fn put(out: &mut String, element: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{element}");
}
