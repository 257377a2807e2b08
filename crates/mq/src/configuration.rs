//! The configuration: TOML, checked as a whole before anything is opened.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use socket2::Socket;
use tandem_mq_core::PolicyRecord;
use tandem_mq_core::broker::Slow;
use tandem_mq_core::dialect::Bounds;
use tandem_sys::sockopt::{self, Buffers};

use crate::permissions::{Group, Said, User};
use crate::policies::{self, Policy};
use crate::tls::Tls;
use crate::users::Known;

/// A message is one record of the journal, which is far from its limit with this.
const LARGEST: usize = 512 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Configuration {
    /// Where the journal is.
    pub(crate) data_dir: PathBuf,
    #[serde(rename = "listen")]
    pub(crate) listeners: Vec<Listener>,
    /// Whether clients may come without a name.
    #[serde(default)]
    anonymous: bool,
    /// What those may do; everything when nothing is said.
    anonymous_groups: Option<Vec<String>>,
    #[serde(default, rename = "user")]
    users: Vec<User>,
    #[serde(default, rename = "group")]
    groups: Vec<Group>,
    #[serde(default, rename = "policy")]
    pub(crate) policies: Vec<Policy>,
    #[serde(default)]
    pub(crate) memory: Memory,
    /// Producers are held back while the disk is as full as that, in hundredths; with 100 only when there is no room.
    #[serde(default = "Configuration::usual_disk_usage")]
    pub(crate) max_disk_usage: u8,
    /// A queue that nobody has declared goes when it has been empty and unused for so many seconds; 0 is never.
    #[serde(default = "Configuration::usual_queue_idle")]
    pub(crate) queue_idle_timeout: u32,
    pub(crate) admin: Option<Admin>,
}

/// Where those who watch the node ask.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Admin {
    pub(crate) address: SocketAddr,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    #[serde(default)]
    pub(crate) protocol: Protocol,
    #[serde(default = "Listener::usual_connections")]
    pub(crate) max_connections: u32,
    /// The largest body, in bytes.
    #[serde(default = "Listener::usual_frame")]
    pub(crate) max_frame: usize,
    /// Whoever connects is a proxy, and says first for whom.
    #[serde(default)]
    pub(crate) proxy_protocol: bool,
    /// Of STOMP: the longest head of a frame, and the most headers in it.
    #[serde(default = "Listener::usual_head")]
    pub(crate) max_header_bytes: usize,
    #[serde(default = "Listener::usual_headers")]
    pub(crate) max_headers: usize,
    /// How often either side wants to be heard, in seconds, if the client agrees.
    pub(crate) heart_beat: Option<u16>,
    /// What the kernel may hold of each connection, in bytes; its own measure without this.
    pub(crate) send_buffer: Option<usize>,
    pub(crate) receive_buffer: Option<usize>,
    #[serde(default)]
    pub(crate) keepalive: Keepalive,
    pub(crate) tls: Option<Tls>,
}

/// When the kernel asks whether a silent client is still there, in seconds; its own measure for what is not said.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Keepalive {
    idle: Option<u16>,
    interval: Option<u16>,
    count: Option<u8>,
}

impl Listener {
    /// What TLS needs here, if it is spoken.
    fn accepts(&self) -> anyhow::Result<Option<Arc<tandem_tls::Listener>>> {
        let made = self.tls.as_ref().map(Tls::listener).transpose();
        made.with_context(|| format!("TLS of the listener {}", self.address))
    }

    /// Whether only its papers are others.
    pub(crate) fn is_the_same_socket(&self, other: &Listener) -> bool {
        let without = |listener: &Listener| Listener {
            tls: None,
            ..listener.clone()
        };
        self.tls.is_some() == other.tls.is_some() && without(self) == without(other)
    }

