//! Certificates for a test: an authority of its own, and what it signs.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// A folder of certificates, gone when dropped.
pub struct Papers {
    pub folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Papers {
    /// With an authority, in `ca.pem`.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Papers {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tandem-tls-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, format!("authority {}", folder.display()));
        let own = params.self_signed(&key).expect("signed");
        fs::write(folder.join("ca.pem"), own.pem()).expect("written");
        Papers {
            folder,
            issuer: Issuer::new(params, key),
        }
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// A certificate with its key, for these hosts.
    pub fn pem(&self, hosts: &[&str]) -> String {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, hosts[0]);
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        certificate.pem() + &key.serialize_pem()
    }

    /// The same in a file; answers where.
    pub fn issue(&self, name: &str, hosts: &[&str]) -> String {
        fs::write(self.folder.join(name), self.pem(hosts)).expect("written");
        self.path(name)
    }
}

impl Drop for Papers {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}
