//! Certificates for a test: an authority of its own, and what it signs.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer, KeyIdMethod, KeyPair,
    RevokedCertParams, SerialNumber, date_time_ymd,
};

/// A folder of certificates, gone when dropped.
pub struct Papers {
    pub folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Papers {
    /// With an authority that is nobody else, in `ca.pem`.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Papers {
        let folder = Papers::folder();
        let name = format!("authority {}", folder.display());
        Papers::of(folder, name)
    }

    /// With an authority of this name.
    pub fn of_authority(name: &str) -> Papers {
        Papers::of(Papers::folder(), name.to_owned())
    }

    fn folder() -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tandem-tls-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("the temporary folder is writable");
        folder
    }

    fn of(folder: PathBuf, authority: String) -> Papers {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, authority);
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

    /// Takes the certificate with this number back; answers where the list is that says so.
    pub fn revoke(&self, serial: &[u8]) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial.to_vec()),
            revocation_time: date_time_ymd(2026, 1, 2),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 3),
            next_update: date_time_ymd(2036, 1, 3),
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("signed").pem().expect("text");
        fs::write(self.folder.join("crl.pem"), list).expect("written");
        self.path("crl.pem")
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
