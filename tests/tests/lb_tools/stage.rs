//! HAProxy and `tandem-lb` side by side: equal but for the ports, in front of the same servers, after the same traffic.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tandem_tests::{Haproxy, Lb, Server, ask, binary, connect, free_port, until};

use super::room::{Room, say};

pub struct Stage {
    pub haproxy: Side,
    pub ours: Side,
    _programs: (Haproxy, Lb),
    _servers: [Server; 2],
}

/// Where one of both is reached.
pub struct Side {
    pub room: Room,
    clients: u16,
    pub page: u16,
}

impl Stage {
    /// `None`, and said so, when HAProxy is not installed.
    pub fn set(what: &str) -> Option<Stage> {
        let servers = [Server::echo(), Server::echo()];
        let (haproxy, ours) = (Side::new(), Side::new());
        let Ok(child) = Haproxy::begin(&haproxy.config(&servers), &[]) else {
            say(&format!("SKIP {what} beside HAProxy: haproxy is not installed"));
            return None;
        };
        until("HAProxy's page", || TcpStream::connect(haproxy.page()).ok());
        let lb = Lb::start(&ours.config(&servers));
        for side in [&haproxy, &ours] {
            side.serve();
        }
        Some(Stage {
            haproxy,
            ours,
            _programs: (child, lb),
            _servers: servers,
        })
    }

    /// What both sides give to the same question.
    pub fn both<T>(&self, ask: impl Fn(&Side) -> T) -> [T; 2] {
        [ask(&self.haproxy), ask(&self.ours)]
    }
}

impl Side {
    fn new() -> Side {
        Side {
            room: Room::new(),
            clients: free_port(),
            page: free_port(),
        }
    }

    pub fn page(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.page))
    }

    fn config(&self, servers: &[Server; 2]) -> String {
        let [one, two] = servers.each_ref().map(Server::address);
        // With two threads HAProxy may count one client as two at once: both are woken, and only one can have it.
        format!(
            "global\n {}\n nbthread 1\n maxconn 400\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n \
             timeout server 30s\n\
             frontend fe\n bind 127.0.0.1:{}\n maxconn 100\n option socket-stats\n default_backend be\n\
             backend be\n balance roundrobin\n stick-table type ip size 1k expire 1h\n stick store-request src\n \
             server s1 {one} check inter 1h weight 3\n server s2 {two} weight 3\n \
             server s3 {one} backup disabled maxconn 20\n\
             listen page\n mode http\n bind 127.0.0.1:{}\n stats enable\n stats uri /\n",
            self.room.line(),
            self.clients,
            self.page,
        )
    }

    /// Six sessions one after the other, counted when this returns, and the first check has ended.
    fn serve(&self) {
        for sessions in 1..=6 {
            let mut client = connect(SocketAddr::from(([127, 0, 0, 1], self.clients)));
            assert_eq!(ask(&mut client, &[7; 35]), [7; 35]);
            drop(client);
            until("the session to be counted", || self.has_counted(sessions));
        }
        until("the first check to end", || {
            self.room.ask("show stat").contains(",L4OK,").then_some(())
        });
    }

    fn has_counted(&self, sessions: u32) -> Option<()> {
        let csv = self.room.ask("show stat");
        let is_done = |name: &str| {
            let row = csv.lines().find(|line| line.starts_with(name))?;
            let cells: Vec<&str> = row.split(',').collect();
            let figures = [cells[4], cells[7], cells[9]];
            (figures == ["0", &sessions.to_string(), &(35 * sessions).to_string()]).then_some(())
        };
        is_done("fe,FRONTEND,")?;
        is_done("be,BACKEND,")
    }
}

/// Fails with every line that only one side has.
#[track_caller]
pub fn assert_same(what: &str, [theirs, ours]: [Vec<String>; 2]) {
    assert!(!theirs.is_empty(), "{what}: HAProxy's side says nothing");
    let only = |a: &[String], b: &[String]| a.iter().filter(|line| !b.contains(line)).cloned().collect::<Vec<_>>();
    let (missing, extra) = (only(&theirs, &ours), only(&ours, &theirs));
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{what}: {} lines\nonly with HAProxy:\n{}\nonly with us:\n{}",
        theirs.len(),
        missing.join("\n"),
        extra.join("\n")
    );
}

/// A folder beside the build, filled once by `fill`; `None` when that does not work.
pub fn fetched(name: &str, proof: &str, fill: impl FnOnce(&PathBuf) -> Option<bool>) -> Option<PathBuf> {
    // Tests of this file run side by side.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = binary("tandem-lb").parent()?.parent()?.join(name);
    if folder.join(proof).exists() {
        return Some(folder);
    }
    std::fs::create_dir_all(&folder).ok()?;
    (fill(&folder)? && folder.join(proof).exists()).then_some(folder)
}

/// Runs a program to its end; `None` when it is not installed.
pub fn run(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Some(text)
}
