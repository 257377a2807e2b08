//! What a certificate's file and those beside it hold, and what becomes of it when one of them is replaced.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use crate::certificate::{CertificateError, Fault, beside, chain};
use crate::provider;
use crate::x509::{About, Signed, Status, StatusError};

/// What a file and those beside it hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    pub pem: Vec<u8>,
    /// The file of the same name with `.key` behind it.
    pub key: Option<Vec<u8>>,
    /// The same with `.ocsp`: what the authority says of the certificate at present, in DER.
    pub ocsp: Option<Vec<u8>>,
    /// The same with `.issuer`: who signed the certificate, where that is not in its own file.
    pub issuer: Option<Vec<u8>>,
}

/// One of these files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    Pem,
    Key,
    Ocsp,
    Issuer,
    /// What logs say that they have seen of the certificate.
    Sctl,
}

#[derive(Debug, Error)]
pub enum PieceError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Response(#[from] StatusError),
    #[error("timestamps of logs (SCT) cannot be shown to clients here")]
    Timestamps,
}

impl Piece {
    const ENDINGS: [(&'static str, Piece); 4] = [
        ("key", Piece::Key),
        ("ocsp", Piece::Ocsp),
        ("issuer", Piece::Issuer),
        ("sctl", Piece::Sctl),
    ];

    /// The certificate that a file is beside by its name, and as what.
    pub fn of(file: &Path) -> Option<(PathBuf, Piece)> {
        let ending = file.extension()?;
        let found = Piece::ENDINGS.iter().find(|(known, _)| ending == *known);
        Some((file.with_extension(""), found?.1))
    }
}

impl Pieces {
    /// Nothing is beside it.
    pub fn plain(pem: &[u8]) -> Pieces {
        Pieces {
            pem: pem.to_vec(),
            ..Pieces::default()
        }
    }

    /// `content` reads a file.
    pub fn read(file: &Path, content: impl Fn(&Path) -> io::Result<Vec<u8>>) -> Result<Pieces, CertificateError> {
        let unreadable = |file: &Path, why| CertificateError::new(file, Fault::Unreadable(why));
        let beside = |ending: &str| {
            let path = beside(file, ending);
            match content(&path) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(why) => Err(unreadable(&path, why)),
            }
        };
        Ok(Pieces {
            pem: content(file).map_err(|why| unreadable(file, why))?,
            key: beside(".key")?,
            ocsp: beside(".ocsp")?,
            issuer: beside(".issuer")?,
        })
    }

    /// With another of its pieces, where that is one by itself; whether it goes with the others is another question. `now`
    /// is since 1970.
    pub fn with(mut self, piece: Piece, file: &Path, content: &[u8], now: Duration) -> Result<Pieces, PieceError> {
        let fault = |why| CertificateError::new(file, why);
        match piece {
            Piece::Pem => {
                let certificates = CertificateDer::pem_slice_iter(content).collect::<Result<Vec<_>, _>>();
                let certificates = certificates.map_err(|why| fault(Fault::NotPem(why)))?;
                let first = certificates.first().ok_or_else(|| fault(Fault::NoCertificate))?;
                // What an authority has said of one certificate is of no use to another.
                let is_the_same = chain(&self.pem).first() == Some(first);
                self.ocsp = self.ocsp.filter(|_| is_the_same);
                self.pem = content.to_vec();
            }
            Piece::Key => {
                let key = PrivateKeyDer::from_pem_slice(content).map_err(|why| fault(Fault::NotPem(why)))?;
                let loaded = provider().key_provider.load_private_key(key);
                loaded.map_err(|why| fault(Fault::BadKey(why)))?;
                // One in the file itself would come first.
                self.pem = without_keys(&self.pem);
                self.key = Some(content.to_vec());
            }
            Piece::Ocsp => {
                Status::of(content)?.judge(now)?;
                self.ocsp = Some(content.to_vec());
            }
            Piece::Issuer => {
                if chain(content).is_empty() {
                    return Err(fault(Fault::NoCertificate).into());
                }
                self.issuer = Some(content.to_vec());
            }
            Piece::Sctl => return Err(PieceError::Timestamps),
        }
        Ok(self)
    }

