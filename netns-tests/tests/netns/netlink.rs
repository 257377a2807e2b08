//! Netlink against the real kernel: what is asked for is there, and what happens is told.

use std::net::{Ipv6Addr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use tandem_lab::{AddressRequest, Cidr, Host, Mac, Route};
use tandem_netns_tests::{Bench, Test};
use tandem_sys::netlink::{Batch, Change, Family, MacvlanMode, Netlink, Request, Rule, Scope, Watch};

use crate::pair::Pair;

const LONG: Duration = Duration::from_secs(10);

pub(crate) fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "netlink::addresses_have_labels_and_scopes",
            addresses_have_labels_and_scopes,
        ),
        Test::new("netlink::many_at_once", many_at_once),
        Test::new(
            "netlink::an_address_of_ipv6_is_usable_after_a_wait",
            an_address_of_ipv6_is_usable_after_a_wait,
        ),
        Test::new("netlink::routes_and_rules_come_and_go", routes_and_rules_come_and_go),
        Test::new(
            "netlink::a_macvlan_has_its_own_hardware_address",
            a_macvlan_has_its_own_hardware_address,
        ),
        Test::new("netlink::a_refusal_says_what_was_asked", a_refusal_says_what_was_asked),
        Test::new("netlink::a_watch_tells_what_happens", a_watch_tells_what_happens),
        Test::new(
            "netlink::a_watch_that_was_too_slow_says_so",
            a_watch_that_was_too_slow_says_so,
        ),
    ]
}

fn addresses_have_labels_and_scopes(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let vip: Cidr = "10.9.0.100/32".parse()?;
    pair.a.netlink(async |netlink| {
        let index = netlink.link("eth0").await?.index;
        let plain = AddressRequest::new(index, vip);
        netlink
            .add_address(&AddressRequest {
                label: Some("eth0:vip".into()),
                scope: Scope::Link,
                ..plain
            })
            .await
    })?;
    let all = pair.a.addresses()?;
    let found = all
        .iter()
        .find(|address| address.cidr == vip)
        .with_context(|| format!("not among {all:?}"))?;
    ensure!(
        found.label.as_deref() == Some("eth0:vip") && found.scope == Scope::Link,
        "another address: {found:?}"
    );
    pair.a.delete_address("eth0", vip)?;
    ensure!(!pair.a.holds(vip.ip())?, "the address is still there");
    ensure!(pair.a.holds("10.9.0.1".parse()?)?, "another address is gone as well");
    Ok(())
}

/// One datagram, answers to each; what is refused does not keep the rest from happening.
fn many_at_once(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let index = pair.a.netlink(async |netlink| Ok(netlink.link("eth0").await?.index))?;
    let address = |text: &str| -> Result<AddressRequest> { Ok(AddressRequest::new(index, text.parse()?)) };
    let with_peer = AddressRequest {
        peer: Some("10.9.7.2".parse()?),
        ..address("10.9.7.1/32")?
    };
    let mut wanted: Vec<AddressRequest> = (1..=200)
        .map(|n| address(&format!("10.9.1.{n}/32")))
        .collect::<Result<_>>()?;
    wanted.push(with_peer);
    wanted.push(address("fd00:9::7/128")?);
    wanted.insert(100, wanted[0].clone());
    let ask = |request: fn(AddressRequest) -> Request| -> Result<Vec<Option<Errno>>> {
        let requests: Vec<Request> = wanted.iter().cloned().map(request).collect();
        let answers = pair.a.inside(|| {
            let mut batch = Batch::open()?;
            std::io::Result::Ok(batch.carry_out(&requests.iter().collect::<Vec<_>>()))
        })??;
        Ok(answers
            .into_iter()
            .map(|answer| answer.err().and_then(|error| error.errno()))
            .collect())
    };
    let before = pair.a.addresses()?.len();
    for (request, refused) in [
        (Request::AddAddress as fn(AddressRequest) -> Request, Errno::EEXIST),
        (Request::DeleteAddress, Errno::EADDRNOTAVAIL),
    ] {
        let answers = ask(request)?;
        for (place, answer) in answers.into_iter().enumerate() {
            let expected = (place == 100).then_some(refused);
            ensure!(answer == expected, "request {place}: {answer:?} and not {expected:?}");
        }
        let now = pair.a.addresses()?.len();
        let expected = if refused == Errno::EEXIST { before + 202 } else { before };
        ensure!(now == expected, "{now} addresses and not {expected}");
    }
    Ok(())
}

