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
    return {
        marks: all('[data-mark]').map(m => [m.dataset.mark, m.dataset.id, Number(m.dataset.at)]),
        served: all('[data-broker]').reduce((sum, bar) => sum + Number(bar.dataset.count), 0),
        steps: all('[data-step]').map(step => step.dataset.step),
        holders: all('[data-holder]').map(holder => holder.dataset.holder),
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
    let served = list("served")
        .into_iter()
        .flat_map(|row| row.as_array().cloned().unwrap_or_default());
    let sum: u64 = served.filter_map(|count| count.as_u64()).sum();
    assert_eq!(drawn["served"].as_u64(), Some(sum));
    let steps: Vec<Value> = list("steps").iter().map(|step| step["act"].clone()).collect();
    assert_eq!(drawn["steps"], Value::from(steps));
    assert_eq!(drawn["holders"].as_array().map(Vec::len), Some(list("holders").len()));
    // The browser writes 7.0 as 7, so the numbers of the report inside are compared as numbers above.
    let inside = &drawn["report"];
    assert_eq!(
        (&inside["drill"], &inside["passed"]),
        (&report["drill"], &report["passed"])
    );
    assert_eq!(inside["figures"]["acknowledged"], report["figures"]["acknowledged"]);
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