    /// What its sessions may do.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            message: self.max_frame,
            head: self.max_header_bytes,
            headers: self.max_headers,
            heart_beat: self.heart_beat.map(|seconds| Duration::from_secs(seconds.into())),
        }
    }

    /// What the kernel does for its connections, which have it from the listener.
    pub(crate) fn tune(&self, socket: &Socket) -> io::Result<()> {
        let buffers = Buffers {
            receive: self.receive_buffer,
            send: self.send_buffer,
        };
        let seconds = |seconds: u16| Duration::from_secs(seconds.into());
        let probes = sockopt::Keepalive {
            idle: self.keepalive.idle.map(seconds),
            interval: self.keepalive.interval.map(seconds),
            count: self.keepalive.count.map(u32::from),
        };
        buffers.apply(socket)?;
        sockopt::keep_alive(socket, probes)
    }

    fn check(&self) -> anyhow::Result<()> {
        let address = self.address;
        if self.max_frame > LARGEST {
            bail!(
                "the listener {address}: max-frame is at most {LARGEST}, not {}",
                self.max_frame
            );
        }
        let keepalive = self.keepalive;
        if keepalive.idle == Some(0) || keepalive.interval == Some(0) || keepalive.count == Some(0) {
            bail!("the listener {address}: what keepalive says is at least 1");
        }
        if self.send_buffer == Some(0) || self.receive_buffer == Some(0) {
            bail!("the listener {address}: a buffer has at least one byte");
        }
        Ok(())
    }

    fn usual_head() -> usize {
        Bounds::default().head
    }

    fn usual_headers() -> usize {
        Bounds::default().headers
    }

    fn usual_connections() -> u32 {
        1000
    }

    fn usual_frame() -> usize {
        Bounds::default().message
    }
}

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Protocol {
    /// The client's first bytes say.
    #[default]
    Auto,
    Stomp,
    Mqtt,
    #[serde(rename = "amqp091")]
    Amqp091,
    #[serde(rename = "amqp10")]
    Amqp10,
    /// Both that are called so; the client's first bytes say which.
    Amqp,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Memory {
    /// Producers are held back when all messages together weigh more, in bytes.
    #[serde(default = "Memory::usual")]
    pub(crate) messages: usize,
    #[serde(default)]
    pub(crate) slow_subscribers: SlowSubscribers,
}

impl Memory {
    fn usual() -> usize {
        256 << 20
    }
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            messages: Memory::usual(),
            slow_subscribers: SlowSubscribers::default(),
        }
    }
}

/// What happens when somebody listens to a topic, only while it is connected, and takes less than is sent.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SlowSubscribers {
    /// Its oldest messages go.
    #[default]
    Drop,
    /// Its subscription ends.
    Disconnect,
    /// Whoever sends waits for it.
    Wait,
}

impl SlowSubscribers {
    pub(crate) fn of_broker(self) -> Option<Slow> {
        match self {
            SlowSubscribers::Drop => Some(Slow::Drop),
            SlowSubscribers::Disconnect => Some(Slow::Disconnect),
            SlowSubscribers::Wait => None,
        }
    }
}

impl Configuration {
    /// Artemis's.
    fn usual_disk_usage() -> u8 {
        90
    }

    fn usual_queue_idle() -> u32 {
        600
    }

    pub(crate) fn queue_idle(&self) -> Option<Duration> {
        let seconds = u64::from(self.queue_idle_timeout);
        (seconds > 0).then_some(Duration::from_secs(seconds))
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.listeners.is_empty() {
            bail!("there is no listener: add [[listen]] with an address");
        }
        for listener in &self.listeners {
            listener.check()?;
        }
        if !self.anonymous && self.users.is_empty() {
            bail!("nobody could log in: add a [[user]], or write anonymous = true");
        }
        if !(1..=100).contains(&self.max_disk_usage) {
            bail!(
                "max-disk-usage is a number of hundredths from 1 to 100, not {}",
                self.max_disk_usage
            );
        }
        Ok(())
    }

    /// Who may come in, and do what.
    fn known(&self) -> anyhow::Result<Known> {
        let said = Said {
            anonymous: self.anonymous,
            anonymous_groups: self.anonymous_groups.as_deref(),
            users: &self.users,
            groups: &self.groups,
        };
        said.known()
    }
}

