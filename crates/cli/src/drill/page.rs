//! The report as one page that needs nothing else: figures, a time line as SVG, and the report itself as JSON inside.
//!
//! ```text
//!   who has the address     ▇▇▇▇▇▇▇▇▇▇░░▇▇▇▇▇▇
//!   acknowledged per 100 ms ▂▂▂▂▂▂▂▂▂▂  ▂▂▃▃▂▂   stacked by broker
//!   marks                             × ×|||
//! ```

use std::fmt::Write;

use super::LeftOut;
use super::report::{BUCKET, Kind, Report};

const WIDTH: f64 = 1100.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 20.0;
const HOLDERS: f64 = 30.0;
const BARS: f64 = 90.0;
const BARS_HIGH: f64 = 160.0;
const MARKS: f64 = 280.0;
const HEIGHT: f64 = 350.0;
const COLOURS: [&str; 6] = ["#1b7f79", "#d08a1d", "#5470c6", "#9b59b6", "#7f8c8d", "#2e8b57"];

pub fn write(reports: &[Report], left_out: &[LeftOut]) -> String {
    let mut out = String::from(HEAD);
    if let Some(report) = reports.first().filter(|report| !report.changes.is_empty()) {
        let changes = super::text::changes(&report.changes);
        put(
            &mut out,
            format_args!("<pre class=\"changes\">{}</pre>", escape(&changes)),
        );
    }
    for report in reports {
        section(&mut out, report);
    }
    for LeftOut { drill, why } in left_out {
        let (drill, why) = (escape(drill), escape(why));
        put(
            &mut out,
            format_args!("<p class=\"left-out\">{drill} was left out: {why}.</p>"),
        );
    }
    out.push_str("</main></body></html>\n");
    out
}

fn section(out: &mut String, report: &Report) {
    let (class, verdict) = if report.passed {
        ("passed", "passed")
    } else {
        ("failed", "FAILED")
    };
    put(
        out,
        format_args!(
            "<section data-drill=\"{0}\"><h2>{0} <span class=\"{class}\">{verdict}</span></h2><p>{1}. With {2}.</p>",
            escape(&report.drill),
            escape(&report.about),
            escape(&report.cast)
        ),
    );
    if !report.broken_promises.is_empty() {
        let items: String = report
            .broken_promises
            .iter()
            .map(|p| format!("<li>{}</li>", escape(p)))
            .collect();
        put(out, format_args!("<ul class=\"failed\">{items}</ul>"));
    }
    chart(out, report);
    put(out, format_args!("<pre>{}</pre>", escape(&super::text::write(report))));
    // `</script` and `<!--` mean something inside the element; JSON has another way to write their first letter.
    let json = serde_json::to_string(report)
        .unwrap_or_default()
        .replace('<', "\\u003c");
    put(
        out,
        format_args!("<script type=\"application/json\">{json}</script></section>"),
    );
}

fn chart(out: &mut String, report: &Report) {
    let scale = (WIDTH - LEFT - RIGHT) / report.lasts.max(1.0);
    let x = |at: f64| LEFT + at.clamp(0.0, report.lasts) * scale;
    put(
        out,
        format_args!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"time line of {}\">",
            escape(&report.drill)
        ),
    );
    for (y, label) in [
        (HOLDERS + 18.0, "address"),
        (BARS + 14.0, "per 100 ms"),
        (MARKS + 14.0, "marks"),
    ] {
        text(out, 4.0, y, label);
    }
    for stretch in &report.holders {
        let width = (x(stretch.to) - x(stretch.from)).max(1.0);
        let hosts = stretch.hosts.join("+");
        let colour = match stretch.hosts.as_slice() {
            [] => "#c0392b",
            [one] if one == "lb1" => COLOURS[0],
            [_] => COLOURS[1],
            _ => "#8e44ad",
        };
        put(
            out,
            format_args!(
                "<rect data-holder=\"{hosts}\" x=\"{:.1}\" y=\"{HOLDERS}\" width=\"{width:.1}\" height=\"26\" fill=\"{colour}\"><title>{} \
                 {:.0} to {:.0} ms</title></rect>",
                x(stretch.from),
                if hosts.is_empty() { "nobody" } else { &hosts },
                stretch.from,
                stretch.to
            ),
        );
        if width > 40.0 {
            put(
                out,
                format_args!(
                    "<text class=\"on\" x=\"{:.1}\" y=\"{}\">{hosts}</text>",
                    x(stretch.from) + 6.0,
                    HOLDERS + 18.0
                ),
            );
        }
    }
    bars(out, report, &x);
    for step in &report.steps {
        let at = x(step.at);
        put(
            out,
            format_args!(
                "<line data-step=\"{0}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"22\" y2=\"{MARKS}\" class=\"step\"/><text x=\"{1:.1}\" \
                 y=\"16\">{0}</text>",
                escape(&step.act),
                at + 3.0
            ),
        );
    }
    for mark in &report.marks {
        let (colour, row) = match mark.kind {
            Kind::Lost => ("#c0392b", 0.0),
            Kind::Unanswered => ("#8e44ad", 1.0),
            Kind::Late => ("#d08a1d", 2.0),
            Kind::Refused => ("#7f8c8d", 3.0),
        };
        let (at, top) = (x(mark.at), MARKS + row * 13.0);
        let took = mark.took.map(|t| format!(", {t} ms")).unwrap_or_default();
        let kind = kind(mark.kind);
        put(
            out,
            format_args!(
                "<line data-mark=\"{kind}\" data-id=\"{0}\" data-at=\"{1}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{2}\" \
                 stroke=\"{colour}\" stroke-width=\"2\"><title>{kind} {0} at {1} ms{took}</title></line>",
                mark.id,
                mark.at,
                top + 11.0
            ),
        );
    }
    seconds(out, report, &x);
    out.push_str("</svg>\n");
    legend(out, report);
}

