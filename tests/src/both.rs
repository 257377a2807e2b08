//! The same scene for two programs: the installed HAProxy, and ours.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::{Haproxy, Lb, Syslog, free_ports, order};

/// What is around one of the two.
pub struct Room {
    pub name: &'static str,
    /// The first of the ports that were asked for.
    port: u16,
    pub syslog: Syslog,
    socket: PathBuf,
}

impl Room {
    pub(crate) fn new(name: &'static str, ports: u16) -> Room {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let file = format!("tandem-both-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        Room {
            name,
            port: free_ports(ports),
            syslog: Syslog::default(),
            socket: std::env::temp_dir().join(file),
        }
    }

    /// What is around ours alone.
    pub fn of_ours(ports: u16) -> Room {
        Room::new(OURS, ports)
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Where the listener with this number is, counted from 0.
    pub fn at(&self, listener: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port + listener))
    }

    pub fn is_ours(&self) -> bool {
        self.name == OURS
    }

    /// What begins a configuration: the log, the stats socket, short timeouts.
    pub fn head(&self) -> String {
        format!(
            "global\n log {} local0\n stats socket {} level admin\ndefaults\n log global\n option tcplog\n \
             timeout connect 2s\n timeout client 3s\n timeout server 3s\n",
            self.syslog.address(),
            self.socket.display()
        )
    }

    /// The answer to a command on the stats socket.
    #[track_caller]
    pub fn order(&self, words: &str) -> String {
        order(&self.socket, words)
    }

    /// One cell of `show stat`.
    #[track_caller]
    pub fn cell(&self, proxy: &str, name: &str, column: &str) -> String {
        let csv = self.order("show stat");
        let mut lines = csv.lines().map(|line| line.trim_start_matches("# ").split(','));
        let mut header = lines.next().expect("a header");
        let place = header.position(|known| known == column).expect("a column of that name");
        let mut row = lines
            .map(Iterator::collect::<Vec<_>>)
            .find(|row| row.starts_with(&[proxy, name]))
            .unwrap_or_else(|| panic!("{}: no {proxy}/{name}", self.name));
        row.swap_remove(place).to_owned()
    }

    /// The log lines so far, without what the syslog server put before them.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.syslog.lines().into_iter();
        lines
            .filter_map(|line| Some(line.split_once("]: ")?.1.to_owned()))
            .collect()
    }
}

pub(crate) const THEIRS: &str = "HAProxy";
pub(crate) const OURS: &str = "tandem-lb";

impl Drop for Room {
    fn drop(&mut self) {
        std::fs::remove_file(&self.socket).ok();
    }
}

/// Plays a scene that needs so many ports to HAProxy, when there is one, and then to ours.
#[track_caller]
pub fn both(ports: u16, config: impl Fn(&Room) -> String, play: impl Fn(&Room)) {
    let room = Room::new(THEIRS, ports);
    if let Some(_haproxy) = Haproxy::start(&config(&room), &room.socket) {
        play(&room);
    }
    let room = Room::new(OURS, ports);
    let _lb = Lb::start(&config(&room));
    play(&room);
}