/// The first packet for it comes in; without the wait some are lost, on a machine with other work more of them.
fn an_address_of_ipv6_is_usable_after_a_wait(bench: &Bench<'_>) -> Result<()> {
    const PORT: u16 = 7;
    let pair = Pair::new(bench)?;
    let index = pair.a.netlink(async |netlink| Ok(netlink.link("eth0").await?.index))?;
    let request = |n: u8| -> Result<Request> {
        let address = AddressRequest::new(index, format!("fd00:9::{n:x}/64").parse()?);
        Ok(Request::AddAddress(address))
    };
    let all = (1..=100).map(request).collect::<Result<Vec<_>>>()?;
    let came = pair.a.inside(|| {
        let (server, client) = (UdpSocket::bind(("::", PORT))?, UdpSocket::bind("[::]:0")?);
        server.set_nonblocking(true)?;
        let mut batch = Batch::open()?;
        let mut came = 0;
        for request in &all {
            let (_, address) = request.is_wanted_at_once().unwrap_or((index, Ipv6Addr::LOCALHOST));
            batch.carry_out(&[request]);
            batch.wait_until_usable(&[(index, address)], LONG);
            client.send_to(b"?", (address, PORT))?;
            came += u32::from(server.recv(&mut [0; 1]).is_ok());
        }
        std::io::Result::Ok(came)
    })??;
    ensure!(came == 100, "{came} of 100 packets came in");
    Ok(())
}

fn routes_and_rules_come_and_go(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let route = Route {
        table: 1000,
        metric: Some(7),
        ..Route::default_via("10.9.0.2".parse()?)
    };
    let local = Route {
        table: 1000,
        ..Route::new("10.77.0.0/16".parse()?)
    };
    let rule = Rule {
        mark: Some(0x10),
        from: Some("10.9.0.0/24".parse()?),
        ..Rule::new(Family::V4, 50, 1000)
    };
    let (routes, rules) = pair.a.netlink(async |netlink| {
        let local = Route {
            out: Some(netlink.link("eth0").await?.index),
            ..local.clone()
        };
        netlink.add_route(&route).await?;
        netlink.add_route(&local).await?;
        netlink.add_rule(&rule).await?;
        Ok((netlink.routes().await?, netlink.rules().await?))
    })?;
    let ours = |list: &[Route]| list.iter().filter(|each| each.table == 1000).count();
    ensure!(ours(&routes) == 2, "not both routes are there: {routes:?}");
    ensure!(
        routes
            .iter()
            .any(|each| each.via == route.via && each.metric == Some(7)),
        "another route: {routes:?}"
    );
    ensure!(rules.contains(&rule), "the rule is not there: {rules:?}");
    let (routes, rules) = pair.a.netlink(async |netlink| {
        netlink.delete_route(&route).await?;
        netlink.delete_rule(&rule).await?;
        Ok((netlink.routes().await?, netlink.rules().await?))
    })?;
    ensure!(
        ours(&routes) == 1 && !rules.contains(&rule),
        "they did not go: {routes:?} {rules:?}"
    );
    Ok(())
}

fn a_macvlan_has_its_own_hardware_address(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let mac: Mac = "00:00:5e:00:01:33".parse()?;
    let link = pair.a.netlink(async |netlink| {
        let parent = netlink.link("eth0").await?.index;
        let index = netlink
            .add_macvlan("vrrp.51", parent, MacvlanMode::Private, Some(mac))
            .await?;
        netlink.set_up(index).await?;
        netlink.link("vrrp.51").await
    })?;
    ensure!(link.mac == Some(mac) && link.up, "another interface: {link:?}");
    pair.a.netlink(async |netlink| netlink.delete_link(link.index).await)?;
    let gone = pair.a.netlink(async |netlink| netlink.link("vrrp.51").await);
    ensure!(gone.is_err(), "the interface is still there");
    Ok(())
}

