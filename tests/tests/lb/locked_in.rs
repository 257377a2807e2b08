//! A balancer that has become somebody else in a folder of its own follows its configuration all the same: root's
//! certificate, lists of patterns, names and ports below 1024, none of which it could reach by itself.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};
use tandem_tests::{Lb, Server, connect, order};

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A port that only root and the like may open, and nobody has.
fn low_port() -> Option<u16> {
    (600..1000).find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
}

/// With a certificate that only root reads.
fn certificate(folder: &Path) -> PathBuf {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let file = folder.join("site.pem");
    fs::write(&file, made.cert.pem() + &made.signing_key.serialize_pem()).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("ours");
    file
}

#[test]
fn it_reads_again_what_it_cannot_see() {
    if !nix::unistd::geteuid().is_root() {
        // A test whose reader is gone has nobody to tell.
        let _ = writeln!(
            std::io::stdout().lock(),
            "SKIP locked in: only root becomes somebody else"
        );
        return;
    }
    let folder = Folder(std::env::temp_dir().join(format!("tandem-locked-{}", std::process::id())));
    let cell = folder.0.join("cell");
    fs::create_dir_all(&cell).expect("a folder");
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700)).expect("ours");
    let site = certificate(&folder.0);
    let list = folder.0.join("friends");
    fs::write(&list, "127.0.0.0/8\n").expect("written");
    let control = folder.0.join("lb.sock");
    let server = Server::named("one");
    let Some(port) = low_port() else {
        panic!("all ports below 1000 are taken")
    };
    let config = |more: &str| {
        format!(
            "global\n  user nobody\n  chroot {cell}\n  stats socket {control} level admin\n\
             defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n\
             listen first\n  bind 127.0.0.1:{free}\n  server s {at}\n{more}",
            cell = cell.display(),
            control = control.display(),
            free = tandem_tests::free_port(),
            at = server.address(),
        )
    };
    let before = config("");
    let mut lb = Lb::start(&before);
    let more = format!(
        "listen second\n  bind 127.0.0.1:{port}\n  tcp-request connection reject unless {{ src -f {list} }}\n  \
         server named localhost:{server}\n\
         listen third\n  bind 127.0.0.1:{free} ssl crt {site}\n  server s {at}\n",
        list = list.display(),
        site = site.display(),
        free = tandem_tests::free_port(),
        at = server.address(),
        server = server.address().port(),
    );
    let told = lb.reload(Signal::SIGHUP, &format!("{before}{more}"));
    assert!(order(&control, "show stat").contains("third,s,"), "{told}");
    drop(connect(([127, 0, 0, 1], port).into()));
    // What is wrong with a file is said as ever, and nothing changes.
    fs::write(&site, "no certificate").expect("written");
    let told = lb.reload(Signal::SIGHUP, &format!("{before}{more}  timeout client 2s\n"));
    assert!(told.contains("refused and nothing was changed"), "{told}");
    assert!(lb.is_running() && order(&control, "show stat").contains("third,s,"));
    certificate(&folder.0);

    // What is said to all processes of this name is not for the one that reads.
    let reader = reader_of(&lb);
    for signal in [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGTTIN,
        Signal::SIGTTOU,
    ] {
        kill(reader, signal).expect("it runs");
    }
    let again = format!("{before}{more}  timeout client 3s\n");
    let told = lb.reload(Signal::SIGHUP, &again);
    assert!(told.contains("One change at the last reload"), "{told}");

    // Nor does it follow links that whoever the balancer has become has laid.
    let nobody = User::from_name("nobody").expect("a lookup").expect("everybody has one");
    fs::remove_file(&list).expect("ours");
    std::os::unix::fs::symlink("/etc/shadow", &list).expect("a link");
    std::os::unix::fs::lchown(&list, Some(nobody.uid.as_raw()), None).expect("we are root");
    let told = lb.reload(Signal::SIGHUP, &again);
    assert!(told.contains("refused and nothing was changed"), "{told}");
    fs::remove_file(&list).expect("ours");
    fs::write(&list, "127.0.0.0/8\n").expect("written");

    // Without it, nothing can be followed any more, and all goes on.
    kill(reader, Signal::SIGKILL).expect("it runs");
    let told = lb.reload(Signal::SIGHUP, &before);
    assert!(told.contains("refused and nothing was changed"), "{told}");
    assert!(lb.is_running() && order(&control, "show stat").contains("third,s,"));
}

/// The only process that the balancer has started.
fn reader_of(lb: &Lb) -> Pid {
    let pid = lb.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("it runs");
    let children: Vec<i32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    let [reader] = children[..] else {
        panic!("{children:?} and not one")
    };
    Pid::from_raw(reader)
}
