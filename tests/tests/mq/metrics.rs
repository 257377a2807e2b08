//! The port for those who watch: metrics that agree with what was done, and health that says what is so.

use std::net::SocketAddr;

use nix::sys::signal::Signal;
use tandem_tests::{Mq, Mqtt, Stomp, fetch, free_port, read_by_library, request, until};

fn started(settings: &str) -> (Mq, SocketAddr) {
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    (Mq::start(&format!("{settings}\n[admin]\naddress = \"{at}\"")), at)
}

#[track_caller]
fn value(page: &str, series: &str) -> u64 {
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let value = line.unwrap_or_else(|| panic!("no {series} in {page}"));
    value.parse().expect("a number")
}

#[test]
fn metrics_say_what_was_done_and_a_client_library_reads_them() {
    let (mq, at) = started("anonymous = true");
    let mut client = Stomp::connect(mq.address());
    for body in ["a", "b", "c"] {
        client.send("/queue/q\u{e9}", body);
    }
    client.subscribe("/queue/q\u{e9}", "client-individual");
    client.take(1);
    client.settle();
    let (_mqtt, _) = Mqtt::connect(mq.address(), "m", false).expect("it is let in");
    let page = until("the figures", || {
        let page = fetch(at, "/metrics").body;
        (value(&page, "tandem_mq_messages_unacknowledged") == 2).then_some(page)
    });
    for (series, count) in [
        ("tandem_mq_connections{protocol=\"stomp\"}", 1),
        ("tandem_mq_connections{protocol=\"mqtt\"}", 1),
        ("tandem_mq_connections_total{protocol=\"amqp10\"}", 0),
        ("tandem_mq_logins_total{result=\"accepted\"}", 2),
        ("tandem_mq_clients", 1),
        ("tandem_mq_queues", 1),
        ("tandem_mq_consumers", 1),
        ("tandem_mq_messages_ready", 0),
        ("tandem_mq_messages_enqueued_total", 3),
        ("tandem_mq_messages_delivered_total", 3),
        ("tandem_mq_messages_acknowledged_total", 1),
        ("tandem_mq_producers_held{reason=\"memory\"}", 0),
        ("tandem_mq_message_memory_limit_bytes", 268_435_456),
    ] {
        assert_eq!(value(&page, series), count, "{series}");
    }
    for series in [
        "tandem_mq_message_memory_bytes",
        "tandem_mq_journal_bytes",
        "tandem_mq_journal_records_total",
        "tandem_mq_journal_commits_total",
        "tandem_mq_disk_size_bytes",
        "tandem_mq_disk_available_bytes",
        "process_resident_memory_bytes",
        "process_open_fds",
    ] {
        assert!(value(&page, series) > 0, "{series}");
    }
    let queues = fetch(at, "/metrics/per-object");
    assert_eq!(queues.header("content-type"), "text/plain; version=0.0.4");
    let labels = "{queue=\"q\u{e9}\",address=\"q\u{e9}\",kind=\"queue\"}";
    assert_eq!(
        value(
            &queues.body,
            &format!("tandem_mq_queue_messages_unacknowledged{labels}")
        ),
        2
    );
    for text in [&page, &queues.body] {
        let Some(found) = read_by_library(text, "text") else {
            return;
        };
        let own = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!((found.samples, found.types), (own, 2));
    }
}

#[test]
fn health_says_whether_it_serves_and_whether_everybody_may_send() {
    let (mq, at) = started("anonymous = true\n[memory]\nmessages = 10000");
    let status = |path: &str| fetch(at, path).status;
    assert_eq!(
        (
            status("/health/live"),
            status("/health/ready"),
            status("/health/alarms")
        ),
        (200, 200, 200)
    );
    assert!(fetch(at, "/health").body.starts_with("role: active\n"));
    assert_eq!(
        fetch(at, "/stat").body,
        "role: active\nterm: 0\nlag: 0\nqueues: 0\nmessages: 0\n"
    );
    assert_eq!(
        (status("/nothing"), request(at, "POST", "/metrics", &[], "x").status),
        (404, 405)
    );
    let mut client = Stomp::connect(mq.address());
    client.send("/queue/q", &"x".repeat(20_000));
    assert_eq!((status("/health/ready"), status("/health/alarms")), (200, 503));
    client.subscribe("/queue/q", "client-individual");
    client.take(1);
    until("room again", || (status("/health/alarms") == 200).then_some(()));
}

/// A balancer that asks sends nobody there any more, while those who are there still leave.
#[test]
fn who_goes_down_is_not_ready() {
    let (mq, at) = started("anonymous = true");
    // It does not read what it asked for, so it is slow to hear that it should go.
    let mut slow = Stomp::connect(mq.address());
    slow.subscribe("/topic/t", "auto");
    let mut other = Stomp::connect(mq.address());
    for _ in 0..24 {
        other.send("/topic/t", &"x".repeat(1 << 20));
    }
    assert_eq!(fetch(at, "/health/ready").status, 200);
    mq.signal(Signal::SIGTERM);
    until("it to say that it goes", || {
        let said = ["/health/ready", "/health", "/health/alarms"].map(|path| fetch(at, path).status);
        (said == [503; 3]).then_some(())
    });
    assert_eq!(fetch(at, "/health/live").status, 200);
    until("the end", || std::net::TcpStream::connect(at).is_err().then_some(()));
}
