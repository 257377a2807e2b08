//! What a certificate says, in the words of OpenSSL that HAProxy's fetches and commands show.

mod revoked;
mod status;

use std::fmt::Write as _;
use std::time::Duration;

use ring::digest;
use rustls::pki_types::CertificateDer;
use tandem_time::CivilTime;
use x509_cert::der::Decode;
use x509_cert::der::asn1::{Ia5StringRef, ObjectIdentifier, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Time;

pub use revoked::Revoked;
pub use status::{About, Signed, Status, StatusError, Sum, Verdict};

/// One certificate, read.
#[derive(Clone, Debug)]
pub struct Facts {
    pub subject: Vec<Part>,
    pub issuer: Vec<Part>,
    pub serial: Vec<u8>,
    pub not_before: Moment,
    pub not_after: Moment,
    /// The hosts it is for: first the common name, then the alternative names.
    pub hosts: Vec<String>,
    /// The alternative names alone, as a person reads them.
    pub alternatives: Vec<String>,
    /// `X.509` versions count from 0 on the wire and from 1 in speech.
    pub version: u8,
    pub key: Key,
    /// How the authority signed it.
    pub signature: String,
}

/// One `CN=…` of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub kind: String,
    pub value: String,
    /// It stands beside the one before it, not below.
    is_beside: bool,
}

/// A time of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Since 1970.
    pub since: Duration,
    /// Written with four digits for the year.
    is_long: bool,
}

/// What kind of public key it certifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its kind and size: `EC256`.
    pub algorithm: String,
    /// OpenSSL's name for the kind: `id-ecPublicKey`.
    pub kind: String,
    pub bits: usize,
}

impl Facts {
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Facts, String> {
        let read = x509_cert::Certificate::from_der(certificate).map_err(|why| why.to_string())?;
        let tbs = &read.tbs_certificate;
        let subject = parts(&tbs.subject);
        let names = match tbs.get::<SubjectAltName>() {
            Ok(Some((_, SubjectAltName(names)))) => names,
            Ok(None) => Vec::new(),
            Err(why) => return Err(why.to_string()),
        };
        let common = subject
            .iter()
            .filter(|part| part.kind == "CN")
            .map(|part| part.value.clone());
        let hosts = names.iter().filter_map(|name| match name {
            GeneralName::DnsName(host) => Some(host.to_string()),
            _ => None,
        });
        let spki = &tbs.subject_public_key_info;
        Ok(Facts {
            hosts: common.chain(hosts).collect(),
            alternatives: names.iter().filter_map(alternative).collect(),
            issuer: parts(&tbs.issuer),
            serial: number(&tbs.serial_number),
            not_before: Moment::of(tbs.validity.not_before),
            not_after: Moment::of(tbs.validity.not_after),
            version: tbs.version as u8 + 1,
            key: key(
                &spki.algorithm.oid,
                spki.algorithm.parameters.as_ref().and_then(|p| p.decode_as().ok()),
                spki.subject_public_key.raw_bytes(),
            ),
            signature: named(ALGORITHMS, &read.signature_algorithm.oid),
            subject,
        })
    }
}

/// Its bytes. The zero that DER puts before a number whose first bit is set (X.690 section 8.3) is none of them.
fn number(serial: &SerialNumber) -> Vec<u8> {
    match serial.as_bytes() {
        [0, rest @ ..] if !rest.is_empty() => rest.to_vec(),
        all => all.to_vec(),
    }
}

impl Moment {
    fn of(time: Time) -> Moment {
        Moment {
            since: time.to_unix_duration(),
            is_long: matches!(time, Time::GeneralTime(_)),
        }
    }

    pub const fn since_1970(self) -> Duration {
        self.since
    }

    /// As it is written in the certificate: `YYMMDDhhmmssZ`, or with four digits for the year.
    pub fn asn1(self) -> String {
        let CivilTime {
            year,
            month,
            day,
            hour,
            minute,
            second,
            ..
        } = self.utc();
        let year = if self.is_long {
            format!("{year:04}")
        } else {
            format!("{:02}", year % 100)
        };
        format!("{year}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z")
    }

