//! Mail on changes of state: the same conversations with a server as the installed Keepalived has.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use anyhow::{Context, Result, ensure};
use tandem_netns_tests::Bench;

use super::stage::{self, LONG, Program, Stage};

const CONFIG: &str = "global_defs {
    router_id lab
    notification_email {
        ops@example.org
        second@example.org
    }
    notification_email_from ka@example.org
    smtp_server 10.9.0.3 {port}
    smtp_helo_name helo.example
    smtp_alert true
    vrrp_version 3
}
vrrp_track_file health {
    file {file}
    weight 1
}
vrrp_sync_group G {
    group {
        VI_1
    }
    track_file {
        health
    }
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 0.1
    virtual_ipaddress {
        10.9.0.100/24
    }
}
";

/// Of the instance and of its group: backup, master, fault.
const LETTERS: usize = 6;

pub(super) fn as_keepalived_writes_it(bench: &Bench<'_>) -> Result<()> {
    let of = |program| move || letters(bench, program);
    let (ours, theirs) = std::thread::scope(|scope| {
        let both = [Program::Ours, Program::Keepalived].map(|program| scope.spawn(of(program)));
        let [ours, theirs] = both.map(|thread| thread.join().expect("it does not panic"));
        (ours, theirs)
    });
    let (ours, theirs) = (ours.context("ours")?, theirs.context("Keepalived")?);
    ensure!(ours == theirs, "ours:\n{ours:#?}\nKeepalived's:\n{theirs:#?}");
    bench.say(format!("{LETTERS} letters, the same as Keepalived's"));
    Ok(())
}

/// Each conversation, but for the date. Keepalived holds several at the same time, so their order means nothing.
fn letters(bench: &Bench<'_>, program: Program) -> Result<BTreeSet<String>> {
    let stage = Stage::new(bench)?;
    let folder = stage.lab.folder()?;
    let listener = stage.client.inside(|| TcpListener::bind("10.9.0.3:0"))??;
    let port = listener.local_addr()?.port().to_string();
    let (health, file) = (folder.join("health"), folder.join("keepalived.conf"));
    fs::write(&health, "0\n")?;
    let config = CONFIG.replace("{port}", &port);
    fs::write(&file, config.replace("{file}", &health.display().to_string()))?;
    let postbox = serve(listener);
    let mut daemon = stage::run(&stage.a, program, &file)?;
    let mut taken = BTreeSet::new();
    let mut take = |count: usize| -> Result<()> {
        while taken.len() < count {
            let letter = postbox.recv_timeout(LONG);
            taken.insert(letter.with_context(|| format!("after {taken:#?}\n{}", daemon.output()))?);
        }
        Ok(())
    };
    take(LETTERS - 2)?;
    fs::write(&health, "-254\n")?;
    take(LETTERS)?;
    daemon.stop(LONG)?;
    // Keepalived has no time for its last letters.
    if program == Program::Ours {
        for who in ["Instance VI_1", "Group G"] {
            let last = postbox.recv_timeout(LONG).context("the last letter")?;
            ensure!(
                last.contains(&format!("Subject: [lab] VRRP {who} - Stopping")),
                "{last}"
            );
        }
    }
    Ok(taken)
}

/// One conversation after the other, until the test is over.
fn serve(listener: TcpListener) -> Receiver<String> {
    let (letters, taken) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Keepalived leaves without a word when it ends.
            let Ok(Some(letter)) = stream.and_then(converse) else {
                continue;
            };
            if letters.send(letter).is_err() {
                return;
            }
        }
    });
    taken
}

/// What was said, if it came to its end.
fn converse(mut stream: TcpStream) -> std::io::Result<Option<String>> {
    stream.set_read_timeout(Some(LONG))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    stream.write_all(b"220 lab\r\n")?;
    let (mut said, mut in_letter) = (String::new(), false);
    while let Some(line) = lines.next().transpose()? {
        if !line.starts_with("Date: ") {
            said.push_str(&line);
            said.push('\n');
        }
        match &*line {
            "QUIT" => {
                stream.write_all(b"221 bye\r\n")?;
                return Ok(Some(said));
            }
            "DATA" => {
                in_letter = true;
                stream.write_all(b"354 go on\r\n")?;
            }
            "." => {
                in_letter = false;
                stream.write_all(b"250 taken\r\n")?;
            }
            _ if in_letter => {}
            _ => stream.write_all(b"250 ok\r\n")?,
        }
    }
    Ok(None)
}
