//! The configuration: TOML, checked as a whole before anything is opened.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use serde::Deserialize;
use tandem_mq_core::PolicyRecord;

use crate::permissions::{Group, Said, User};
use crate::policies::{self, Policy};
use crate::tls::Tls;
use crate::users::Known;

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
    pub(crate) admin: Option<Admin>,
}

/// One message is one record of the journal, which is far from its limit with this.
const MOST_FRAME: usize = 512 << 20;

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
    pub(crate) tls: Option<Tls>,
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

    fn usual_connections() -> u32 {
        1000
    }

    fn usual_frame() -> usize {
        100 << 20
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
    pub(crate) messages: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Memory { messages: 256 << 20 }
    }
}

impl Configuration {
    /// Artemis's.
    fn usual_disk_usage() -> u8 {
        90
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.listeners.is_empty() {
            bail!("there is no listener: add [[listen]] with an address");
        }
        if !self.anonymous && self.users.is_empty() {
            bail!("nobody could log in: add a [[user]], or write anonymous = true");
        }
        if let Some(listener) = self.listeners.iter().find(|listener| listener.max_frame > MOST_FRAME) {
            bail!(
                "max-frame of the listener {} is {}; more than {MOST_FRAME} cannot be kept as one message",
                listener.address,
                listener.max_frame
            );
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
                "data-dir = \"/d\"\nanonymous = true\nmax-disk-usage = 0\n[[listen]]\naddress = \"127.0.0.1:1\"\n",
                "from 1 to 100",
            ),
            (
                "data-dir = \"/d\"\nanonymous = true\n[[listen]]\naddress = \"127.0.0.1:1\"\nmax-frame = 536870913\n",
                "max-frame of the listener 127.0.0.1:1 is 536870913; more than 536870912",
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
