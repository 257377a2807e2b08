//! Where the demo plays: what the story, the clients and the screen need of it.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;

use crate::pair::files::Backend;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerName {
    A,
    B,
}

/// What can die in the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Server(ServerName),
    /// The host that holds the virtual address, with everything on it.
    Master,
}

/// Where a client calls from: the first number of its address says on which stage.
#[derive(Clone, Copy, Debug)]
pub struct Quarter(pub u8);

pub trait Stage {
    /// What there is to see, before the first line.
    fn describe(&self) -> String;
    /// Where the clients connect to.
    fn target(&self) -> SocketAddr;
    fn quarter(&self) -> Quarter;
    /// Runs a client where clients are.
    fn client(&self, work: Box<dyn FnOnce() + Send>) -> anyhow::Result<JoinHandle<()>>;
    /// Who holds the virtual address; `None` where there is none.
    fn master(&self) -> Option<String>;
    fn kill(&mut self, part: Part) -> anyhow::Result<()>;
    /// Brings back what was killed.
    fn revive(&mut self, part: Part) -> anyhow::Result<()>;
    /// A daemon that ended though nobody killed it, and its last words.
    fn failed(&mut self) -> Option<String>;
}

impl ServerName {
    pub const ALL: [ServerName; 2] = [ServerName::A, ServerName::B];

    pub fn from_byte(byte: u8) -> Option<ServerName> {
        ServerName::ALL.into_iter().find(|s| s.byte() == byte)
    }

    pub fn byte(self) -> u8 {
        match self {
            ServerName::A => b'A',
            ServerName::B => b'B',
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.byte() as char)
    }
}

impl Quarter {
    /// The `number`-th address of one street; streets do not overlap.
    pub fn address(self, street: u8, number: u16) -> Ipv4Addr {
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(self.0, 64 + street, high, low)
    }
}

/// As operators know it, with checks quick enough for people who watch.
pub fn backend(port: u16, servers: [SocketAddr; 2]) -> Backend {
    let names = ServerName::ALL.map(|name| name.to_string());
    Backend {
        port,
        servers: names.into_iter().zip(servers).collect(),
        manner: "    stick-table type ip size 200k
    stick on src
    default-server inter 300ms rise 2 fall 2 weight 100
"
        .into(),
        // Whoever returns stays in reserve: less to follow for those who watch.
        takes_back: false,
    }
}
