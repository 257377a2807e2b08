//! What an authority says of one certificate at present (OCSP, RFC 6960). It is stapled to a handshake as it is; what makes no
//! sense to clients is refused in HAProxy's words.

use std::time::Duration;

use ring::digest::{self, Algorithm};
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::asn1::{AnyRef, GeneralizedTime, ObjectIdentifier};
use x509_cert::der::{self, Decode, Encode, Reader, SliceReader, Tag, TagNumber};

use super::{Moment, number, parts};

/// A response about one certificate, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub about: About,
    pub verdict: Verdict,
    /// Who says so, as a person reads it.
    pub responder: String,
    pub produced: Moment,
    pub this_update: Moment,
    pub next_update: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    Revoked { since: Moment },
}

/// Which certificate it is: its number, and its issuer by the sums of a name and a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// How the sums are made.
    pub sum: Sum,
    pub issuer_name: Vec<u8>,
    pub issuer_key: Vec<u8>,
    pub serial: Vec<u8>,
    /// All of it, as it is written.
    pub der: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// What is wrong with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    #[error("Unable to parse OCSP response")]
    Unreadable,
    #[error("OCSP response status not successful")]
    Refused,
    #[error("Failed to get basic response from OCSP Response")]
    NotBasic,
    #[error("OCSP response ignored because contains multiple single responses ({0})")]
    Several(usize),
    #[error("Failed to get OCSP single response")]
    Empty,
    #[error("OCSP single response: certificate status is unknown")]
    Unknown,
    #[error("OCSP single response: missing nextupdate")]
    Endless,
    #[error("OCSP single response: no longer valid.")]
    Outdated,
    #[error("OCSP single response: Certificate ID does not match certificate and issuer")]
    Other,
}

/// Clocks may differ by so much, as HAProxy has it.
const SKEW: Duration = Duration::from_secs(300);

/// `id-pkix-ocsp-basic`
const BASIC: &str = "1.3.6.1.5.5.7.48.1.1";

impl Status {
    pub fn of(response: &[u8]) -> Result<Status, StatusError> {
        let whole = items(response).ok().and_then(|items| items.first().copied());
        let whole = whole.ok_or(StatusError::Unreadable)?;
        let fields = whole.sequence().ok_or(StatusError::Unreadable)?;
        let status = fields.first().filter(|field| field.tag == Tag::Enumerated);
        if status.ok_or(StatusError::Unreadable)?.inside != [0] {
            return Err(StatusError::Refused);
        }
        let basic = fields
            .get(1)
            .and_then(|bytes| basic(bytes))
            .ok_or(StatusError::NotBasic)?;
        Status::basic(basic)
    }

    /// Of `ResponseData`.
    fn basic(data: Vec<Item<'_>>) -> Result<Status, StatusError> {
        let unreadable = StatusError::Unreadable;
        // The version comes first where it is said.
        let is_version = data.first().is_some_and(|first| first.is_number(TagNumber::N0));
        let mut fields = data.into_iter().skip(usize::from(is_version));
        let responder = fields.next().and_then(responder).ok_or(unreadable)?;
        let produced = fields.next().and_then(|field| field.moment()).ok_or(unreadable)?;
        let responses = fields.next().and_then(|field| field.sequence()).ok_or(unreadable)?;
        let single = match &*responses {
            [] => return Err(StatusError::Empty),
            [one] => one.sequence().ok_or(unreadable)?,
            several => return Err(StatusError::Several(several.len())),
        };
        let [about, verdict, this_update, rest @ ..] = &*single else {
            return Err(unreadable);
        };
        let next_update = rest.first().filter(|field| field.is_number(TagNumber::N0));
        let next_update = next_update.and_then(|field| items(field.inside).ok()?.first()?.moment());
        Ok(Status {
            about: About::read(*about).ok_or(unreadable)?,
            verdict: Verdict::read(*verdict)?,
            responder,
            produced,
            this_update: this_update.moment().ok_or(unreadable)?,
            next_update: next_update.ok_or(StatusError::Endless)?,
        })
    }