    /// As OpenSSL prints it: `Nov 21 17:36:24 2026 GMT`.
    pub fn printed(self) -> String {
        let at = self.utc();
        let (month, day, year) = (at.month_name(), at.day, at.year);
        format!(
            "{month} {day:2} {:02}:{:02}:{:02} {year} GMT",
            at.hour, at.minute, at.second
        )
    }

    fn utc(self) -> CivilTime {
        let millis = i64::try_from(self.since.as_millis()).unwrap_or(i64::MAX);
        CivilTime::from_unix(millis, 0)
    }
}

/// `/C=DE/CN=example`: the whole name in one line.
pub fn one_line(parts: &[Part]) -> String {
    parts
        .iter()
        .map(|part| format!("/{}={}", part.kind, part.value))
        .collect()
}

/// `CN=example,C=DE`: the whole name from its end on, as RFC 2253 writes it.
pub fn rfc2253(parts: &[Part]) -> String {
    let mut all = String::new();
    let mut between = None;
    for part in parts.iter().rev() {
        all.extend(between);
        all.push_str(&part.kind);
        all.push('=');
        escape(&part.value, &mut all);
        between = Some(if part.is_beside { '+' } else { ',' });
    }
    all
}

/// RFC 2253 section 2.4. What is no printable letter of ASCII is written in digits, as OpenSSL does it.
fn escape(value: &str, out: &mut String) {
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => out.extend(['\\', byte.into()]),
            b'#' if at == 0 => out.push_str("\\#"),
            b' ' if at == 0 || at == last => out.push_str("\\ "),
            b' '..=b'~' => out.push(byte.into()),
            // Writing to a string cannot fail.
            _ => drop(write!(out, "\\{byte:02X}")),
        }
    }
}

/// One part of a name: the `nth` of its kind, from 1, or from the end when it is negative.
pub fn part<'a>(parts: &'a [Part], kind: &str, nth: i32) -> Option<&'a str> {
    let mut of_kind = parts.iter().filter(|part| part.kind == kind);
    let back = usize::try_from(nth.unsigned_abs()).ok()?.max(1) - 1;
    let found = if nth < 0 {
        of_kind.nth_back(back)
    } else {
        of_kind.nth(back)
    };
    found.map(|part| part.value.as_str())
}

/// By which people compare certificates.
pub fn sha1(certificate: &CertificateDer<'_>) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate)
        .as_ref()
        .to_vec()
}

fn parts(name: &Name) -> Vec<Part> {
    let all = name.0.iter().flat_map(|relative| relative.0.iter().enumerate());
    all.map(|(nth, part)| Part {
        kind: named(KINDS, &part.oid),
        value: text(&part.value),
        is_beside: nth > 0,
    })
    .collect()
}

/// Strings of any kind are shown as they are.
fn text(value: &x509_cert::der::Any) -> String {
    let utf8 = Utf8StringRef::try_from(value).ok().map(|s| s.as_str().to_owned());
    let printable = || PrintableStringRef::try_from(value).ok().map(|s| s.as_str().to_owned());
    let ia5 = || Ia5StringRef::try_from(value).ok().map(|s| s.as_str().to_owned());
    let teletex = || TeletexStringRef::try_from(value).ok().map(|s| s.as_str().to_owned());
    let found = utf8.or_else(printable).or_else(ia5).or_else(teletex);
    found.unwrap_or_else(|| String::from_utf8_lossy(value.value()).into_owned())
}

fn alternative(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(host) => Some(format!("DNS:{host}")),
        GeneralName::Rfc822Name(mail) => Some(format!("email:{mail}")),
        GeneralName::UniformResourceIdentifier(uri) => Some(format!("URI:{uri}")),
        GeneralName::IpAddress(bytes) => {
            let four = <[u8; 4]>::try_from(bytes.as_bytes()).map(std::net::IpAddr::from);
            let ip = four.or_else(|_| <[u8; 16]>::try_from(bytes.as_bytes()).map(std::net::IpAddr::from));
            ip.ok().map(|ip| format!("IP Address:{ip}"))
        }
        _ => None,
    }
}

