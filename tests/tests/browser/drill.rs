//! The page that a drill writes, in the browser: what is drawn is what the JSON says, mark by mark.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tandem_tests::binary;

use crate::chromium::Chromium;
use crate::{output, skip};

/// What the chart shows, in the shape of the report.
const DRAWN: &str = "(() => {
    const all = selector => [...document.querySelectorAll(selector)];
    const n = (it, name) => Number(it.getAttribute(name));
    return {
        marks: all('[data-mark]').map(m => [m.dataset.mark, m.dataset.id, Number(m.dataset.at)]),
        marked: all('[data-mark]').map(m => n(m, 'x1')),
        served: all('[data-broker]').map(bar => [Number(bar.dataset.broker), n(bar, 'x'), Number(bar.dataset.count)]),
        steps: all('[data-step]').map(step => step.dataset.step),
        stepped: all('[data-step]').map(step => n(step, 'x1')),
        holders: all('[data-holder]').map(holder => holder.dataset.holder),
        held: all('[data-holder]').map(holder => [n(holder, 'x'), n(holder, 'x') + n(holder, 'width')]),
        report: JSON.parse(document.querySelector('script[type=\"application/json\"]').textContent),
    };
})()";

#[test]
fn a_drills_page_draws_what_its_report_says() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let page = output().canonicalize().expect("the folder is there").join("drill.html");
    let Some(report) = held(&page) else { return };
    browser.open(&format!("file://{}", page.display()));
    let drawn = browser.run(DRAWN);

    let list = |name: &str| report[name].as_array().expect("a list").clone();
    let marks: Vec<Value> = list("marks")
        .iter()
        .map(|m| json!([m["kind"], m["id"], m["at"]]))
        .collect();
    assert!(!marks.is_empty(), "a host without power refuses some connections");
    let numbers = |marks: &[Value]| -> Vec<(String, String, f64)> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        marks
            .iter()
            .map(|m| (word(&m[0]), word(&m[1]), m[2].as_f64().unwrap_or(f64::NAN)))
            .collect()
    };
    assert_eq!(numbers(drawn["marks"].as_array().expect("a list")), numbers(&marks));
    let steps: Vec<Value> = list("steps").iter().map(|step| step["act"].clone()).collect();
    assert_eq!(drawn["steps"], Value::from(steps));
    let hosts = |stretch: &Value| {
        let hosts = stretch["hosts"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = hosts.iter().filter_map(Value::as_str).collect();
        names.join("+")
    };
    let holders: Vec<String> = list("holders").iter().map(hosts).collect();
    assert_eq!(drawn["holders"], json!(holders));
    places(&report, &drawn);
    // The browser writes 7.0 as 7, so the numbers of the report inside are compared as numbers above.
    let inside = &drawn["report"];
    assert_eq!(
        (&inside["drill"], &inside["passed"]),
        (&report["drill"], &report["passed"])
    );
    assert_eq!(inside["figures"]["acknowledged"], report["figures"]["acknowledged"]);
}

/// Everything stands at its time, on the scale that the first and the last holder of the address give.
fn places(report: &Value, drawn: &Value) {
    let column = |value: &Value, key: &str| -> Vec<f64> {
        let rows = value.as_array().expect("a list");
        let number = |row: &Value| if key.is_empty() { row } else { &row[key] }.as_f64().expect("a number");
        rows.iter().map(number).collect()
    };
    let held = drawn["held"].as_array().expect("a list");
    let end = |row: Option<&Value>, which: usize| row.and_then(|row| row[which].as_f64()).expect("there is a holder");
    let (left, right) = (end(held.first(), 0), end(held.last(), 1));
    let scale = (right - left) / report["lasts"].as_f64().expect("a number");
    let near = |drawn: f64, at: f64| (drawn - left - at * scale).abs() < 0.3;
    for (drawn, at) in [
        (column(&drawn["marked"], ""), column(&report["marks"], "at")),
        (column(&drawn["stepped"], ""), column(&report["steps"], "at")),
        (
            held.iter().map(|row| end(Some(row), 0)).collect(),
            column(&report["holders"], "from"),
        ),
    ] {
        assert_eq!(drawn.len(), at.len());
        for (drawn, at) in drawn.into_iter().zip(at) {
            assert!(
                near(drawn, at),
                "{at} ms is at {drawn}, with {scale} for each from {left} on"
            );
        }
    }
    const BUCKET: f64 = 100.0;
    let bars = drawn["served"].as_array().expect("a list").iter();
    let bars = bars.map(|bar| {
        let bucket = (bar[1].as_f64().expect("a number") - left) / scale / BUCKET;
        (
            bucket.round() as usize,
            bar[0].as_u64().unwrap_or(0),
            bar[2].as_u64().unwrap_or(0),
        )
    });
    let rows = report["served"]
        .as_array()
        .expect("a row for each broker")
        .iter()
        .zip(1..);
    let counts = rows.flat_map(|(row, broker)| {
        let row = row.as_array().cloned().unwrap_or_default();
        let counts = row.into_iter().enumerate();
        counts.map(move |(bucket, count)| (bucket, broker, count.as_u64().unwrap_or(0)))
    });
    let mut served: Vec<(usize, u64, u64)> = counts.filter(|(.., count)| *count > 0).collect();
    served.sort_unstable();
    assert_eq!(bars.collect::<Vec<_>>(), served);
}

/// The drill's report; `None` where there are no namespaces.
fn held(page: &Path) -> Option<Value> {
    let drill = Command::new(binary("tandem"))
        .args(["drill", "cluster-failover", "--patience", "8", "--json", "--html"])
        .arg(page)
        .output()
        .expect("the drill starts");
    let complaint = String::from_utf8_lossy(&drill.stderr);
    if complaint.contains("no network namespaces here") {
        // A test whose reader is gone has nobody to tell.
        let _ = std::io::Write::write_fmt(
            &mut std::io::stdout().lock(),
            format_args!("SKIP namespaces: {complaint}"),
        );
        return None;
    }
    assert!(
        drill.status.success(),
        "{}{complaint}",
        String::from_utf8_lossy(&drill.stdout)
    );
    let reports: Value = serde_json::from_slice(&drill.stdout).expect("the reports are JSON");
    Some(reports[0].clone())
}