    /// Whether it says something about `now`, since 1970.
    pub fn judge(&self, now: Duration) -> Result<(), StatusError> {
        let (from, to) = (self.this_update.since, self.next_update.since);
        let is_valid = from <= now + SKEW && to + SKEW >= now && from <= to;
        is_valid.then_some(()).ok_or(StatusError::Outdated)
    }

    /// Since 1970: later it is not shown to anybody.
    pub fn until(&self) -> Duration {
        self.next_update.since.saturating_sub(SKEW)
    }
}

impl Verdict {
    fn read(field: Item<'_>) -> Result<Verdict, StatusError> {
        match field.tag {
            Tag::ContextSpecific { number, .. } if number == TagNumber::N0 => Ok(Verdict::Good),
            Tag::ContextSpecific { number, .. } if number == TagNumber::N1 => {
                let since = items(field.inside).ok().and_then(|fields| fields.first()?.moment());
                let since = since.ok_or(StatusError::Unreadable)?;
                Ok(Verdict::Revoked { since })
            }
            _ => Err(StatusError::Unknown),
        }
    }
}

/// A certificate, and those that may have signed it.
pub struct Signed {
    certificate: Certificate,
    signers: Vec<Certificate>,
}

impl Signed {
    /// Of all that may be meant those count whose name it bears.
    pub fn read<'a>(
        certificate: &CertificateDer<'_>,
        signers: impl Iterator<Item = CertificateDer<'a>>,
    ) -> Option<Signed> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let signers = signers.filter_map(|signer| Certificate::from_der(&signer).ok());
        let has_signed = |signer: &Certificate| signer.tbs_certificate.subject == certificate.tbs_certificate.issuer;
        let signers = signers.filter(has_signed).collect();
        Some(Signed { certificate, signers })
    }

    /// What an authority is asked, by the sums that everybody asks with.
    pub fn about(&self) -> Option<About> {
        let mut signers = self.signers.iter();
        signers.find_map(|signer| About::by(Sum::Sha1, &self.certificate, signer))
    }

    /// Whether this is what a response is about; nobody can tell without who signed it.
    pub fn is_what(&self, about: &About) -> Option<bool> {
        let theirs = |signer| About::by(about.sum, &self.certificate, signer);
        let mut same = self.signers.iter().filter_map(theirs).map(|theirs| {
            (&about.issuer_name, &about.issuer_key, &about.serial)
                == (&theirs.issuer_name, &theirs.issuer_key, &theirs.serial)
        });
        same.next().map(|first| first || same.any(|same| same))
    }
}

impl About {
    fn by(sum: Sum, certificate: &Certificate, issuer: &Certificate) -> Option<About> {
        let (certificate, issuer) = (&certificate.tbs_certificate, &issuer.tbs_certificate);
        let of = |bytes: &[u8]| digest::digest(sum.algorithm(), bytes).as_ref().to_vec();
        let issuer_name = of(&certificate.issuer.to_der().ok()?);
        let issuer_key = of(issuer.subject_public_key_info.subject_public_key.raw_bytes());
        let algorithm = [
            ObjectIdentifier::new(sum.oid()).ok()?.to_der().ok()?,
            AnyRef::NULL.to_der().ok()?,
        ];
        let written = [
            whole(Tag::Sequence, &algorithm.concat())?,
            whole(Tag::OctetString, &issuer_name)?,
            whole(Tag::OctetString, &issuer_key)?,
            certificate.serial_number.to_der().ok()?,
        ];
        Some(About {
            sum,
            issuer_name,
            issuer_key,
            serial: number(&certificate.serial_number),
            der: whole(Tag::Sequence, &written.concat())?,
        })
    }

