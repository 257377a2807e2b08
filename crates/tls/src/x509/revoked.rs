//! What a list of revoked certificates says, in the words of OpenSSL that HAProxy's `show ssl crl-file` shows.

use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode;

use super::{ALGORITHMS, Moment, Part, named, number, parts};

/// One list, read.
#[derive(Clone, Debug)]
pub struct Revoked {
    /// Counted from 1.
    pub version: u8,
    /// How the authority signed it, by its long name.
    pub signature: String,
    pub issuer: Vec<Part>,
    pub this_update: Moment,
    pub next_update: Option<Moment>,
    /// Serial numbers, and since when they do not count.
    pub certificates: Vec<(Vec<u8>, Moment)>,
}

impl Revoked {
    /// All lists of a file.
    pub fn all(pem: &[u8]) -> Vec<Revoked> {
        let lists = CertificateRevocationListDer::pem_slice_iter(pem).flatten();
        lists.filter_map(|list| Revoked::of(&list)).collect()
    }

    fn of(list: &CertificateRevocationListDer<'_>) -> Option<Revoked> {
        let read = CertificateList::from_der(list).ok()?;
        let tbs = &read.tbs_cert_list;
        let certificates = tbs.revoked_certificates.iter().flatten();
        Some(Revoked {
            version: tbs.version as u8 + 1,
            signature: long(&named(ALGORITHMS, &read.signature_algorithm.oid)),
            issuer: parts(&tbs.issuer),
            this_update: Moment::of(tbs.this_update),
            next_update: tbs.next_update.map(Moment::of),
            certificates: certificates
                .map(|one| (number(&one.serial_number), Moment::of(one.revocation_date)))
                .collect(),
        })
    }
}

/// OpenSSL has two names for what RSA signs.
fn long(short: &str) -> String {
    match short.strip_prefix("RSA-SHA") {
        Some(bits) => format!("sha{bits}WithRSAEncryption"),
        None => short.to_owned(),
    }
}
