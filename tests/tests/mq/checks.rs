//! A check that speaks STOMP knows a broker that serves from one that only listens.

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, Mq, Server, fetch, until};

fn status(page: std::net::SocketAddr, server: &str) -> Option<String> {
    let csv = fetch(page, "/stats;csv").body;
    let line = csv
        .lines()
        .find(|line| line.starts_with(&format!("be,{server},")))?
        .to_owned();
    line.split(',').nth(17).map(str::to_owned)
}

#[test]
fn a_broker_is_up_while_it_serves_and_down_while_it_stands_still() {
    let mq = Mq::start("anonymous = true");
    // It accepts and never answers.
    let deaf = Server::start(|mut stream| {
        let mut buffer = [0; 100];
        while let Ok(1..) = std::io::Read::read(&mut stream, &mut buffer) {}
    });
    let page = std::net::SocketAddr::from(([127, 0, 0, 1], tandem_tests::free_port()));
    let config = Config::default()
        .defaults("timeout check 500ms")
        .defaults("default-server inter 200ms fall 1 rise 1")
        .backend("option stomp-check")
        .server_at("mq", mq.address(), "check")
        .server("deaf", &deaf, "check");
    let text = format!("{config}\nlisten stats\n mode http\n bind {page}\n stats enable\n stats uri /stats\n");
    let _lb = Lb::start(&text);
    let is = |server: &'static str, wanted: &'static str| {
        until(&format!("{server} to be {wanted}"), || {
            status(page, server).filter(|status| status == wanted)
        })
    };
    is("mq", "UP");
    is("deaf", "DOWN");
    mq.signal(Signal::SIGSTOP);
    is("mq", "DOWN");
    mq.signal(Signal::SIGCONT);
    is("mq", "UP");
}
