//! The rows beside those of the installed HAProxy for the same proxies.

use super::super::{Field, Info, InfoField, Kind, Row, figures, prometheus, typed};
use super::{backend_row, frontend_row, server_row};
use crate::backend::{Backend, BackendSettings, Conduct, Input, Output, ProxyKind, ServerSettings, Spread, View};
use crate::balance::{Algorithm, Policy};
use crate::health::{CheckResult, CheckSettings, CheckStatus};
use crate::{ServerId, ServerIdx};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tandem_time::{Mono, Seed};

const FIXTURE: &str = include_str!("../../../tests/golden/statistics.txt");

fn policy() -> Policy {
    Policy {
        algorithm: Algorithm::Source,
        ..Policy::default()
    }
}

fn server(name: &str, id: u32, weight: u16) -> ServerSettings {
    let check = CheckSettings {
        inter: Duration::from_millis(500),
        fastinter: None,
        downinter: None,
        rise: 2,
        fall: 3,
        connect_timeout: Duration::from_secs(1),
    };
    ServerSettings {
        place: ServerIdx(id - 1),
        name: name.into(),
        id: ServerId(id),
        weight,
        backup: name == "b",
        disabled: name == "d",
        is_nowhere: false,
        maxconn: if name == "d" { 5 } else { 0 },
        check: Some(check).filter(|_| name != "c"),
        conduct: Conduct::default(),
        agent: None,
        tracks: None,
        minconn: 0,
        hash_key: crate::balance::HashKey::Id,
        guid: None,
        at: None,
    }
}

/// The backend of the fixture, after its first checks.
fn machine() -> (Backend, Arc<View>) {
    let servers = vec![
        server("a", 1, 3),
        server("b", 2, 1),
        server("c", 3, 1),
        server("d", 4, 1),
    ];
    let settings = BackendSettings {
        name: "be".into(),
        kind: ProxyKind::Backend,
        policy: policy(),
        log_checks: false,
        spread: Spread::over(0, [servers.as_slice()]).remove(0),
        servers,
    };
    let mut machine = Backend::new(settings, Seed::new(1), Mono::ZERO);
    machine.on_deadline(Mono::from_millis(10_000));
    let ended = [
        CheckResult::new(CheckStatus::L4Ok, Duration::ZERO),
        CheckResult::new(CheckStatus::L4Connection, Duration::ZERO).with_info("Connection refused"),
    ];
    for (place, result) in (0..).zip(ended) {
        let server = ServerIdx(place);
        machine.handle(Input::CheckDone { server, result }, Mono::from_millis(10_001));
    }
    let published = std::iter::from_fn(|| machine.poll_output()).filter_map(|output| match output {
        Output::Publish(view) => Some(view),
        _ => None,
    });
    let view = published.last().expect("a new machine publishes");
    (machine, view)
}

fn rows() -> Vec<Row> {
    let (machine, view) = machine();
    let (traffic, effort) = (figures::Traffic::default(), figures::Effort::default());
    let mut rows = vec![frontend_row(&figures::Frontend {
        name: "fe",
        iid: 3,
        maxconn: 1000,
        session_rate: 0,
        is_open: true,
        traffic,
        denials: figures::Denials::default(),
        http: None,
    })];
    for place in 0..4 {
        let report = machine
            .report(ServerIdx(place), Mono::from_millis(12_000))
            .expect("there are four");
        rows.push(server_row(&figures::Server {
            proxy: "be",
            iid: 4,
            report: &report,
            address: "127.0.0.1:28501",
            maxqueue: 0,
            traffic,
            effort,
            change_seconds: 2,
        }));
    }
    let policy = policy();
    rows.push(backend_row(&figures::Backend {
        name: "be",
        iid: 4,
        is_http: false,
        is_published: true,
        fullconn: 100,
        policy: &policy,
        view: &view,
        traffic,
        effort,
        downs: 0,
        down_seconds: 0,
        change_seconds: 3,
    }));
    rows
}

/// `S.4.1.36.check_status.1:MOP:str` of typed lines: everything but the value.
fn shapes<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let shape = |line: &'a str| line.match_indices(':').nth(2).map(|(at, _)| &line[..at]);
    lines.filter_map(shape).collect()
}

