//! The drills and the lab as a person runs them: `tandem drill`, `tandem lab`. They make their namespaces themselves.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tandem_lab::{Missing, programs};
use tandem_netns_tests::{Options, Place, Test};

/// The machine has other tests to run: a drill's times, which are the protocol's arithmetic, may be this much longer here.
const PATIENCE: &str = "8";

pub(crate) fn tests() -> Vec<Test> {
    let test = |name, run| Test {
        name,
        within: Duration::from_secs(120),
        within_long: None,
        place: Place::Outside(run),
    };
    let mut all = vec![
        test("drill_four_keep_their_promises", |_| four()),
        test("drill_of_the_guides_pair_keeps_its_promises", |_| guides()),
        test("lab_follows_a_script", |_| script()),
        test("lab_answers_at_its_prompt_and_on_its_pages", |_| prompt()),
    ];
    all.push(Test {
        within: Duration::from_secs(600),
        ..test("drill_every_one_keeps_its_promises", every_one)
    });
    all.push(test("drill_beside_the_originals", beside));
    all
}

/// A balancer is killed in the guides' pair.
fn four() -> Result<()> {
    drill(&["broker-killed", "cluster-failover", "restart-in-turn", "handover"])
}

/// Somebody's own files, as the guides have them: 101 against 100, `killall -0 haproxy` for 2. Scripts that are given are run,
/// and nothing that they do reaches this machine.
fn guides() -> Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("guides-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = guides_in(&folder);
    std::fs::remove_dir_all(&folder)?;
    outcome
}

/// Tries what it must not be able to do, and leaves a sign in the host's own /run.
const NOTIFY: &str = "#!/bin/sh
echo escaped >FOLDER/escaped
mount -o remount,bind,rw /
umount -l /run
echo escaped >FOLDER/escaped
logger --socket FOLDER/socket escaped
touch /run/notified
";

/// All is well where the other script has left its sign: if that does not run, the address stays where it is.
const CHECK: &str = "#!/bin/sh
for moment in 1 2 3 4 5 6 7 8 9 10 11 12; do
    [ -e /run/notified ] && exec killall -0 haproxy
    sleep 0.1
done
exit 1
";

fn guides_in(folder: &Path) -> Result<()> {
    let etc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc");
    let example = std::fs::read_to_string(etc.join("keepalived-example.conf"))?;
    let [first, other, notify, check, escaped] =
        ["first.conf", "other.conf", "notify.sh", "check.sh", "escaped"].map(|name| folder.join(name));
    std::fs::set_permissions(folder, Permissions::from_mode(0o777))?;
    let socket = UnixDatagram::bind(folder.join("socket"))?;
    socket.set_nonblocking(true)?;
    std::fs::set_permissions(folder.join("socket"), Permissions::from_mode(0o777))?;
    let example = example
        .replace("\"killall -0 haproxy\"", "/etc/keepalived/check.sh")
        .replace(
            "    advert_int 1\n",
            "    advert_int 1\n    notify_master /etc/keepalived/notify.sh\n    notify_backup /etc/keepalived/notify.sh\n",
        );
    std::fs::write(&first, &example)?;
    std::fs::write(
        &other,
        example
            .replace("router_id lb1", "router_id lb2")
            .replace("priority 101", "priority 100"),
    )?;
    std::fs::write(&notify, NOTIFY.replace("FOLDER", &folder.display().to_string()))?;
    std::fs::write(&check, CHECK)?;
    let [balancer, first, other, notify, check] =
        [&etc.join("haproxy-example.cfg"), &first, &other, &notify, &check].map(|path| path.display().to_string());
    let output = tandem(
        &[
            "drill",
            "balancer-killed",
            "--patience",
            PATIENCE,
            "--config-a",
            &balancer,
            &first,
            &notify,
            &check,
            "--config-b",
            &balancer,
            &other,
            &notify,
            &check,
        ],
        None,
    )?;
    ensure!(!escaped.exists(), "a script of the files wrote on this machine");
    let heard = socket.recv(&mut [0; 64]);
    ensure!(
        heard.is_err_and(|error| error.kind() == ErrorKind::WouldBlock),
        "a script of the files was heard outside"
    );
    skip_without_namespaces(&output)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(said.contains(" 0 lost"), "{said}");
    let moves = said.lines().find(|line| line.trim_start().starts_with("address "));
    ensure!(
        moves.is_some_and(|line| line.contains("lb2")),
        "the address never moved: the scripts did not run, or nobody heard them: {said}"
    );
    for change in [
        "enable_script_security",
        "script_user root",
        "notify_master along/notify.sh",
        "script along/check.sh",
        "/dev/log",
    ] {
        ensure!(said.contains(change), "{change}: {said}");
    }
    Ok(())
}

fn every_one(options: &Options) -> Result<()> {
    if !options.long {
        return Err(Missing::new("drills", "all of them only with --long").into());
    }
    drill(&["--all"])
}

/// A row for each drill: what Keepalived does not know is held with ours alone.
fn beside(options: &Options) -> Result<()> {
    if !options.long {
        return Err(Missing::new("drills", "beside HAProxy and Keepalived only with --long").into());
    }
    programs::installed("haproxy")?;
    programs::installed("keepalived")?;
    let table = [
        "drill",
        "--patience",
        PATIENCE,
        "--beside",
        "--repeat",
        "1",
        "balancer-killed",
        "handover",
    ];
    let output = tandem(&table, None)?;
    skip_without_namespaces(&output)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let cells = |drill: &str| -> Vec<&str> {
        let row = said
            .lines()
            .find_map(|line| line.strip_prefix(drill))
            .unwrap_or_default();
        row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
    };
    let [killed, handed] = ["balancer-killed", "handover"].map(cells);
    // Gap, one address, held, broken and lost, of ours and of theirs.
    ensure!(killed.len() == 10 && killed[8..] == ["0 (0)"; 2], "{said}");
    ensure!(!killed[..6].contains(&"-"), "{said}");
    ensure!(
        handed.len() == 10 && handed.iter().skip(1).step_by(2).all(|cell| *cell == "-"),
        "{said}"
    );
    ensure!(
        handed[6] == "0 (0)" && handed[8] == "0 (0)",
        "a handover breaks nothing: {said}"
    );
    drill(&["cluster-failover", "--adverts", "10"])
}

