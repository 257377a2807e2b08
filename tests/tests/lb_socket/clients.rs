//! Clients that others wrote for HAProxy's socket, unchanged.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tandem_tests::{Config, Lb, Server, ask, binary, connect};

use super::haproxy::haproxy;
use super::room::{Room, say};

/// A library of PyPI, and what is done with it; what the script prints is what it found.
struct Client {
    package: &'static str,
    /// What it is imported as.
    module: &'static str,
    script: &'static str,
    expected: &'static str,
}

/// Looks, drains and returns.
const ADMIN: Client = Client {
    package: "haproxyadmin==0.2.4",
    module: "haproxyadmin",
    script: r#"
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
"#,
    expected: "['fe'] ['be']\ns no check 1\nMAINT\nno check\n2\nOPEN True True True\nPAUSED\nOPEN\nTrue\n",
};

/// Objects of its own for each command, and one connection for each.
const CLI: Client = Client {
    package: "haproxy-cli==0.7.2",
    module: "haproxy",
    script: r#"
import os, sys
from haproxy.conn import HaPConn
from haproxy import cmds
path = os.path.join(sys.argv[1], 's')
def ask(command, **words):
    connection = HaPConn('unix://' + path)
    try:
        return connection.sendCmd(command(**words), objectify=True)
    finally:
        connection.close()
def server():
    return [line.split(' bIn')[0] for line in ask(cmds.listServers, backend='be')]
print(ask(cmds.showFrontends), ask(cmds.showBackends))
print(server())
print(repr(ask(cmds.getWeight, backend='be', server='s')))
print(repr(ask(cmds.setWeight, backend='be', server='s', weight=50)), repr(ask(cmds.getServerWeight, backend='be', server='s')))
print(repr(ask(cmds.disableServer, backend='be', server='s')), server())
print(repr(ask(cmds.enableServer, backend='be', server='s')), server())
print(repr(ask(cmds.setServerState, backend='be', server='s', value='drain')), server())
print(repr(ask(cmds.setServerState, backend='be', server='gone', value='drain')))
print(repr(ask(cmds.setServerHealth, backend='be', server='s', value='up')), repr(ask(cmds.setServerAgent, backend='be', server='s', value='up')))
sessions = [line.split('fe=')[1].split(' ')[0] for line in ask(cmds.showSessions) if 'fe=' in line]
print(sorted(set(sessions)), ask(cmds.showErrors)[0].startswith('Total events captured on ['))
print(ask(cmds.showSslCrtLists), ask(cmds.showSslCerts), ask(cmds.showSslCert, certfile='/no.pem'))
"#,
    expected: r#"['fe'] ['be']
['Name: s Status: no check Weight: 1']
'1 (initial 1)\n\n'
'\n' '50 (initial 1)\n\n'
'\n' ['Name: s Status: MAINT Weight: 50']
'\n' ['Name: s Status: no check Weight: 50']
'\n' ['Name: s Status: DRAIN Weight: 50']
'No such server.\n\n'
'\n' 'agent checks are not enabled on this server.\n\n'
['GLOBAL', 'fe'] True
{'crt_lists': []} {'transaction': [], 'filename': []} {'error': "Can't display the certificate: Not found or the certificate is a bundle!"}
"#,
};

/// A folder with the package, made once beside the build; `None` when it cannot be had.
fn package(client: &Client) -> Option<PathBuf> {
    let name = client.package.split("==").next()?;
    let folder = binary("tandem-lb").parent()?.parent()?.join(format!("venv-{name}"));
    if !folder.join(client.module).exists() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--target"])
            .arg(&folder)
            .arg(client.package);
        let done = pip.output().ok()?;
        if !done.status.success() {
            return None;
        }
    }
    Some(folder)
}

fn python(client: &Client, package: &Path, room: &Room) -> Output {
    let mut python = Command::new("python3");
    python
        .arg("-c")
        .arg(client.script)
        .arg(&room.0)
        .env("PYTHONPATH", package);
    python.output().expect("python3 has run before")
}

/// Ours, and the same with the installed HAProxy.
fn beside_haproxy(client: &Client) {
    let Some(package) = package(client) else {
        return say(&format!("SKIP {}: pip cannot install it", client.package));
    };
    let server = Server::echo();
    let said = |room: &Room, config: &Config| {
        let mut visitor = connect(config.at());
        assert_eq!(ask(&mut visitor, b"x"), b"x");
        let output = python(client, &package, room);
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
    assert_eq!(ours, client.expected, "{wrong}");
    match haproxy(theirs, &their_config.to_string()) {
        Some(_haproxy) => assert_eq!(said(theirs, their_config).0, ours),
        None => say(&format!(
            "SKIP {} beside HAProxy: haproxy is not installed",
            client.package
        )),
    }
}

#[test]
fn haproxyadmin() {
    beside_haproxy(&ADMIN);
}

#[test]
fn haproxy_cli() {
    beside_haproxy(&CLI);
}
