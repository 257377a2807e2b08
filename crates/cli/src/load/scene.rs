//! Where a load plays, and what can be done to it there: the pair in a lab, or what loopback can have of it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;

use crate::pair::act::{Act, Part, Place, Side};

pub type Work = Box<dyn FnOnce() + Send>;

pub trait Scene {
    /// Where clients connect to.
    fn target(&self) -> SocketAddr;
    /// Where they connect to who stay with their server.
    fn stuck_target(&self) -> SocketAddr {
        self.target()
    }
    fn brokers(&self) -> Vec<SocketAddr>;
    /// The `number`-th address of one street; streets do not overlap, and all are the client host's.
    fn street(&self, street: u8, number: u8) -> Ipv4Addr;
    /// The client host's address beside the brokers.
    fn beside(&self) -> IpAddr;
    /// The hosts that may have the address.
    fn sides(&self) -> &[Side];
    /// Who has the address now; one, normally.
    fn holders(&self) -> Vec<Side>;
    /// Runs work on a host, on a thread of its own.
    fn thread(&self, place: Place, work: Work) -> anyhow::Result<JoinHandle<io::Result<()>>>;
    fn perform(&mut self, act: &Act) -> anyhow::Result<()>;
    /// What runs and what does not, a line for each part.
    fn state(&mut self) -> Vec<(Part, &'static str)>;
    /// What a daemon wrote.
    fn last_words(&self, part: Part) -> String;
}
