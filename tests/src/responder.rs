//! An authority that says of certificates whether they still hold, made with OpenSSL, and how clients are told.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A folder with an authority, `ca.pem`, and the certificates `1001.pem` and `1002.pem` of that number; gone when dropped.
pub struct Responder {
    pub folder: PathBuf,
}

impl Responder {
    /// `None`, and a word about it, where OpenSSL is not installed.
    pub fn new() -> Option<Responder> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tandem-ocsp-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let responder = Responder { folder };
        if Command::new("openssl")
            .arg("version")
            .stdout(Stdio::null())
            .status()
            .is_err()
        {
            writeln!(
                std::io::stdout().lock(),
                "SKIP responses of authorities: openssl is not installed"
            )
            .ok();
            return None;
        }
        const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        responder.openssl(&format!(
            "req -x509 {KEY} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"
        ));
        for number in ["1001", "1002"] {
            responder.openssl(&format!("req {KEY} -subj /CN={number}.example -keyout key -out csr"));
            let names = format!("subjectAltName=DNS:{number}.example\n");
            std::fs::write(responder.folder.join("names"), names).expect("written");
            responder.openssl(&format!(
                "x509 -req -in csr -extfile names -CA ca.pem -CAkey ca.key -set_serial 0x{number} -days 2 -out {number}.crt"
            ));
            let read = |name: &str| std::fs::read(responder.folder.join(name)).expect("it was made");
            let both = [read(&format!("{number}.crt")), read("key")].concat();
            std::fs::write(responder.folder.join(format!("{number}.pem")), both).expect("written");
        }
        Some(responder)
    }

    /// What the authority says of the certificate with this number: `V` for good, `R` for revoked; for so many minutes.
    pub fn response(&self, number: &str, verdict: char, minutes: u32) -> Vec<u8> {
        let since = if verdict == 'R' { "260101000000Z" } else { "" };
        let line = format!("{verdict}\t361231000000Z\t{since}\t{number}\tunknown\t/CN={number}.example\n");
        std::fs::write(self.folder.join("index"), line).expect("written");
        self.openssl(&format!(
            "ocsp -issuer ca.pem -cert {number}.crt -no_nonce -reqout request"
        ));
        self.openssl(&format!(
            "ocsp -index index -CA ca.pem -rsigner ca.pem -rkey ca.key -reqin request -respout response -nmin {minutes}"
        ));
        std::fs::read(self.folder.join("response")).expect("it was made")
    }

    /// What somebody is told who asks during the handshake: `good`, `revoked`, or nothing.
    pub fn told(&self, at: SocketAddr) -> Option<String> {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-status", "-connect"]).arg(at.to_string());
        let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let text = text.expect("it was there just now");
        assert!(text.contains("OCSP response"), "{text}");
        let told = text.lines().find_map(|line| line.trim().strip_prefix("Cert Status: "));
        told.map(str::to_owned)
    }

    /// Copies a certificate, who signed it, and a response to it; answers where the certificate is.
    pub fn copy(&self, number: &str, into: &Path, response: &[u8]) -> PathBuf {
        let to = into.join(format!("{number}.pem"));
        std::fs::copy(self.folder.join(format!("{number}.pem")), &to).expect("it was made");
        std::fs::copy(self.folder.join("ca.pem"), into.join(format!("{number}.pem.issuer"))).expect("it was made");
        std::fs::write(into.join(format!("{number}.pem.ocsp")), response).expect("written");
        to
    }

    fn openssl(&self, words: &str) {
        let mut command = Command::new("openssl");
        command.current_dir(&self.folder).args(words.split_whitespace());
        let output = command.stdin(Stdio::null()).output().expect("it was there just now");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {words}: {said}");
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}
