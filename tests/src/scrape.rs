//! Metrics, read by the client library that others wrote.

use std::io::Write;
use std::process::{Command, Stdio};

/// What the library found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scraped {
    pub families: usize,
    pub samples: usize,
    /// Different ones.
    pub types: usize,
}

const READER: &str = "
import sys
from prometheus_client.parser import text_string_to_metric_families as text
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
families = list((openmetrics if sys.argv[1] == 'open' else text)(sys.stdin.read()))
print(len(families), sum(len(f.samples) for f in families), len({f.type for f in families}))
";

fn python() -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// `format` is `text` or `open`. `None`, and that is said, where the library is not installed.
#[track_caller]
pub fn read_by_library(scraped: &str, format: &str) -> Option<Scraped> {
    let is_there = python().args(["-c", "import prometheus_client"]).output();
    if !is_there.is_ok_and(|out| out.status.success()) {
        let said = "SKIP metrics: python3-prometheus-client is not installed";
        // A test whose reader is gone has nobody to tell.
        let _ = writeln!(std::io::stdout().lock(), "{said}");
        return None;
    }
    let mut reader = python().args(["-c", READER, format]).spawn().expect("it is there");
    let mut input = reader.stdin.take().expect("it was piped");
    input.write_all(scraped.as_bytes()).expect("it reads");
    drop(input);
    let read = reader.wait_with_output().expect("it ends");
    let wrong = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{format}: {wrong}");
    let said = String::from_utf8_lossy(&read.stdout);
    let found: Vec<usize> = said.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    let [families, samples, types] = found[..] else {
        panic!("{said}");
    };
    Some(Scraped {
        families,
        samples,
        types,
    })
}
