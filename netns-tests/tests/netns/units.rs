//! The units of `systemd/`, under a real systemd.

mod systemd;
mod visits;

use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tandem_lab::{Host, Lab, Probe, Responder, RouterConfig, programs, run_router};
use tandem_netns_tests::{Bench, Test, until};

use systemd::{LONG, Systemd};
use visits::{BALANCER, SERVER, Visit, Visits, connect, exchange, serve};

const LB: &str = "tandem-lb";
const VRRP: &str = "tandem-vrrp";
const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, 100));
/// Less than the unit's `RestartSec`.
const AWAY: Duration = Duration::from_millis(50);

pub(crate) fn tests() -> Vec<Test> {
    vec![
        Test::new("units::balancer", balancer),
        Test::new("units::router", router),
    ]
}

fn balancer(bench: &Bench<'_>) -> Result<()> {
    let lab = Lab::new(bench.ground)?;
    let host = lab.host("a")?;
    let systemd = Systemd::boot(bench, &lab, &host)?;
    serve(&host)?;
    let config = format!(
        "[[global.control]]\naddress = \"/run/tandem/lb.sock\"\nlevel = \"admin\"\nexpose-listeners = true\n\
         [defaults]\nmode = \"tcp\"\ntimeout = {{ connect = \"5s\", client = \"1h\", server = \"1h\" }}\n\
         [[listen]]\nname = \"in\"\nbind = [{{ address = \"127.0.0.1:{BALANCER}\" }}]\n\
         server = [{{ name = \"s\", address = \"127.0.0.1:{SERVER}\" }}]\n"
    );
    fs::write(systemd.file("/etc/tandem/lb.toml"), config)?;

    systemd.systemctl(&["start", LB])?;
    // It says so when it is ready, not before.
    let mut old = host.inside(connect)??;
    exchange(&mut old)?;
    is_replaced_by_a_reload(bench, &systemd, &host)?;
    exchange(&mut old).context("a connection that was there before the reload")?;
    drop(old);
    is_replaced_when_killed(bench, &systemd, &host)?;
    is_replaced_when_it_hangs(&systemd, &host)?;
    systemd.systemctl(&["stop", LB])?;
    ensure!(systemd.property(LB, "Result")? == "success", "it did not stop in order");
    ensure!(host.inside(connect)?.is_err(), "somebody listens still");
    Ok(())
}

fn is_replaced_by_a_reload(bench: &Bench<'_>, systemd: &Systemd, host: &Host) -> Result<()> {
    let before = systemd.property(LB, "MainPID")?;
    let visits = Visits::begin(host)?;
    systemd.systemctl(&["reload", LB])?;
    until("another main process", || {
        Ok((systemd.property(LB, "MainPID")? != before).then_some(()))
    })?;
    // Until it has served some.
    std::thread::sleep(Duration::from_millis(200));
    let visits = visits.end()?;
    let (failed, longest) = sum(&visits);
    bench.say(format!(
        "reload: {} connections, {failed} failed, the longest took {longest:.1?}",
        visits.len()
    ));
    ensure!(failed == 0, "a reload cost connections: {visits:?}");
    ensure!(systemd.property(LB, "NRestarts")? == "0", "it was started again");
    Ok(())
}

/// systemd has the listeners, in which clients wait.
fn is_replaced_when_killed(bench: &Bench<'_>, systemd: &Systemd, host: &Host) -> Result<()> {
    ensure!(
        systemd.property(LB, "NFileDescriptorStore")? == "1",
        "it keeps the listener"
    );
    let visits = Visits::begin(host)?;
    systemd.systemctl(&["kill", "--kill-whom=main", "--signal=KILL", LB])?;
    let killed = Instant::now();
    systemd.restarted(LB, "1")?;
    std::thread::sleep(Duration::from_millis(200));
    let visits = visits.end()?;
    let (_, longest) = sum(&visits);
    let refused = |visit: &Visit| {
        visit
            .outcome
            .as_ref()
            .is_err_and(|why| why.kind() == ErrorKind::ConnectionRefused)
    };
    ensure!(!visits.iter().any(refused), "nobody listened: {visits:?}");
    // Those that it served itself ended with it.
    let visits: Vec<Visit> = visits.into_iter().filter(|visit| visit.begun > killed).collect();
    let (failed, _) = sum(&visits);
    bench.say(format!(
        "killed: of {} connections after that {failed} failed, the longest waited {longest:.1?}",
        visits.len()
    ));
    ensure!(
        failed == 0 && !visits.is_empty(),
        "clients were turned away: {visits:?}"
    );
    ensure!(longest > AWAY, "nobody waited, so it was not away: {longest:?}");
    Ok(())
}

