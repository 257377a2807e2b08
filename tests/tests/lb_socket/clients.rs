//! Clients that others wrote for HAProxy's socket, unchanged.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tandem_tests::{Config, Lb, Server, ask, binary, connect};

use super::haproxy::haproxy;
use super::room::{Room, say};

const PACKAGE: &str = "haproxyadmin==0.2.4";

/// Looks, drains and returns with the library; what it prints is what it found.
const SCRIPT: &str = r#"
import sys
import haproxyadmin
from haproxyadmin.haproxy import HAProxy
admin = HAProxy(socket_dir=sys.argv[1])
print([f.name for f in admin.frontends()], [b.name for b in admin.backends()])
server = admin.servers(backend='be')[0]
print(server.name, server.status, server.weight)
server.setstate(haproxyadmin.STATE_DISABLE); print(server.status)
server.setstate(haproxyadmin.STATE_ENABLE); print(server.status)
server.setweight(2); print(server.weight)
frontend = admin.frontend('fe')
print(frontend.status, int(frontend.requests) >= 0, int(admin.totalrequests) >= 0, int(admin.uptimesec) >= 0)
frontend.disable(); print(frontend.status)
frontend.enable(); print(frontend.status)
print(admin.clearcounters())
"#;

/// A folder with the package, made once beside the build; `None` when it cannot be had.
fn package() -> Option<PathBuf> {
    let folder = binary("tandem-lb").parent()?.parent()?.join("venv-haproxyadmin");
    if !folder.join("haproxyadmin").exists() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--target"])
            .arg(&folder)
            .arg(PACKAGE);
        let done = pip.output().ok()?;
        if !done.status.success() {
            return None;
        }
    }
    Some(folder)
}

fn python(package: &Path, room: &Room) -> Output {
    let mut python = Command::new("python3");
    python.arg("-c").arg(SCRIPT).arg(&room.0).env("PYTHONPATH", package);
    python.output().expect("python3 has run before")
}

#[test]
fn haproxyadmin() {
    let Some(package) = package() else {
        return say(&format!("SKIP {PACKAGE}: pip cannot install it"));
    };
    let server = Server::echo();
    let expected = "['fe'] ['be']\ns no check 1\nMAINT\nno check\n2\nOPEN True True True\nPAUSED\nOPEN\nTrue\n";
    let said = |room: &Room, config: &Config| {
        assert_eq!(ask(&mut connect(config.at()), b"x"), b"x");
        let output = python(&package, room);
        let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
        (String::from_utf8_lossy(&output.stdout).into_owned(), wrong)
    };
    let sides = [(); 2].map(|()| {
        let room = Room::new();
        let config = Config::default().global(room.line()).server("s", &server, "");
        (room, config)
    });
    let [(room, config), (theirs, their_config)] = &sides;
    let _lb = Lb::start(&config.to_string());
    let (ours, wrong) = said(room, config);
    assert_eq!(ours, expected, "{wrong}");
    match haproxy(theirs, &their_config.to_string()) {
        Some(_haproxy) => assert_eq!(said(theirs, their_config).0, ours),
        None => say("SKIP haproxyadmin beside HAProxy: haproxy is not installed"),
    }
}