fn a_refusal_says_what_was_asked(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let refusals = pair.a.netlink(async |netlink| {
        let index = netlink.link("eth0").await?.index;
        let twice = AddressRequest::new(index, "10.9.0.1/24".parse().unwrap_or(Cidr::host([0, 0, 0, 0].into())));
        Ok([
            netlink.add_address(&twice).await.err(),
            netlink.link("nowhere").await.err(),
            netlink
                .delete_address(index, Cidr::host([10, 9, 0, 200].into()))
                .await
                .err(),
        ])
    })?;
    let expected = [
        (Errno::EEXIST, "add address 10.9.0.1/24"),
        (Errno::ENODEV, "find interface nowhere"),
        (Errno::EADDRNOTAVAIL, "delete address 10.9.0.200/32"),
    ];
    for (refusal, (errno, words)) in refusals.into_iter().zip(expected) {
        let refusal = refusal.with_context(|| format!("no refusal: {words}"))?;
        ensure!(
            refusal.errno() == Some(errno) && refusal.to_string().contains(words),
            "another refusal: {refusal}"
        );
    }
    Ok(())
}

/// Runs a job with a watch and a connection, both in the host.
fn watching<T: Send>(host: &Host, job: impl AsyncFnOnce(&mut Watch, &Netlink) -> Result<T> + Send) -> Result<T> {
    host.inside(|| -> Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut watch = Watch::open()?;
            job(&mut watch, &Netlink::open()?).await
        })
    })?
}

async fn until(watch: &mut Watch, awaited: &str, fits: impl Fn(&Change) -> bool) -> Result<Change> {
    let mut others = Vec::new();
    loop {
        match tokio::time::timeout(LONG, watch.next()).await {
            Ok(change) => match change? {
                change if fits(&change) => return Ok(change),
                change => others.push(change),
            },
            Err(_) => bail!(
                "{awaited} was not told; last told was {:?}",
                others.iter().rev().take(8).collect::<Vec<_>>()
            ),
        }
    }
}

fn a_watch_tells_what_happens(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let vip: Cidr = "10.9.0.100/32".parse()?;
    watching(&pair.a, async |watch, netlink| {
        let index = netlink.link("eth0").await?.index;
        netlink.add_address(&AddressRequest::new(index, vip)).await?;
        until(
            watch,
            "the address",
            |c| matches!(c, Change::Address(a) if a.cidr == vip && a.index == index),
        )
        .await?;
        // As somebody else would do it.
        netlink.delete_address(index, vip).await?;
        until(
            watch,
            "its end",
            |c| matches!(c, Change::AddressGone(a) if a.cidr == vip),
        )
        .await?;
        pair.lab.cut(&pair.a_link)?;
        until(
            watch,
            "the lost carrier",
            |c| matches!(c, Change::Link(l) if l.index == index && l.up && !l.carrier),
        )
        .await?;
        pair.lab.heal(&pair.a_link)?;
        until(
            watch,
            "the carrier",
            |c| matches!(c, Change::Link(l) if l.index == index && l.carrier),
        )
        .await?;
        netlink.set_down(index).await?;
        until(
            watch,
            "the interface's fall",
            |c| matches!(c, Change::Link(l) if l.index == index && !l.up),
        )
        .await?;
        netlink.set_up(index).await?;
        until(
            watch,
            "its rise",
            |c| matches!(c, Change::Link(l) if l.index == index && l.up),
        )
        .await?;
        let route = Route::default_via("10.9.0.2".parse()?);
        netlink.add_route(&route).await?;
        until(
            watch,
            "the route",
            |c| matches!(c, Change::Route(r) if r.via == route.via),
        )
        .await?;
        netlink.delete_link(index).await?;
        until(
            watch,
            "the interface's end",
            |c| matches!(c, Change::LinkGone(i) if *i == index),
        )
        .await?;
        Ok(())
    })
}

fn a_watch_that_was_too_slow_says_so(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    watching(&pair.a, async |watch, netlink| {
        let index = netlink.link("eth0").await?.index;
        // Enough to fill the socket's buffer, whatever its size here.
        for number in 0..2000u16 {
            let [high, low] = number.to_be_bytes();
            let address = AddressRequest::new(index, Cidr::host([10, 99, high, low].into()));
            netlink.add_address(&address).await?;
        }
        until(watch, "that changes were lost", |change| *change == Change::Lost).await?;
        // It goes on after that, with what is new: nothing from before the loss contradicts a list made now.
        let last = Cidr::host([10, 98, 0, 1].into());
        netlink.add_address(&AddressRequest::new(index, last)).await?;
        until(
            watch,
            "the next change",
            |c| matches!(c, Change::Address(a) if a.cidr == last),
        )
        .await?;
        Ok(())
    })
}