fn is_replaced_when_it_hangs(systemd: &Systemd, host: &Host) -> Result<()> {
    let drop_in = systemd.file("/run/units/tandem-lb.service.d");
    fs::create_dir(&drop_in)?;
    fs::write(
        drop_in.join("sooner.conf"),
        "[Service]\nWatchdogSec=2s\nEnvironment=WATCHDOG_USEC=2000000\n",
    )?;
    systemd.systemctl(&["daemon-reload"])?;
    systemd.systemctl(&["restart", LB])?;
    systemd.systemctl(&["kill", "--kill-whom=main", "--signal=STOP", LB])?;
    systemd.restarted(LB, "1")?;
    exchange(&mut host.inside(connect)??)?;
    Ok(())
}

/// How many failed, and how long the longest took.
fn sum(visits: &[Visit]) -> (usize, Duration) {
    let failed = visits.iter().filter(|visit| visit.outcome.is_err()).count();
    let longest = visits.iter().map(|visit| visit.took).max();
    (failed, longest.unwrap_or_default())
}

fn router(bench: &Bench<'_>) -> Result<()> {
    let lab = Lab::new(bench.ground)?;
    let lan = lab.switch("lan")?;
    let (a, b, client) = (lab.host("a")?, lab.host("b")?, lab.host("client")?);
    lab.link(&a, &lan, "10.9.0.1/24".parse()?)?;
    lab.link(&b, &lan, "10.9.0.2/24".parse()?)?;
    lab.link(&client, &lan, "10.9.0.3/24".parse()?)?;
    let systemd = Systemd::boot(bench, &lab, &a)?;
    let told = systemd.file("/run/told");
    fs::create_dir(&told)?;
    fs::set_permissions(&told, fs::Permissions::from_mode(0o777))?;
    let check = "vrrp_script check {\n script \"/bin/sh -c 'id -un > /run/told/by'\"\n interval 1\n user nobody\n}";
    let config = RouterConfig::v2(150)
        .with("track_script {\n check\n }")
        .after(check)
        .text();
    let file = systemd.file("/etc/keepalived/keepalived.conf");
    fs::write(&file, &config)?;
    systemd.systemctl(&["start", VRRP])?;
    a.wait_for_address(VIP, true, LONG)?;
    // The daemon itself has hardly a right; its launcher is started by the socket.
    until("a check as another user", || {
        let by = fs::read_to_string(told.join("by")).unwrap_or_default();
        Ok((by == "nobody\n").then_some(()))
    })?;

    let other = lab.folder()?.join("keepalived.conf");
    fs::write(&other, RouterConfig::v2(100).text())?;
    let standby = run_router(&b, &programs::built(VRRP)?, &other)?;
    standby.wait_for_line("Entering BACKUP STATE", LONG)?;
    let _responders = (Responder::start(&a)?, Responder::start(&b)?);
    let probe = Probe::start(&client, VIP)?;
    std::thread::sleep(Duration::from_millis(200));

    systemd.systemctl(&["kill", "--kill-whom=main", "--signal=KILL", VRRP])?;
    systemd.restarted(VRRP, "1")?;
    // While it still listens whether it has a rival.
    fs::write(&file, config.replace("10.9.0.100/24", "10.9.0.100/24\n 10.9.0.101/24"))?;
    systemd.systemctl(&["reload", VRRP])?;
    a.wait_for_address("10.9.0.101".parse()?, true, LONG)?;
    ensure!(!standby.output().contains("MASTER"), "the other one took over");

    systemd.systemctl(&["stop", VRRP])?;
    ensure!(!a.holds(VIP)?, "the address stayed behind");
    b.wait_for_address(VIP, true, LONG)?;
    std::thread::sleep(Duration::from_millis(200));
    let seen = probe.finish()?;
    let (asked, lost) = (seen.asked(), seen.lost());
    bench.say(format!(
        "killed, reloaded and stopped: {lost} of {asked} questions lost"
    ));
    ensure!(seen.last() == Some("b"), "the successor does not answer");
    ensure!(lost == 0, "{lost} of {asked} questions were lost");
    Ok(())
}