fn drill(which: &[&str]) -> Result<()> {
    let output = tandem(&[&["drill", "--patience", PATIENCE], which].concat(), None)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    skip_without_namespaces(&output)?;
    ensure!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(said.contains(" 0 lost"), "{said}");
    Ok(())
}

fn script() -> Result<()> {
    let steps = "state\nload on\nwait 500ms\nkill lb1.balancer # the other host takes over\nwait 1s\nstate\n\
                 start lb1.balancer\nfill broker1 90\nempty broker1\nload off\nexplode broker1\nstate\n";
    let file = std::env::temp_dir().join(format!("tandem-lab-{}.txt", std::process::id()));
    std::fs::write(&file, steps)?;
    let output = tandem(&["lab", "--script"], Some(&file));
    std::fs::remove_file(&file)?;
    let output = output?;
    skip_without_namespaces(&output)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(1),
        "the last line is nothing that can be done:\n{said}{complaint}"
    );
    ensure!(
        said.contains("address: lb1\n") && said.contains("address: lb2\n"),
        "{said}"
    );
    ensure!(said.contains(" 0 of them did not come out"), "{said}");
    ensure!(said.contains("`explode broker1` is nothing that can be done"), "{said}");
    Ok(())
}

/// What a person has: the words typed, the page with its buttons, and the statistics of each balancer where they are said to be.
fn prompt() -> Result<()> {
    let mut lab = Command::new(programs::built("tandem")?)
        .arg("lab")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start tandem")?;
    let stdout = lab.stdout.take().context("a pipe")?;
    let outcome = at_the_prompt(&mut lab, BufReader::new(stdout));
    // Without its input it ends; and whatever went wrong, it goes.
    drop(lab.stdin.take());
    if outcome.is_err() {
        lab.kill()?;
    }
    let output = lab.wait_with_output()?;
    skip_without_namespaces(&output)?;
    outcome.with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    ensure!(output.status.success(), "`quit` is no failure: {}", output.status);
    Ok(())
}

fn at_the_prompt(lab: &mut Child, mut said: impl BufRead) -> Result<()> {
    let mut until = |words: &str| -> Result<String> {
        loop {
            let mut line = String::new();
            ensure!(said.read_line(&mut line)? > 0, "it ended before it said `{words}`");
            if let Some((_, rest)) = line.split_once(words) {
                return Ok(rest.trim().to_owned());
            }
        }
    };
    let statistics = [until("statistics of lb1: ")?, until("statistics of lb2: ")?];
    let page = until("this lab: ")?;
    let mut stdin = lab.stdin.take().context("a pipe")?;
    writeln!(stdin, "state")?;
    ensure!(until("address: ")? == "lb1", "who has the address when all is well");

    let html = visit(&page, "GET", "")?;
    ensure!(html.contains("data-do=\"cut lb1\""), "no buttons: {html}");
    for at in &statistics {
        ensure!(
            visit(at, "GET", "")?.contains("Statistics Report"),
            "no statistics at {at}"
        );
    }
    let order = |words: &str| visit(&format!("{page}do"), "POST", words);
    let refused = order("explode lb1")?;
    ensure!(
        refused.contains("\"ok\":false") && refused.contains("nothing that can be done"),
        "{refused}"
    );
    let done = order("kill lb1.balancer")?;
    ensure!(done.contains("\"ok\":true"), "{done}");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        // As the page's script reads it.
        let state = visit(&format!("{page}state"), "GET", "")?;
        let has = |words: &str| state.contains(words);
        if has("\"address\":\"lb2\"") {
            ensure!(has("{\"part\":\"lb1.balancer\",\"state\":\"ended\"}"), "{state}");
            ensure!(has("\"done\":[\"kill lb1.balancer\"]"), "{state}");
            break;
        }
        ensure!(Instant::now() < deadline, "the address stays: {state}");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Each door leads to its own host.
    ensure!(visit(&statistics[0], "GET", "").is_err(), "a dead balancer has a page");
    ensure!(
        visit(&statistics[1], "GET", "")?.contains("Statistics Report"),
        "the other one has none"
    );
    writeln!(stdin, "explode lb1\nstate\nquit")?;
    until("`explode lb1` is nothing that can be done")?;
    ensure!(until("address: ")? == "lb2", "the prompt and the page tell of one lab");
    Ok(())
}

/// What is at an address of the form `http://HOST:PORT/PATH`, if it is well.
fn visit(url: &str, method: &str, body: &str) -> Result<String> {
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .with_context(|| format!("{url} is no address"))?;
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let length = body.len();
    write!(
        stream,
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    ensure!(answer.starts_with("HTTP/1.1 200 "), "{url}: {answer}");
    Ok(answer)
}

fn skip_without_namespaces(output: &Output) -> Result<()> {
    let complaint = String::from_utf8_lossy(&output.stderr);
    if let Some((_, why)) = complaint.split_once("no network namespaces here: ") {
        return Err(Missing::new("namespaces", why.trim()).into());
    }
    Ok(())
}

fn tandem(arguments: &[&str], file: Option<&PathBuf>) -> Result<Output> {
    Command::new(programs::built("tandem")?)
        .args(arguments)
        .args(file)
        .output()
        .context("start tandem")
}
