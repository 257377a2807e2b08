//! The header that a server gets, byte for byte as HAProxy writes it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Ends;
use super::v2::{self, SIGNATURE, TCP4, TCP6, tlv};

/// What a server wants to be told, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    pub version: Version,
    pub details: Details,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

/// What follows the addresses in version 2 (`proxy-v2-options`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Details {
    pub crc32c: bool,
    /// The host name that the client asked for, where it is known.
    pub authority: bool,
    /// What `unique-id-format` makes of it.
    pub unique_id: bool,
    /// Whether the client came by TLS, and how.
    pub ssl: bool,
    /// With `ssl`, more of it: the name in the client's certificate, the cipher, and of the certificate that the client
    /// was shown how it is signed and its key.
    pub common_name: bool,
    pub cipher: bool,
    pub signature: bool,
    pub key: bool,
}

/// How a client came by TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secured {
    /// `TLSv1.3`
    pub version: &'static str,
    pub cipher: Option<&'static str>,
    pub certificate: Option<Shown>,
    /// Of what the client was shown: `EC256`, `ecdsa-with-SHA256`.
    pub key: Option<String>,
    pub signature: Option<String>,
}

/// A client's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    pub common_name: Option<String>,
    /// OpenSSL's number for what is wrong with it.
    pub verdict: u8,
    /// It was shown earlier in the session, and not on this connection.
    pub earlier: bool,
}

/// What is known of a client. Without ends it is one without addresses, as on a unix socket.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client<'a> {
    pub ends: Option<Ends>,
    pub authority: Option<&'a [u8]>,
    pub tls: Option<&'a Secured>,
    pub unique_id: Option<&'a [u8]>,
    /// What else is said, by its number.
    pub more: &'a [(u8, Vec<u8>)],
}

impl Write {
    pub fn for_client(&self, client: &Client<'_>) -> Vec<u8> {
        self.as_far_as_it_goes(client).0
    }

    /// The same, and how many of the values beside had no room.
    pub fn as_far_as_it_goes(&self, client: &Client<'_>) -> (Vec<u8>, usize) {
        match self.version {
            Version::V1 => (line(client.ends), client.more.len()),
            Version::V2 => self.binary(client),
        }
    }

    /// For a check. Version 1 names the check's own ends; version 2 has a way to say that nobody is spoken for.
    pub fn for_check(&self, ends: Option<Ends>) -> Vec<u8> {
        match self.version {
            Version::V1 => line(ends),
            Version::V2 => self.for_client(&Client::default()),
        }
    }

    fn binary(&self, client: &Client<'_>) -> (Vec<u8>, usize) {
        let Client {
            ends,
            authority,
            tls,
            unique_id,
            more,
        } = *client;
        let mut out = SIGNATURE.to_vec();
        match ends.map(same_family) {
            None => out.extend([0x20, 0, 0, 0]),
            Some(Ends { source, destination }) => {
                out.extend([0x21, if source.is_ipv4() { TCP4 } else { TCP6 }, 0, 0]);
                put_ip(&mut out, source);
                put_ip(&mut out, destination);
                out.extend(source.port().to_be_bytes());
                out.extend(destination.port().to_be_bytes());
            }
        }
        let checksum = self.details.crc32c.then(|| put_detail(&mut out, tlv::CRC32C, &[0; 4]));
        if let Some(authority) = authority.filter(|_| self.details.authority) {
            put_detail(&mut out, tlv::AUTHORITY, authority);
        }
        // Longer ones nobody would take.
        let unique_id = unique_id.map(|id| &id[..id.len().min(v2::LONGEST_UNIQUE_ID)]);
        if let Some(id) = unique_id.filter(|id| self.details.unique_id && !id.is_empty()) {
            put_detail(&mut out, tlv::UNIQUE_ID, id);
        }
        if self.details.ssl {
            put_detail(&mut out, tlv::SSL, &self.details.of_tls(tls));
        }
        // As often as HAProxy's buffer has room for them; what has no room is left out.
        let mut left_out = 0;
        for (kind, value) in more {
            if out.len() + value.len() <= MOST {
                put_detail(&mut out, *kind, value);
            } else {
                left_out += 1;
            }
        }
        // Addresses, a few values of at most 255 bytes and fixed fields, and not much more: below the field's range.
        let length = (out.len() - v2::FIXED) as u16;
        out[v2::FIXED - 2..v2::FIXED].copy_from_slice(&length.to_be_bytes());
        if let Some(at) = checksum {
            let sum = v2::checksum(&out, at);
            out[at..at + 4].copy_from_slice(&sum.to_be_bytes());
        }
        (out, left_out)
    }
}