/// A configuration with all that it names: read once, so that what was checked is what is used.
pub(crate) struct Checked {
    pub(crate) plan: Configuration,
    pub(crate) known: Known,
    pub(crate) policies: Vec<PolicyRecord>,
    /// Of each listener, in their order, where TLS is spoken.
    pub(crate) papers: Vec<Option<Arc<tandem_tls::Listener>>>,
}

impl Checked {
    pub(crate) fn read(path: &Path) -> anyhow::Result<Checked> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        Checked::parse(&text).with_context(|| format!("{name}"))
    }

    fn parse(text: &str) -> anyhow::Result<Checked> {
        let plan: Configuration = toml::from_str(text)?;
        plan.check()?;
        let papers = plan.listeners.iter().map(Listener::accepts);
        Ok(Checked {
            papers: papers.collect::<anyhow::Result<_>>()?,
            known: plan.known()?,
            policies: policies::records(&plan.policies)?,
            plan,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_wrong_is_said() {
        let good =
            "data-dir = \"/d\"\nanonymous = true\n[[listen]]\naddress = \"127.0.0.1:61613\"\nprotocol = \"stomp\"\n";
        let read = Checked::parse(good).unwrap().plan;
        assert_eq!(
            (read.listeners[0].protocol, read.listeners[0].max_connections),
            (Protocol::Stomp, 1000)
        );
        let tuned = format!(
            "{good}receive-buffer = 50000\nkeepalive = {{ idle = 60, interval = 7, count = 3 }}\nheart-beat = 0\n"
        );
        let listener = Checked::parse(&tuned).unwrap().plan.listeners.remove(0);
        assert_eq!(listener.bounds().heart_beat, Some(Duration::ZERO));
        let socket = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.tune(&socket).unwrap();
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(7));
        // The kernel keeps as much again for itself.
        assert_eq!(socket.recv_buffer_size().unwrap(), 100_000);
        for (text, says) in [
            (
                "data-dir = \"/d\"\nanonymous = true\nlisten = []\n",
                "there is no listener",
            ),
            (
                "data-dir = \"/d\"\n[[listen]]\naddress = \"127.0.0.1:1\"\n",
                "nobody could log in",
            ),
            (
                "data-dir = \"/d\"\ndatadir = 1\n[[listen]]\naddress = \"127.0.0.1:1\"\n",
                "unknown field `datadir`",
            ),
            ("data-dir = \"/d\"\n[[listen]]\naddress = \"here\"\n", "line 3"),
            (
                "data-dir = \"/d\"\nanonymous = true\n[[listen]]\naddress = \"127.0.0.1:1\"\nmax-frame = 536870913\n",
                "max-frame is at most 536870912",
            ),
            (
                "data-dir = \"/d\"\nanonymous = true\n[[listen]]\naddress = \"127.0.0.1:1\"\nkeepalive = { count = 0 }\n",
                "keepalive says is at least 1",
            ),
            (
                "data-dir = \"/d\"\nanonymous = true\nmax-disk-usage = 0\n[[listen]]\naddress = \"127.0.0.1:1\"\n",
                "from 1 to 100",
            ),
            (
                "data-dir = \"/d\"\n[[listen]]\naddress = \"127.0.0.1:1\"\n[[user]]\nname = \"a\"\npassword-hash = \"x\"\n",
                "user \"a\": password-hash",
            ),
            (
                "data-dir = \"/d\"\nanonymous = true\n[[listen]]\naddress = \"127.0.0.1:1\"\ntls = { certificate = \"/no.pem\" }\n",
                "TLS of the listener 127.0.0.1:1: /no.pem: cannot be read",
            ),
            (
                "data-dir = \"/d\"\nanonymous = true\n[[listen]]\naddress = \"127.0.0.1:1\"\ntls = { client-ca = \"/no.pem\" }\n",
                "missing field `certificate`",
            ),
        ] {
            let error = format!("{:#}", Checked::parse(text).map(drop).unwrap_err());
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
