//! The values of the native form: times, sizes, addresses and the few words that are enumerations.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use tandem_lb_core::backend::{InitState, OnError};
use tandem_lb_core::balance::{Algorithm, HashFunction, HashKey, HashMethod};
use tandem_lb_core::conn::Redispatch;
use tandem_lb_core::dns::Way;
use tandem_lb_core::forward::Key;
use tandem_lb_core::proxy_header::Version;
use tandem_lb_core::stick::KeyType;

use crate::address::{self, AddressError};
use crate::diff::shown;
use crate::draft::Mode;
use crate::lookup;
use crate::names;
use crate::plan::{
    AcceptPolicy, BindAddress, Facility, Host, InitAddr, Level, LogAddress, LogFormat, Nameserver, Sample, ServerPort,
    ServerStates, Severity, SeverityOutput, Source,
};
use crate::units::{self, UnitError};

/// A value that is written as one word or number. What `write` says, `read` understands.
pub(super) trait Word: Sized {
    const WHAT: &'static str;
    fn read(text: &str) -> Result<Self, String>;
    fn write(&self) -> Written;
}

/// How a [`Word`] stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Number(i64),
    Text(String),
}

impl From<&str> for Written {
    fn from(text: &str) -> Written {
        Written::Text(text.to_owned())
    }
}

impl From<String> for Written {
    fn from(text: String) -> Written {
        Written::Text(text)
    }
}

impl From<u32> for Written {
    fn from(number: u32) -> Written {
        Written::Number(number.into())
    }
}

/// Reads a [`Word`] from a string or a whole number.
#[derive(Clone, Debug)]
pub(super) struct Value<T>(pub(super) T);

impl<T: Word> Serialize for Value<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.write() {
            Written::Number(number) => serializer.serialize_i64(number),
            Written::Text(text) => serializer.serialize_str(&text),
        }
    }
}

impl<'de, T: Word> Deserialize<'de> for Value<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(std::marker::PhantomData<T>);
        impl<T: Word> Visitor<'_> for Reader<T> {
            type Value = Value<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::WHAT)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::read(text).map(Value).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Reader(std::marker::PhantomData))
    }
}

/// More than nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(pub(super) Duration);

impl Word for Time {
    const WHAT: &'static str = "a time such as \"5s\", or a number of milliseconds";
    fn read(text: &str) -> Result<Self, String> {
        match units::time(text).map_err(unit)? {
            Duration::ZERO => Err("this time must be more than 0".to_owned()),
            time => Ok(Self(time)),
        }
    }
    fn write(&self) -> Written {
        shown::duration(self.0).into()
    }
}

/// A time where 0 is for ever.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(pub(super) Option<Duration>);

impl Word for Limit {
    const WHAT: &'static str = Time::WHAT;
    fn read(text: &str) -> Result<Self, String> {
        let time = units::time(text).map_err(unit)?;
        Ok(Self(Some(time).filter(|time| !time.is_zero())))
    }
    fn write(&self) -> Written {
        self.0.map_or(Written::Number(0), |time| shown::duration(time).into())
    }
}

/// A count of at least one, such as `"200k"`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size(pub(super) u32);

impl Word for Size {
    const WHAT: &'static str = "a size such as \"200k\"";
    fn read(text: &str) -> Result<Self, String> {
        match units::size(text).map_err(unit)? {
            0 => Err("this size must be more than 0".to_owned()),
            size => Ok(Self(size)),
        }
    }
    fn write(&self) -> Written {
        match self.0 {
            size if size.is_multiple_of(1 << 20) => format!("{}m", size >> 20).into(),
            size if size.is_multiple_of(1 << 10) => format!("{}k", size >> 10).into(),
            size => size.into(),
        }
    }
}

fn unit(error: UnitError) -> String {
    match error.help() {
        Some(help) => format!("{error}; {help}"),
        None => error.to_string(),
    }
}

/// A number from `LOW` to `HIGH`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<const LOW: u32, const HIGH: u32>(pub(super) u32);

impl<const LOW: u32, const HIGH: u32> Word for Number<LOW, HIGH> {
    const WHAT: &'static str = "a whole number";
    fn read(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| (LOW..=HIGH).contains(number));
        number
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a number from {LOW} to {HIGH}"))
    }
    fn write(&self) -> Written {
        self.0.into()
    }
}

/// `hash-balance-factor`: 0 is no bound, and at 100 percent or less somebody would be turned away.
#[derive(Clone, Copy, Debug)]
pub(super) struct BalanceFactor(pub(super) u32);