impl Details {
    /// What is said of TLS: flags, the verdict, and what else is wanted.
    fn of_tls(self, tls: Option<&Secured>) -> Vec<u8> {
        let Some(tls) = tls else {
            // No flag of the client's, and nothing was verified.
            return vec![0; 5];
        };
        let shown = tls.certificate.as_ref();
        let certificate = match shown {
            None => 0,
            Some(Shown { earlier: true, .. }) => ssl::SHOWN_IN_SESSION,
            Some(_) => ssl::SHOWN_IN_SESSION | ssl::SHOWN_HERE,
        };
        let mut out = vec![ssl::SPOKEN | certificate];
        out.extend(u32::from(shown.map_or(0, |shown| shown.verdict)).to_be_bytes());
        let common_name = shown.and_then(|shown| shown.common_name.as_deref());
        let said = [
            (true, ssl::VERSION, Some(tls.version)),
            (self.common_name, ssl::COMMON_NAME, common_name),
            (self.key, ssl::KEY, tls.key.as_deref()),
            (self.signature, ssl::SIGNATURE, tls.signature.as_deref()),
            (self.cipher, ssl::CIPHER, tls.cipher),
        ];
        for (is_wanted, kind, value) in said {
            // X.520 allows names of 64 characters; what is far beyond that has no place here.
            if let Some(value) = value.filter(|value| is_wanted && value.len() <= LONGEST) {
                put_detail(&mut out, kind, value.as_bytes());
            }
        }
        out
    }
}

/// How long a header becomes by what is said beside. Nobody takes longer ones.
const MOST: usize = 4096;

/// The longest value that is written.
const LONGEST: usize = 255;

/// What is inside of [`tlv::SSL`] (section 2.2.6 of the protocol).
mod ssl {
    pub(super) const SPOKEN: u8 = 0x01;
    pub(super) const SHOWN_HERE: u8 = 0x02;
    pub(super) const SHOWN_IN_SESSION: u8 = 0x04;
    pub(super) const VERSION: u8 = 0x21;
    pub(super) const COMMON_NAME: u8 = 0x22;
    pub(super) const CIPHER: u8 = 0x23;
    pub(super) const SIGNATURE: u8 = 0x24;
    pub(super) const KEY: u8 = 0x25;
}

fn line(ends: Option<Ends>) -> Vec<u8> {
    let Some(ends) = ends else {
        return b"PROXY UNKNOWN\r\n".to_vec();
    };
    let Ends { source, destination } = same_family(ends);
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    format!(
        "PROXY {family} {} {} {} {}\r\n",
        source.ip(),
        destination.ip(),
        source.port(),
        destination.port()
    )
    .into_bytes()
}

/// Where only one is of IPv6, the other is written as if it were.
fn same_family(Ends { source, destination }: Ends) -> Ends {
    if source.is_ipv4() == destination.is_ipv4() {
        return Ends { source, destination };
    }
    let mapped = |at: SocketAddr| SocketAddr::new(IpAddr::V6(as_v6(at.ip())), at.port());
    Ends {
        source: mapped(source),
        destination: mapped(destination),
    }
}

fn as_v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn put_ip(out: &mut Vec<u8>, at: SocketAddr) {
    match at.ip() {
        IpAddr::V4(v4) => out.extend(v4.octets()),
        IpAddr::V6(v6) => out.extend(v6.octets()),
    }
}

/// Where its value is.
fn put_detail(out: &mut Vec<u8>, kind: u8, value: &[u8]) -> usize {
    // Values have at most as many bytes as a header, and few are put into another.
    let length = value.len() as u16;
    out.push(kind);
    out.extend(length.to_be_bytes());
    out.extend(value);
    out.len() - value.len()
}
