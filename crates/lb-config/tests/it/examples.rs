//! The shipped examples: both dialects mean the same, and mean what their comments say.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tandem_lb_config::{BindAddress, Host, Level, NamedText, Plan, ServerPort, Service, load};
use tandem_lb_core::balance::Algorithm;
use tandem_lb_core::rules::Storing;
use tandem_lb_core::stick::KeyType;

use tandem_lb_core::backend::InitState;

use crate::{complaints, errors, without_origins};

const HAPROXY: &str = include_str!("../../../../etc/haproxy-example.cfg");
const TOML: &str = include_str!("../../../../etc/tandem-lb.toml");

fn plan(name: &str, text: &str) -> Plan {
    let loaded = load(&[NamedText::new(name, text)], &|_| None, None);
    assert_eq!(errors(&loaded), [""; 0]);
    assert_eq!(complaints(&loaded), [""; 0]);
    loaded.plan.expect("no error was reported")
}

/// What is taken for granted before the first check is HAProxy's in its dialect, and the safe thing in ours.
fn believe_as_haproxy(haproxy: &Plan, native: &mut Plan) {
    let init = |plan: &Plan| plan.backends[0].servers[0].conduct.init;
    assert_eq!((init(haproxy), init(native)), (InitState::Up, InitState::Down));
    for server in native.backends.iter_mut().flat_map(|backend| &mut backend.servers) {
        server.conduct.init = InitState::Up;
    }
}

#[test]
fn both_dialects_yield_one_plan() {
    let haproxy = plan("example.cfg", HAPROXY);
    let mut native = plan("tandem-lb.toml", TOML);
    assert_eq!(&*haproxy.frontends[1].binds[0].origin, "example.cfg:31");
    assert!(native.backends[0].servers[0].origin.starts_with("tandem-lb.toml:"));
    believe_as_haproxy(&haproxy, &mut native);
    assert_eq!(without_origins(haproxy), without_origins(native));
}

#[test]
fn the_pair_is_the_same_in_both_dialects() {
    let haproxy = plan("haproxy.cfg", include_str!("../../../../etc/pair/haproxy.cfg"));
    let mut native = plan("lb.toml", include_str!("../../../../etc/pair/lb.toml"));
    believe_as_haproxy(&haproxy, &mut native);
    assert_eq!(without_origins(haproxy), without_origins(native));
}

#[test]
fn the_example_means_what_it_says() {
    let plan = plan("example.cfg", HAPROXY);
    assert_eq!(plan.global.maxconn, Some(20_000));
    assert_eq!(plan.global.stats_timeout, Some(Duration::from_secs(30)));
    let socket = &plan.global.stats_sockets[0];
    assert_eq!(
        (socket.level, socket.file.mode, socket.expose_listeners),
        (Level::Admin, Some(0o660), true)
    );

    let [stats, amq] = plan.frontends.as_slice() else {
        panic!("two frontends")
    };
    assert_eq!((stats.id, amq.id, plan.backends[0].id), (2, 3, 4));
    let Service::Stats(page) = &stats.service else {
        panic!("{:?}", stats.service)
    };
    assert_eq!(page.uri, "/stats");
    assert_eq!(
        page.auth,
        [("admin".to_owned(), "change-me".to_owned())],
        "the default of the variable"
    );
    assert_eq!(amq.service, Service::Tcp { backend: Some(0) });
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    assert_eq!(amq.binds[0].address, BindAddress::Ip { ip: any, port: 61616 });
    assert!(amq.log_rule.format.is_some() && amq.log_rule.dontlognull && amq.logs.global && amq.keepalive.is_some());

    let backend = &plan.backends[0];
    assert_eq!(backend.policy.algorithm, Algorithm::Source);
    assert_eq!(
        (backend.timeout_connect, backend.retries),
        (Some(Duration::from_secs(5)), 3)
    );
    let table = &plan.tables[0].settings;
    assert_eq!((table.key, table.size), (KeyType::Ipv4, 204_800));
    assert!(backend.stick[0].matches && backend.stick[0].stores == Storing::Request);
    let server = &backend.servers[1];
    assert_eq!(server.host, Host::Ip("10.0.0.12".parse().expect("an address")));
    assert_eq!(
        (server.port, server.weight, server.id.0),
        (ServerPort::Fixed(61616), 100, 2)
    );
    let check = &server.check.as_ref().expect("checked").settings;
    assert_eq!((check.inter, check.rise, check.fall), (Duration::from_secs(5), 2, 3));
}

#[test]
fn the_environment_is_used_inside_double_quotes() {
    let env = |name: &str| (name == "STATS_PASSWORD").then(|| "s3cret word".to_owned());
    let loaded = load(&[NamedText::new("t", HAPROXY)], &env, None);
    let plan = loaded.plan.expect("the example has no error");
    let Service::Stats(page) = &plan.frontends[0].service else {
        panic!("a page")
    };
    assert_eq!(page.auth, [("admin".to_owned(), "s3cret word".to_owned())]);
}