#[test]
fn each_row_has_the_fields_of_haproxys() {
    let theirs = FIXTURE.lines().filter(|l| l.starts_with(['F', 'B', 'S']));
    let text = typed(&rows(), false);
    let is_of_2_6 = |l: &&str| {
        l.split('.')
            .nth(3)
            .is_some_and(|p| p.parse().is_ok_and(|p: u32| p <= 102))
    };
    let ours = text.lines().filter(is_of_2_6);
    let mut theirs = shapes(theirs);
    let mut ours = shapes(ours);
    theirs.sort_unstable();
    ours.sort_unstable();
    let missing: Vec<_> = theirs.iter().filter(|shape| !ours.contains(shape)).collect();
    let extra: Vec<_> = ours.iter().filter(|shape| !theirs.contains(shape)).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "missing {missing:#?}\nextra {extra:#?}"
    );
}

#[test]
fn what_does_not_depend_on_the_moment_is_equal() {
    let text = typed(&rows(), false);
    let fixed = [
        Field::Status,
        Field::Weight,
        Field::Act,
        Field::Bck,
        Field::CheckStatus,
        Field::CheckDesc,
        Field::LastChk,
        Field::CheckHealth,
        Field::Uweight,
        Field::Slim,
        Field::Algo,
        Field::Type,
        Field::Lastsess,
    ];
    let mut compared = 0;
    for line in FIXTURE.lines().filter(|l| l.starts_with(['F', 'B', 'S'])) {
        let field = line.split('.').nth(4).unwrap_or_default();
        // Theirs had clients, ours has none.
        if fixed.iter().any(|f| f.name() == field) && field != "lastsess" {
            assert!(text.lines().any(|ours| ours == line), "{line}");
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared}");
}

#[test]
fn info_has_the_fields_of_haproxys() {
    let text = {
        let mut info = Info::new();
        for field in [
            InfoField::Name,
            InfoField::Version,
            InfoField::ReleaseDate,
            InfoField::Uptime,
            InfoField::BuildInfo,
            InfoField::Node,
            InfoField::Description,
        ] {
            info.set(field, "x");
        }
        for field in [
            InfoField::TotalBytesOut,
            InfoField::TotalSplicedBytesOut,
            InfoField::BytesOutRate,
            InfoField::PoolAllocBytes,
            InfoField::PoolUsedBytes,
        ] {
            info.set(field, 0u64);
        }
        info.typed(false)
    };
    let ours = shapes(text.lines());
    // The one name that 2.6 misspells, and later versions do not.
    let theirs = FIXTURE.replace("Splicd", "Splic");
    let theirs = shapes(theirs.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())));
    assert_eq!(theirs.len(), 70);
    let missing: Vec<_> = theirs.iter().filter(|shape| !ours.contains(shape)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn metrics_have_the_names_and_types_of_haproxys() {
    let mut http = figures::Frontend {
        name: "stats",
        iid: 2,
        maxconn: 64,
        session_rate: 0,
        is_open: true,
        traffic: figures::Traffic::default(),
        denials: figures::Denials {
            headers: 0,
            handshakes: 0,
            connections: 1,
            sessions: 2,
            requests: 3,
            responses: 4,
        },
        http: Some(figures::Http::default()),
    };
    http.traffic.sessions_total = 7;
    let mut listener = Row::new(Kind::Listener, "fe", "sock-1", 3, 1);
    listener.set(Field::Status, "OPEN");
    listener.set(Field::Stot, 4u64);
    let rows: Vec<Row> = [frontend_row(&http), listener].into_iter().chain(rows()).collect();
    let tables = [prometheus::TableFill {
        name: "be".to_owned(),
        key: "ip",
        size: 1024,
        used: 3,
    }];
    let figures = prometheus::Figures {
        info: &Info::new(),
        rows: &rows,
        tables: &tables,
        spreads: &[],
        name_servers: &[],
        peers: &[],
        certificates: &[],
        rings: &[],
        reloads: prometheus::Reloads::default(),
        descriptions: &prometheus::Descriptions::default(),
    };
    let text = prometheus::metrics(&figures, &prometheus::Wish::default());
    let types = |text: &str| -> BTreeMap<String, String> {
        let words = text
            .lines()
            .filter_map(|l| l.trim_start_matches("# ").strip_prefix("TYPE "));
        words
            .filter_map(|w| w.split_once(' ').map(|(n, t)| (n.to_owned(), t.to_owned())))
            .collect()
    };
    let (ours, theirs) = (types(&text), types(FIXTURE));
    let absent = |name: &str| name.contains("zlib") || name.contains("backend_http_") || name.contains("_check_code");
    let missing: Vec<_> = theirs
        .iter()
        .filter(|(name, of)| !absent(name) && ours.get(*name) != Some(of))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    for line in [
        "haproxy_frontend_sessions_total{proxy=\"stats\"} 7",
        "haproxy_listener_sessions_total{proxy=\"fe\",listener=\"sock-1\"} 4",
        "haproxy_listener_status{proxy=\"fe\",listener=\"sock-1\",state=\"OPEN\"} 1",
        "haproxy_listener_status{proxy=\"fe\",listener=\"sock-1\",state=\"FULL\"} 0",
        "haproxy_server_status{proxy=\"be\",server=\"b\",state=\"DOWN\"} 1",
        "haproxy_server_status{proxy=\"be\",server=\"b\",state=\"UP\"} 0",
        "haproxy_server_status{proxy=\"be\",server=\"d\",state=\"MAINT\"} 1",
        "haproxy_server_limit_sessions{proxy=\"be\",server=\"a\"} NaN",
        "haproxy_server_check_status{proxy=\"be\",server=\"a\",state=\"L4OK\"} 1",
        "haproxy_backend_agg_server_status{proxy=\"be\",state=\"UP\"} 2",
        "haproxy_backend_agg_check_status{proxy=\"be\",state=\"L4CON\"} 1",
        "haproxy_backend_queue_time_average_seconds{proxy=\"be\"} 0.000000",
        "haproxy_sticktable_used{name=\"be\",type=\"ip\"} 3",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    assert!(!text.contains("desc=\""), "nobody has asked for that");
    let described = prometheus::Descriptions {
        process: Some("the first host".into()),
        proxies: [(3, "for \"brokers\"".into())].into(),
    };
    let figures = prometheus::Figures {
        descriptions: &described,
        ..figures
    };
    let text = prometheus::metrics(&figures, &prometheus::Wish::default());
    for line in [
        "haproxy_frontend_sessions_total{proxy=\"stats\"} 7",
        "haproxy_listener_sessions_total{proxy=\"fe\",desc=\"for \\\"brokers\\\"\",listener=\"sock-1\"} 4",
        "haproxy_process_nbproc{desc=\"the first host\"} 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
}

#[test]
fn a_row_has_no_field_of_another_kind() {
    for row in rows() {
        for (field, _) in row.values().filter(|(f, _)| *f < Field::Srid) {
            let of_proxies = field == Field::Sid && row.kind() != Kind::Server;
            assert!(field.is_of(row.kind()) || of_proxies, "{field:?} in {:?}", row.kind());
        }
    }
}

#[test]
fn weights_in_use() {
    let (machine, view) = machine();
    let weight = |all_backups, active_left: bool| {
        let mut servers = view.servers.clone();
        for server in servers.iter_mut().filter(|s| !s.is_backup) {
            server.weight = if active_left { server.weight } else { 0 };
            server.share = u32::from(server.weight) * 16;
        }
        servers[1].operation = crate::backend::Operation::Running;
        servers[1].weight = 7;
        servers[1].share = 7 * 16;
        servers.push(crate::backend::ServerView {
            weight: 5,
            share: 5 * 16,
            ..servers[1].clone()
        });
        super::weight_in_use(
            &servers,
            &Policy {
                all_backups,
                ..policy()
            },
            |s| s.share.div_ceil(16),
        )
    };
    assert_eq!(weight(true, true), 4);
    assert_eq!(weight(true, false), 12);
    assert_eq!(weight(false, false), 7);
    drop(machine);
}
