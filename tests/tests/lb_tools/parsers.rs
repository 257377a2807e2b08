//! Programs that cannot be installed here: what they parse, as the reference describes it (section 5).

use tandem_tests::{fetch, request};

use super::stage::{Side, Stage};

/// telegraf: the first cell begins with `# `, and every row has as many cells as the header, the empty last one too.
fn telegraf(csv: &str) -> Vec<String> {
    let mut lines = csv.lines().filter(|line| !line.is_empty());
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    assert!(header[0].starts_with("# ") && header.last() == Some(&""), "{header:?}");
    let rows = lines.map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), header.len(), "{line}");
        let kind: u8 = cells[32].parse().expect("a type");
        assert!(kind <= 3, "{line}");
        format!("{} {} {kind} {}", cells[0], cells[1], cells[17])
    });
    rows.collect()
}

#[test]
fn telegraf_over_the_page_and_the_socket() {
    let Some(stage) = Stage::set("telegraf") else { return };
    for uri in ["/;csv", "/haproxy?stats;csv", "/haproxy?stats/;csv"] {
        let [theirs, ours] = stage.both(|side| telegraf(&fetch(side.page(), uri).body));
        assert_eq!(ours, theirs, "{uri}");
    }
    let [theirs, ours] = stage.both(|side| telegraf(&side.room.ask("show stat")));
    assert_eq!(ours, theirs);
}

/// Datadog: both commands in one go with CR LF, two blocks between blank lines; of `show info` lines of two parts until
/// `Uptime_sec` is read.
fn datadog(side: &Side) -> (Vec<String>, Vec<String>) {
    let answer = side.room.ask("show info;show stat\r");
    let blocks: Vec<&str> = answer.split("\n\n").filter(|block| !block.trim().is_empty()).collect();
    let [info, stat] = blocks[..] else {
        panic!("{} blocks: {answer}", blocks.len());
    };
    let mut names = Vec::new();
    for line in info.lines() {
        let parts: Vec<&str> = line.split(':').collect();
        assert_eq!(parts.len(), 2, "{line}");
        names.push(parts[0].to_owned());
        if parts[0] == "Uptime_sec" {
            break;
        }
    }
    assert_eq!(names.last().map(String::as_str), Some("Uptime_sec"));
    (names, telegraf(stat))
}

/// `# table: N, type: T, size:S, used:U`
fn table(line: &str) -> Option<[String; 4]> {
    let rest = line.strip_prefix("# table: ")?;
    let (name, rest) = rest.split_once(", type: ")?;
    let (kind, rest) = rest.split_once(", size:")?;
    let (size, used) = rest.split_once(", used:")?;
    Some([name, kind, size, used].map(str::to_owned))
}

#[test]
fn datadog_over_the_socket_and_the_page() {
    let Some(stage) = Stage::set("Datadog") else { return };
    let [theirs, ours] = stage.both(datadog);
    assert_eq!(ours, theirs);
    let [theirs, ours] = stage.both(|side| {
        let answer = side.room.ask("show table");
        answer.lines().filter_map(table).collect::<Vec<_>>()
    });
    assert_eq!((ours.len(), &ours), (1, &theirs));
    let [theirs, ours] = stage.both(|side| {
        let page = request(side.page(), "GET", "/", &[], "").body;
        ["HAProxy version ", "uptime = "].map(|words| page.contains(words))
    });
    assert_eq!(ours, theirs);
}

/// Octavia asks for parts, and takes the first two characters off.
#[test]
fn octavia_over_the_socket() {
    let Some(stage) = Stage::set("Octavia") else { return };
    for command in [
        "show stat -1 4 -1",
        "show stat -1 1 -1",
        "show stat -1 7 -1",
        "show stat be 6 -1",
    ] {
        let [theirs, ours] = stage.both(|side| telegraf(&side.room.ask(command)));
        assert_eq!(ours, theirs, "{command}");
    }
}
