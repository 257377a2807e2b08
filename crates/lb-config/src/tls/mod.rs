//! What lines say about TLS, before the defaults of `global` are laid under it and it is known to make sense.

mod ciphers;
mod list;
mod settle;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::expr::Spelled;
use crate::haproxy::Beside;
use crate::plan::{Authorities, Errors, Shown, TlsVersion};

pub(crate) use ciphers::{Found, curves, old_suites, signatures, suites};
pub use list::{BadLine, ListLine, ListWord};
pub(crate) use settle::Settling;

/// What a `bind` or `server` line, or the defaults for all of them, say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// `ssl`
    pub(crate) on: bool,
    /// `crt`, `crt-list`
    pub(crate) shown: Vec<Shown>,
    /// `default-crt`
    pub(crate) usual: Vec<PathBuf>,
    pub(crate) authorities: Option<Authorities>,
    /// `ca-verify-file`: more of them, of which clients are not told.
    pub(crate) hidden_authorities: Option<PathBuf>,
    /// `no-ca-names`
    pub(crate) hides_authorities: bool,
    pub(crate) revoked: Option<PathBuf>,
    pub(crate) verify: Option<Verify>,
    pub(crate) forgiven_authorities: Errors,
    pub(crate) forgiven_certificates: Errors,
    /// Of TLS 1.2, and of 1.3.
    pub(crate) old_suites: Option<Vec<&'static str>>,
    pub(crate) suites: Option<Vec<&'static str>>,
    pub(crate) groups: Option<Vec<&'static str>>,
    /// `sigalgs`, `client-sigalgs`
    pub(crate) signatures: Option<Vec<&'static str>>,
    pub(crate) client_signatures: Option<Vec<&'static str>>,
    pub(crate) versions: Versions,
    pub(crate) alpn: Option<Vec<String>>,
    pub(crate) strict_sni: bool,
    pub(crate) no_tickets: bool,
    /// `tls-ticket-keys`
    pub(crate) ticket_keys: Option<PathBuf>,
    pub(crate) client_order: bool,
    pub(crate) sni: Option<Spelled>,
    pub(crate) host: Option<String>,
    pub(crate) no_reuse: bool,
    pub(crate) check: Option<bool>,
    pub(crate) check_sni: Option<String>,
    pub(crate) check_alpn: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verify {
    None,
    Optional,
    Required,
}

impl Verify {
    pub(crate) const NAMES: [(&'static str, Verify); 3] = [
        (Verify::None.name(), Verify::None),
        (Verify::Optional.name(), Verify::Optional),
        (Verify::Required.name(), Verify::Required),
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Verify::None => "none",
            Verify::Optional => "optional",
            Verify::Required => "required",
        }
    }
}

/// Which versions are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) least: Option<TlsVersion>,
    pub(crate) most: Option<TlsVersion>,
    pub(crate) no_12: bool,
    pub(crate) no_13: bool,
}

/// What `global` says for all lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) of_binds: Words,
    pub(crate) of_servers: Words,
    /// `default-path`: where paths begin that begin nowhere else.
    pub(crate) base: Option<PathBuf>,
    /// And that goes with the file of the configuration.
    pub(crate) beside: Option<Beside>,
    pub(crate) ca_base: Option<PathBuf>,
    pub(crate) crt_base: Option<PathBuf>,
    /// `ssl-server-verify none`
    pub(crate) trusts_servers: bool,
    pub(crate) sessions: Option<u32>,
    /// `tune.ssl.lifetime`
    pub(crate) lifetime: Option<Duration>,
}

impl Defaults {
    /// Where a certificate is.
    pub(crate) fn certificate(&self, path: &Path) -> PathBuf {
        self.place(&under(self.crt_base.as_deref(), path))
    }

    /// Where an authority is, or a list of what is believed no more.
    pub(crate) fn authority(&self, path: &Path) -> PathBuf {
        self.place(&under(self.ca_base.as_deref(), path))
    }

    /// Where anything else is.
    pub(crate) fn place(&self, path: &Path) -> PathBuf {
        under(self.base.as_deref(), path)
    }
}

/// A path that does not begin at the root is looked for there.
fn under(base: Option<&Path>, path: &Path) -> PathBuf {
    base.map_or_else(|| path.to_owned(), |base| base.join(path))
}
