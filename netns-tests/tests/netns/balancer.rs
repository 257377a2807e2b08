//! A balancer between real hosts: what lives on when a server dies, and who goes where when it returns.

mod clients;
pub(crate) mod server;
mod stage;
mod transparent;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tandem_netns_tests::{Bench, Place, Test};

use clients::{Long, Stream};
use stage::{FALL, INTER, RISE, Stage};

const LONG: Duration = Duration::from_secs(20);

pub(crate) fn tests() -> Vec<Test> {
    let within = Duration::from_secs(90);
    vec![
        Test {
            name: "balancer::a_server_dies_and_returns",
            within,
            within_long: None,
            place: Place::Inside(a_server_dies_and_returns),
        },
        Test {
            name: "balancer::the_server_sees_the_client",
            within,
            within_long: None,
            place: Place::Inside(transparent::the_server_sees_the_client),
        },
        Test {
            name: "helper::mirror",
            within,
            within_long: None,
            place: Place::Helper(transparent::mirror),
        },
        Test {
            name: "helper::named_echo",
            within,
            within_long: None,
            place: Place::Helper(server::named_echo),
        },
    ]
}

fn a_server_dies_and_returns(bench: &Bench<'_>) -> Result<()> {
    let mut stage = Stage::new(bench)?;

    let long = Long::open(&stage.client, stage.front, Stage::old_sources())?;
    let (on_first, on_second) = (long.on("s1"), long.on("s2"));
    bench.say(format!("long connections: {on_first} on s1, {on_second} on s2"));
    ensure!(
        long.len() == 200 && on_first + on_second == 200,
        "not all 200 long connections are served"
    );
    ensure!(
        on_first >= 40 && on_second >= 40,
        "the hash of the source does not spread"
    );
    ensure!(long.each_source_has_one_server(), "a source is served by two servers");
    let stream = Stream::start(&stage.client, stage.front, Stage::old_sources())?;
    stream.wait_for_all_since(Instant::now(), LONG)?;

    let dying = Instant::now();
    stage.kill("s1")?;
    let dead = Instant::now();
    let down_after = stage
        .wait_for_log("Server nodes/s1 is DOWN", LONG)?
        .duration_since(dead);
    let down = Instant::now();
    bench.say(format!(
        "s1 down {down_after:.2?} after it died (fall {FALL}, inter {INTER:?})"
    ));
    // The last good check may have been just before, and each check may wait its whole interval.
    ensure!(
        down_after <= INTER * (FALL + 2),
        "later than `fall` checks after the server died"
    );
    // So the table's entry of every client names the one that lives.
    stream.wait_for_all_since(down, LONG)?;
    ensure!(
        long.answer("s2")? == on_second,
        "a long connection died whose server lives"
    );
    ensure!(long.answer("s1")? == 0, "a connection lives on whose server is dead");

    let born = Instant::now();
    stage.start("s1")?;
    let up_after = stage.wait_for_log("Server nodes/s1 is UP", LONG)?.duration_since(born);
    let up = Instant::now();
    bench.say(format!("s1 up {up_after:.2?} after it returned (rise {RISE})"));
    ensure!(
        up_after <= INTER * (RISE + 2),
        "later than `rise` checks after the server returned"
    );
    let newcomers = Long::open(&stage.client, stage.front, Stage::new_sources())?;
    bench.say(format!(
        "newcomers: {} on s1, {} on s2",
        newcomers.on("s1"),
        newcomers.on("s2")
    ));
    ensure!(newcomers.on("s1") >= 40, "the returned server takes no new clients");
    stream.wait_for_all_since(up, LONG)?;
    ensure!(
        long.answer("s2")? == on_second,
        "a long connection died when the other server returned"
    );

    let visits = stream.finish()?;
    let (failed, answered): (Vec<_>, Vec<_>) = visits.iter().partition(|visit| visit.server.is_none());
    let slowest = answered
        .iter()
        .map(|visit| visit.took)
        .max()
        .context("no visit at all")?;
    let (excused, lost): (Vec<_>, Vec<_>) = failed
        .into_iter()
        .partition(|visit| visit.begun <= dead && visit.ended() >= dying);
    bench.say(format!(
        "short connections: {} answered, {} under way died with their server, {} lost, slowest {slowest:.2?}",
        answered.len(),
        excused.len(),
        lost.len()
    ));
    ensure!(
        lost.is_empty(),
        "connections failed that could have been redispatched: {lost:?}"
    );
    for visit in answered {
        let name = visit.server.as_deref();
        if visit.ended() < dying {
            ensure!(
                visit.server == long.server_of(visit.source),
                "not where the table says: {visit:?}"
            );
        } else if visit.begun > down {
            ensure!(
                name == Some("s2"),
                "not on the server that lives and that the table names: {visit:?}"
            );
        }
    }
    Ok(())
}
