use std::net::TcpListener;

use tandem_lb_config::{Dialect, NamedText, Plan, load};
use tandem_time::Seed;

use super::*;
use crate::build;

/// Of a backend with these lines.
pub(crate) fn plan(lines: &str) -> Plan {
    let text = format!("defaults\n timeout connect 1s\n timeout server 1s\nbackend be\n{lines}\n");
    let loaded = load(&[NamedText::new("f", text)], &|_| None, Some(Dialect::Haproxy));
    loaded.plan.expect("it is well formed")
}

/// What its backend becomes.
pub(crate) fn watched(plan: &Plan) -> Watched {
    let found = build::addresses(&plan.backends).expect("no names").remove(0);
    let (be, spread) = (&plan.backends[0], build::spreads(plan).remove(0));
    let (logs, mut seed) = (Targets::default(), Seed::new(1));
    build::watched(plan, be, found, spread, &logs, &mut seed, Mono::ZERO)
}

/// Nobody runs it yet, and of certificates nothing was read.
pub(crate) fn keeper(plan: &Plan) -> Rc<Keeper> {
    Keeper::new(
        watched(plan),
        Clock::start(),
        Lines::default(),
        Arc::default(),
        Rc::<Timeline>::default(),
        Directory::open(),
    )
}

#[tokio::test(flavor = "local")]
async fn a_check_that_is_to_speak_tls_and_cannot_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("it is bound");
    let keeper = keeper(&plan(&format!(" server a {at} check inter 10ms ssl verify none")));
    let server = keeper.backend().now().servers.named("a").map(|s| s.place);
    let running = tokio::task::spawn_local(keeper.clone().run());
    let ended = async {
        loop {
            let checked = keeper.report(server.expect("known"), |report| {
                report.check.map(|check| (check.last.status, check.last.info.clone()))
            });
            match checked.flatten() {
                Some((CheckStatus::Initializing, _)) | None => tokio::time::sleep(Duration::from_millis(5)).await,
                Some(last) => return last,
            }
        }
    };
    let (status, info) = tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .expect("a check");
    assert_eq!(
        (status, info.as_deref()),
        (CheckStatus::SocketError, Some("there is no TLS for this server"))
    );
    running.abort();
}