impl Word for BalanceFactor {
    const WHAT: &'static str = "a percentage above 100";
    fn read(text: &str) -> Result<Self, String> {
        let factor = text.parse().ok().filter(|factor| *factor == 0 || *factor > 100);
        factor
            .map(Self)
            .ok_or_else(|| format!("`{text}` is neither 0 nor a percentage above 100"))
    }
    fn write(&self) -> Written {
        self.0.into()
    }
}

/// File permissions in octal, as text because TOML would read 660 as another number.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileMode(pub(super) u32);

impl Word for FileMode {
    const WHAT: &'static str = "a file mode such as \"660\"";
    fn read(text: &str) -> Result<Self, String> {
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
        mode.map(Self)
            .ok_or_else(|| format!("`{text}` is not a file mode; write it in octal, such as \"660\""))
    }
    fn write(&self) -> Written {
        format!("{:o}", self.0).into()
    }
}

/// One of the details behind the addresses of a PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProxyDetail {
    Crc32c,
    Authority,
    UniqueId,
    Ssl,
    CertCn,
    SslCipher,
    CertSig,
    CertKey,
}

impl Word for Vec<BindAddress> {
    const WHAT: &'static str = "an address to listen on, such as \"*:61616\"";
    fn read(text: &str) -> Result<Self, String> {
        address::listeners(text).map_err(bad_address)
    }
    fn write(&self) -> Written {
        address::listed(self).into()
    }
}

impl Word for (Host, ServerPort) {
    const WHAT: &'static str = "a server's address, such as \"10.0.0.1:61616\"";
    fn read(text: &str) -> Result<Self, String> {
        address::server_or_any(text).map_err(bad_address)
    }
    fn write(&self) -> Written {
        shown::place(&self.0, self.1).into()
    }
}

impl Word for Host {
    const WHAT: &'static str = "an address without a port";
    fn read(text: &str) -> Result<Self, String> {
        address::host(text).map_err(bad_address)
    }
    fn write(&self) -> Written {
        shown::host(self).into()
    }
}

impl Word for Source {
    const WHAT: &'static str = "where connections come from, such as \"10.0.0.1 usesrc clientip\"";
    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }
    fn write(&self) -> Written {
        self.to_string().into()
    }
}