    /// The certificate, and those that have signed it.
    fn signed(&self) -> Option<Signed> {
        let mut chain = chain(&self.pem).into_iter();
        let first = chain.next()?;
        let beside = self.issuer.as_deref().map(self::chain).unwrap_or_default();
        Signed::read(&first, chain.chain(beside))
    }

    /// What an authority is asked about, where it is known who that is.
    pub fn about(&self) -> Option<About> {
        self.signed()?.about()
    }

    /// Whether a response is about this certificate.
    pub fn is_what(&self, about: &About) -> bool {
        self.signed().is_some_and(|signed| signed.is_what(about) == Some(true))
    }

    /// What the authority says, if anything, whenever that was. Without knowing who signed the certificate nobody can tell
    /// whether it is about another.
    pub fn status(&self) -> Option<Result<Status, StatusError>> {
        let response = self.ocsp.as_deref().filter(|response| !response.is_empty())?;
        Some(Status::of(response).and_then(|status| {
            let is_it = self.signed().and_then(|signed| signed.is_what(&status.about));
            (is_it != Some(false)).then_some(status).ok_or(StatusError::Other)
        }))
    }

    /// The certificates with their key, as in one file.
    pub fn whole(mut self) -> Vec<u8> {
        self.pem.extend(self.key.unwrap_or_default());
        self.pem
    }
}

/// The certificates of a file.
fn without_keys(pem: &[u8]) -> Vec<u8> {
    let mut is_inside = false;
    let lines = pem.split_inclusive(|byte| *byte == b'\n').filter(|line| {
        let line = line.trim_ascii();
        let is_border = line.ends_with(b"PRIVATE KEY-----");
        let is_of_key = is_inside || is_border;
        if is_border {
            is_inside = line.starts_with(b"-----BEGIN");
        }
        !is_of_key
    });
    lines.flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(host: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(vec![host.to_owned()]).expect("a name");
        let own = params.self_signed(&key).expect("signed");
        (own.pem(), key.serialize_pem())
    }

    #[test]
    fn names_say_what_a_file_is() {
        for (file, piece) in [
            ("/a/b.pem.key", Some(("/a/b.pem", Piece::Key))),
            ("b.crt.ocsp", Some(("b.crt", Piece::Ocsp))),
            ("b.issuer", Some(("b", Piece::Issuer))),
            ("b.pem.sctl", Some(("b.pem", Piece::Sctl))),
            ("b.pem", None),
            ("b", None),
            (".key", None),
        ] {
            let found = Piece::of(Path::new(file));
            let piece = piece.map(|(of, piece)| (PathBuf::from(of), piece));
            assert_eq!(found, piece, "{file}");
        }
    }

    #[test]
    fn a_new_key_is_the_one_that_counts() {
        let (name, now) = (Path::new("a.pem"), Duration::from_secs(1_800_000_000));
        let ((one, first), (other, second)) = (own("a.example"), own("b.example"));
        let with = |pieces: &Pieces, piece, content: &str| pieces.clone().with(piece, name, content.as_bytes(), now);
        let both = Pieces::plain((first.clone() + &one).as_bytes());
        let is_whole = |pieces: &Pieces| crate::Certificate::of(name, pieces).is_ok();
        assert!(is_whole(&both));
        let torn = with(&both, Piece::Key, &second).expect("a key");
        assert!(!is_whole(&torn), "it belongs to another certificate");
        assert_eq!(torn.pem, one.as_bytes(), "nothing else is lost");
        let mended = with(&torn, Piece::Pem, &other).expect("a certificate");
        assert!(is_whole(&mended));
        assert!(is_whole(&with(&mended, Piece::Pem, &(one + &first)).expect("both")));
        for (piece, content) in [
            (Piece::Pem, &second),
            (Piece::Key, &other),
            (Piece::Issuer, &first),
            (Piece::Ocsp, &other),
            (Piece::Sctl, &other),
        ] {
            assert!(with(&mended, piece, content).is_err(), "{piece:?}");
        }
    }
}