fn key(algorithm: &ObjectIdentifier, curve: Option<ObjectIdentifier>, bytes: &[u8]) -> Key {
    let kind = named(KEYS, algorithm);
    let (short, bits) = match (kind.as_str(), curve) {
        ("id-ecPublicKey", Some(curve)) => {
            let curve = named(CURVES, &curve);
            let bits = curve.trim_start_matches(|c: char| !c.is_ascii_digit()).parse();
            ("EC", bits.unwrap_or(0))
        }
        ("rsaEncryption", _) => ("RSA", modulus(bytes).unwrap_or(0)),
        (other, _) => (other, 0),
    };
    let size = if bits == 0 { String::new() } else { bits.to_string() };
    Key {
        algorithm: format!("{short}{size}"),
        bits,
        kind,
    }
}

/// How many bits an RSA key has.
fn modulus(key: &[u8]) -> Option<usize> {
    let pair = Vec::<x509_cert::der::asn1::Int>::from_der(key).ok()?;
    let modulus = pair.first()?;
    let bytes = modulus.as_bytes();
    let bytes = bytes.iter().position(|byte| *byte != 0).map(|at| &bytes[at..])?;
    Some(bytes.len() * 8 - bytes.first()?.leading_zeros() as usize)
}

/// The usual name of an object, or its digits.
fn named(table: &[(&str, &str)], oid: &ObjectIdentifier) -> String {
    let digits = oid.to_string();
    let found = table.iter().find(|(known, _)| *known == digits);
    found.map_or(digits.clone(), |(_, name)| (*name).to_owned())
}

const KINDS: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.41", "name"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
    ("2.5.4.97", "organizationIdentifier"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"),
];

const KEYS: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.1", "rsaEncryption"),
    ("1.2.840.10045.2.1", "id-ecPublicKey"),
    ("1.3.101.112", "ED25519"),
    ("1.3.101.113", "ED448"),
    ("1.2.840.113549.1.1.10", "rsassaPss"),
];

const CURVES: &[(&str, &str)] = &[
    ("1.2.840.10045.3.1.7", "P-256"),
    ("1.3.132.0.34", "P-384"),
    ("1.3.132.0.35", "P-521"),
];

const ALGORITHMS: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.5", "RSA-SHA1"),
    ("1.2.840.113549.1.1.11", "RSA-SHA256"),
    ("1.2.840.113549.1.1.12", "RSA-SHA384"),
    ("1.2.840.113549.1.1.13", "RSA-SHA512"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    ("1.3.101.112", "ED25519"),
];

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    #[test]
    fn a_name_as_it_is_written_elsewhere() {
        let part = |kind: &str, value: &str, is_beside| Part {
            kind: kind.into(),
            value: value.into(),
            is_beside,
        };
        let name = [
            part("C", "DE", false),
            part("O", " #a\u{e4} ", false),
            part("OU", "a", false),
            part("CN", "bob, x", true),
        ];
        assert_eq!(rfc2253(&name), r"CN=bob\, x+OU=a,O=\ #a\C3\A4\ ,C=DE");
        assert_eq!(rfc2253(&[part("CN", "#1", false)]), r"CN=\#1");
    }

    #[test]
    fn the_sign_is_no_part_of_a_serial_number() {
        for serial in [[0x72, 1], [0xf2, 1], [0, 0xf2]] {
            let mut params = CertificateParams::new(vec!["broker".into()]).unwrap();
            params.serial_number = Some(rcgen::SerialNumber::from_slice(&serial));
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            let facts = Facts::of(certificate.der()).unwrap();
            let expected = serial.strip_prefix(&[0]).unwrap_or(&serial);
            assert_eq!(facts.serial, expected);
        }
    }
}