fn bars(out: &mut String, report: &Report, x: &impl Fn(f64) -> f64) {
    let buckets = report.served.first().map_or(0, Vec::len);
    let sum = |place: usize| report.served.iter().map(|row| row[place]).sum::<u64>();
    let most = (0..buckets).map(sum).max().unwrap_or(0).max(1) as f64;
    for place in 0..buckets {
        let from = (place as u64 * BUCKET) as f64;
        let width = (x(from + BUCKET as f64) - x(from) - 1.0).max(0.5);
        let mut bottom = BARS + BARS_HIGH;
        for (broker, row) in report.served.iter().enumerate() {
            let high = row[place] as f64 / most * BARS_HIGH;
            bottom -= high;
            if row[place] > 0 {
                let colour = COLOURS[(broker + 2) % COLOURS.len()];
                put(
                    out,
                    format_args!(
                        "<rect data-broker=\"{0}\" data-count=\"{1}\" x=\"{2:.1}\" y=\"{bottom:.1}\" width=\"{width:.1}\" \
                         height=\"{high:.1}\" fill=\"{colour}\"><title>broker{0}: {1} from {from} ms on</title></rect>",
                        broker + 1,
                        row[place],
                        x(from)
                    ),
                );
            }
        }
    }
    text(out, 4.0, BARS + 30.0, &format!("most {most}"));
}

fn seconds(out: &mut String, report: &Report, x: &impl Fn(f64) -> f64) {
    let mut second = 0.0;
    while second * 1000.0 <= report.lasts {
        text(out, x(second * 1000.0), HEIGHT - 4.0, &format!("{second} s"));
        second += 1.0;
    }
}

fn legend(out: &mut String, report: &Report) {
    let brokers: String = (0..report.brokers)
        .map(|n| {
            format!(
                "<span style=\"color:{}\">■</span> broker{} ",
                COLOURS[(n + 2) % COLOURS.len()],
                n + 1
            )
        })
        .collect();
    let marks: String = [
        ("#c0392b", Kind::Lost, "lost"),
        ("#8e44ad", Kind::Unanswered, "never answered"),
        ("#d08a1d", Kind::Late, "later than 300 ms"),
        ("#7f8c8d", Kind::Refused, "new connections without an answer"),
    ]
    .map(|(colour, kind, words)| {
        format!(
            "<span style=\"color:{colour}\">|</span> {} {words} ",
            report.count(kind)
        )
    })
    .concat();
    put(out, format_args!("<p class=\"legend\">{brokers} {marks}</p>"));
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Lost => "lost",
        Kind::Late => "late",
        Kind::Unanswered => "unanswered",
        Kind::Refused => "refused",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn text(out: &mut String, x: f64, y: f64, words: &str) {
    put(
        out,
        format_args!("<text x=\"{x:.1}\" y=\"{y}\">{}</text>", escape(words)),
    );
}

fn put(out: &mut String, element: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{element}");
}

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tandem drills</title>
<meta name=\"viewport\" content=\"width=device-width\">
<style>
:root { color-scheme: light dark; --ink: light-dark(#222, #ddd); --ground: light-dark(#fff, #181a1b); }
body { font: 15px system-ui, sans-serif; color: var(--ink); background: var(--ground); margin: 2em auto; max-width: 1140px; padding: 0 1em }
svg { width: 100%; height: auto } svg text { font-size: 12px; fill: var(--ink) } svg text.on { fill: #fff }
.step { stroke: var(--ink); stroke-dasharray: 3 3 }
h2 .passed { color: #1b7f79 } .failed { color: #c0392b }
pre { overflow-x: auto; font-size: 13px }
</style></head><body><main><h1>Drills</h1>
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::report::{Figures, Mark, Stretch};

    #[test]
    fn each_mark_of_the_report_is_drawn_once_and_words_are_harmless() {
        let mark = |kind, at| Mark {
            kind,
            at,
            id: "1:2".into(),
            took: None,
        };
        let report = Report {
            drill: "x".into(),
            about: "<b> & </script>".into(),
            cast: String::new(),
            changes: Vec::new(),
            lasts: 1000.0,
            steps: Vec::new(),
            holders: vec![Stretch {
                hosts: vec!["lb1".into()],
                from: 0.0,
                to: 1000.0,
            }],
            brokers: 1,
            served: vec![vec![1, 0, 3]],
            marks: vec![
                mark(Kind::Lost, 1.0),
                mark(Kind::Refused, 2.0),
                mark(Kind::Refused, 3.0),
            ],
            figures: Figures::default(),
            passed: false,
            broken_promises: vec!["a < b".into()],
        };
        let page = write(&[report], &[]);
        assert_eq!(page.matches("data-mark=").count(), 3);
        assert_eq!(page.matches("data-mark=\"refused\"").count(), 2);
        assert_eq!(page.matches("data-broker=").count(), 2);
        assert_eq!(page.matches("</script>").count(), 1);
        assert!(page.contains("a &lt; b") && !page.contains("<b>"));
    }
}