    fn read(field: Item<'_>) -> Option<About> {
        let parts = field.sequence()?;
        let [algorithm, name, key, serial, ..] = &*parts else {
            return None;
        };
        let oid = algorithm.sequence()?.first()?.oid()?;
        Some(About {
            sum: Sum::ALL.into_iter().find(|sum| sum.oid() == oid)?,
            issuer_name: name.inside.to_vec(),
            issuer_key: key.inside.to_vec(),
            serial: match serial.inside {
                [0, rest @ ..] if !rest.is_empty() => rest.to_vec(),
                all => all.to_vec(),
            },
            der: field.whole.to_vec(),
        })
    }
}

impl Sum {
    const ALL: [Sum; 4] = [Sum::Sha1, Sum::Sha256, Sum::Sha384, Sum::Sha512];

    pub fn name(self) -> &'static str {
        match self {
            Sum::Sha1 => "sha1",
            Sum::Sha256 => "sha256",
            Sum::Sha384 => "sha384",
            Sum::Sha512 => "sha512",
        }
    }

    fn oid(self) -> &'static str {
        match self {
            Sum::Sha1 => "1.3.14.3.2.26",
            Sum::Sha256 => "2.16.840.1.101.3.4.2.1",
            Sum::Sha384 => "2.16.840.1.101.3.4.2.2",
            Sum::Sha512 => "2.16.840.1.101.3.4.2.3",
        }
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Sum::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Sum::Sha256 => &digest::SHA256,
            Sum::Sha384 => &digest::SHA384,
            Sum::Sha512 => &digest::SHA512,
        }
    }
}

/// The fields of `ResponseData` in `ResponseBytes`.
fn basic<'a>(bytes: &Item<'a>) -> Option<Vec<Item<'a>>> {
    let bytes = items(bytes.inside).ok()?.first()?.sequence()?;
    let [kind, content, ..] = &*bytes else { return None };
    if kind.oid()? != BASIC {
        return None;
    }
    items(content.inside).ok()?.first()?.sequence()?.first()?.sequence()
}

/// By name, or by the sum of its key.
fn responder(field: Item<'_>) -> Option<String> {
    let inside = items(field.inside).ok()?;
    let inside = inside.first()?;
    if field.is_number(TagNumber::N2) {
        return Some(inside.inside.iter().map(|byte| format!("{byte:02X}")).collect());
    }
    let name = x509_cert::name::Name::from_der(inside.whole).ok()?;
    let parts = parts(&name).into_iter();
    let parts: Vec<String> = parts.map(|part| format!("{} = {}", part.kind, part.value)).collect();
    Some(parts.join(", "))
}

/// One piece of DER.
#[derive(Clone, Copy)]
struct Item<'a> {
    tag: Tag,
    inside: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Item<'a> {
    fn sequence(&self) -> Option<Vec<Item<'a>>> {
        let inside = (self.tag == Tag::Sequence).then_some(self.inside)?;
        items(inside).ok()
    }

    fn is_number(&self, wanted: TagNumber) -> bool {
        matches!(self.tag, Tag::ContextSpecific { number, .. } if number == wanted)
    }

    fn moment(&self) -> Option<Moment> {
        let since = GeneralizedTime::from_der(self.whole).ok()?.to_unix_duration();
        Some(Moment { since, is_long: true })
    }

    fn oid(&self) -> Option<String> {
        ObjectIdentifier::from_der(self.whole).ok().map(|oid| oid.to_string())
    }
}

/// What stands behind one another.
fn items(content: &[u8]) -> Result<Vec<Item<'_>>, der::Error> {
    let mut reader = SliceReader::new(content)?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        let whole = reader.tlv_bytes()?;
        let any = AnyRef::from_der(whole)?;
        found.push(Item {
            tag: der::Tagged::tag(&any),
            inside: any.value(),
            whole,
        });
    }
    Ok(found)
}

fn whole(tag: Tag, inside: &[u8]) -> Option<Vec<u8>> {
    AnyRef::new(tag, inside).ok()?.to_der().ok()
}

#[cfg(test)]
mod tests;