impl Word for IpAddr {
    const WHAT: &'static str = "an address";
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{text}` is not an address"))
    }
    fn write(&self) -> Written {
        self.to_string().into()
    }
}

impl Word for LogAddress {
    const WHAT: &'static str = "a log target, such as \"/dev/log\"";
    fn read(text: &str) -> Result<Self, String> {
        address::log(text).map_err(bad_address)
    }
    fn write(&self) -> Written {
        shown::log_address(self).into()
    }
}

/// Perhaps nothing at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span(pub(super) Duration);

impl Word for Span {
    const WHAT: &'static str = "a time such as \"5s\", or a number of milliseconds";
    fn read(text: &str) -> Result<Self, String> {
        units::time(text).map(Self).map_err(unit)
    }
    fn write(&self) -> Written {
        Limit(Some(self.0).filter(|time| !time.is_zero())).write()
    }
}

/// Perhaps with a name of its own: "dns1 10.0.0.2:53".
impl Word for Nameserver {
    const WHAT: &'static str = "a name server, such as \"10.0.0.2:53\" or \"NAME 10.0.0.2:53\"";
    fn read(text: &str) -> Result<Self, String> {
        let (name, address) = match text.split_once(' ') {
            Some((name, address)) => (Some(name), address.trim_start()),
            None => (None, text),
        };
        let (way, address) = lookup::nameserver(address)?;
        let name = name.map_or_else(|| address.ip().to_string(), str::to_owned);
        Ok(Nameserver {
            name: name.into(),
            address,
            way,
        })
    }
    fn write(&self) -> Written {
        let address = match self.way {
            Way::Datagram => self.address.to_string(),
            Way::Stream => format!("tcp@{}", self.address),
        };
        if *self.name == *self.address.ip().to_string() {
            return address.into();
        }
        format!("{} {address}", self.name).into()
    }
}

impl Word for (IpAddr, u8) {
    const WHAT: &'static str = "a network, such as \"10.0.0.0/8\"";
    fn read(text: &str) -> Result<Self, String> {
        lookup::network(text)
    }
    fn write(&self) -> Written {
        format!("{}/{}", self.0, self.1).into()
    }
}

impl Word for InitAddr {
    const WHAT: &'static str = "\"last\", \"libc\", \"none\" or an address";
    fn read(text: &str) -> Result<Self, String> {
        lookup::init_addr(text)
    }
    fn write(&self) -> Written {
        shown::way(self).into()
    }
}

impl Word for Sample {
    const WHAT: &'static str = "a sample, such as \"1,3-4:5\"";
    fn read(text: &str) -> Result<Self, String> {
        names::sample(text)
    }
    fn write(&self) -> Written {
        names::sample_text(self).into()
    }
}

fn bad_address(error: AddressError) -> String {
    format!("{error}; {}", error.help())
}

impl Word for Redispatch {
    const WHAT: &'static str = "a whole number: -1 the last retry, 1 every retry, 0 never";
    fn read(text: &str) -> Result<Self, String> {
        names::redispatch(text).ok_or_else(|| format!("`{text}` is not a whole number"))
    }
    fn write(&self) -> Written {
        Written::Number(names::redispatch_number(*self))
    }
}

impl Word for Algorithm {
    const WHAT: &'static str = "a way to balance, such as \"source\"";
    fn read(text: &str) -> Result<Self, String> {
        let draws = text.strip_prefix("random(").and_then(|rest| rest.strip_suffix(')'));
        match (text, draws) {
            ("random", _) => Ok(Self::Random { draws: names::DRAWS }),
            ("hash src", _) => Ok(Self::HashSrc),
            ("hash", _) => Ok(Self::Hash),
            (_, Some(draws)) => Number::<1, { u32::MAX }>::read(draws).map(|draws| Self::Random { draws: draws.0 }),
            _ => choose(text, names::ALGORITHMS, "random, random(N), hash src, hash"),
        }
    }
    fn write(&self) -> Written {
        match self {
            Self::Random { draws: names::DRAWS } => "random".into(),
            Self::Random { draws } => format!("random({draws})").into(),
            Self::HashSrc => "hash src".into(),
            Self::Hash => "hash".into(),
            simple => name(names::ALGORITHMS, simple),
        }
    }
}

pub(super) fn choose<T: Clone>(text: &str, table: &[(&str, T)], others: &str) -> Result<T, String> {
    let found = table
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, value)| value.clone());
    found.ok_or_else(|| {
        if let Some(near) = tandem_text::nearest(text, table.iter().map(|(name, _)| *name)) {
            return format!("`{text}` is not known; did you mean `{near}`?");
        }
        let mut names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
        names.extend(Some(others).filter(|others| !others.is_empty()));
        format!("`{text}` is not known; write one of: {}", names.join(", "))
    })
}

/// The first name of a value. A table names each of its type.
pub(super) fn name<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> Written {
    let found = table.iter().find(|(_, known)| known == value);
    found.map_or("", |(name, _)| *name).into()
}

macro_rules! choices {
    ($($type:ty: $what:literal, $table:expr;)*) => {
        $(impl Word for $type {
            const WHAT: &'static str = $what;
            fn read(text: &str) -> Result<Self, String> {
                choose(text, $table, "")
            }
            fn write(&self) -> Written {
                name($table, self)
            }
        })*
    };
}

/// Without its length, which is a key of its own.
impl Word for KeyType {
    const WHAT: &'static str = "a type of keys";
    fn read(text: &str) -> Result<Self, String> {
        choose(text, names::KEY_TYPES, "")
    }
    fn write(&self) -> Written {
        self.word().into()
    }
}

choices! {
    ServerStates: "where states of servers are", names::SERVER_STATES;
    Mode: "a mode", &[("tcp", Self::Tcp), ("http", Self::Http), ("forward", Self::Forward)];
    AcceptPolicy: "\"shared\" or \"reuseport\"", &[("shared", Self::Shared), ("reuseport", Self::Reuseport)];
    Level: "a level", names::LEVELS;
    SeverityOutput: "none, number or string", names::SEVERITY_OUTPUTS;
    LogFormat: "a log format", names::LOG_FORMATS;
    Facility: "a syslog facility", names::FACILITIES;
    Severity: "a syslog level", names::SEVERITIES;
    Key: "what is hashed", names::FORWARD_KEYS;
    HashMethod: "a hash type", names::HASH_METHODS;
    HashKey: "what places a server among hashes", names::HASH_KEYS;
    HashFunction: "a hash function", names::HASH_FUNCTIONS;
    OnError: "what errors count as", names::ON_ERROR;
    InitState: "a state", names::INIT_STATES;
    Version: "a version of the PROXY header", &[("v1", Self::V1), ("v2", Self::V2)];
    ProxyDetail: "what a PROXY header says", &[
        ("crc32c", Self::Crc32c), ("authority", Self::Authority), ("unique-id", Self::UniqueId), ("ssl", Self::Ssl), ("cert-cn", Self::CertCn),
        ("ssl-cipher", Self::SslCipher), ("cert-sig", Self::CertSig), ("cert-key", Self::CertKey),
    ];
}
