//! Hosts as network namespaces: build them, run programs in them, cut their cables, drop their packets, capture their
//! frames. No root is needed where the kernel lets users make namespaces, and nothing is left when the process ends,
//! however it ends.
//!
//! A process must enter its namespaces while it has only one thread, so a program that uses the lab does it first thing:
//!
//! ```no_run
//! use std::process::Command;
//! use std::time::Duration;
//! use tandem_lab::{Door, Ground, Lab};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Sockets that outsiders are to reach are opened before.
//!     let door = Door::open("127.0.0.1:8404".parse()?)?;
//!     // From here on this is another process, the grandchild of the one that was started; that one waits.
//!     let ground = Ground::enter()?;
//!
//!     let lab = Lab::new(&ground)?;
//!     let lan = lab.switch("lan")?;
//!     let a = lab.host("a")?;
//!     let cable = lab.link(&a, &lan, "10.9.0.1/24".parse()?)?;
//!     let server = a.run(Command::new("tandem-lb").args(["-f", "lb.toml", "-db"]))?;
//!     server.wait_for_line("started", Duration::from_secs(5))?;
//!     let _page = door.lead_to(&a, "127.0.0.1:8404".parse()?)?;
//!     lab.cut(&cable)?;
//!     Ok(())
//! }
//! ```
//!
//! The test harness of the standard library starts threads before any test runs; tests that use the lab therefore have a
//! harness of their own, with a process for each test.

mod advert;
mod capture;
mod door;
mod error;
mod faults;
mod host;
mod lab;
mod nft;
mod output;
mod pcap;
mod probe;
pub mod programs;
mod router;
mod running;
mod wiring;

pub use advert::{Advert, Handmade, Sums, VRRP_GROUP};
pub use capture::{Capture, Frame, Origin};
pub use door::{Door, Passage};
pub use error::{LabError, Missing};
pub use faults::FaultId;
pub use host::Host;
pub use lab::Lab;
pub use probe::{Probe, Responder, Seen};
pub use router::{RouterConfig, router_command, run_router};
pub use running::Running;
pub use tandem_sys::netlink::{AddressRequest, Cidr, Index, Mac, Netlink, NetlinkError, Route};
pub use tandem_sys::netns::Ground;
pub use tandem_sys::process::end_with_us;
pub use wiring::{Link, Switch};
