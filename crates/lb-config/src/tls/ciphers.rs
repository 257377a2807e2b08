//! Names of ciphers and curves as OpenSSL reads them, for those that exist here.
//!
//! A list of ciphers is a small language: names and classes, of which `!` takes some out for good, `-` until they are
//! named again, and `+` puts some last. What it names and does not exist here is passed over, as OpenSSL passes over what
//! it was built without.

use tandem_text::{Diagnostic, Span};

use crate::code;

/// What a list comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The best first.
    pub(crate) names: Vec<&'static str>,
    /// Written out, and not spoken here.
    pub(crate) left_out: Vec<String>,
}

impl Found {
    /// The names, if there are any, and what is to be said about them.
    pub(crate) fn judged(self, what: &str, at: Span) -> (Option<Vec<&'static str>>, Option<Diagnostic>) {
        if self.names.is_empty() {
            let help = "leave it out for the usual ones";
            let message = format!("none of these {what} exists here");
            let complaint = Diagnostic::error(code::UNSUPPORTED, at, message).help(help);
            return (None, Some(complaint));
        }
        let complaint = (!self.left_out.is_empty()).then(|| {
            let names = self.left_out.join(", ");
            let message = format!("these {what} do not exist here and are passed over: {names}");
            Diagnostic::warning(code::IGNORED, at, message)
        });
        (Some(self.names), complaint)
    }
}

const OLD: [&str; 6] = [
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
];

const NEW: [&str; 3] = [
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
];

/// Of TLS 1.2: the list of `ciphers`.
pub(crate) fn old_suites(list: &str) -> Found {
    let mut names: Vec<&'static str> = Vec::new();
    let mut killed: Vec<&'static str> = Vec::new();
    let mut left_out = Vec::new();
    for token in list
        .split([':', ',', ' '])
        .filter(|token| !token.is_empty() && !token.starts_with('@'))
    {
        let (order, words) = match token.split_at_checked(1) {
            Some((order @ ("!" | "-" | "+"), words)) => (order, words),
            _ => ("", token),
        };
        let meant: Vec<&'static str> = OLD.into_iter().filter(|suite| is_meant(words, suite)).collect();
        match order {
            "!" => {
                killed.extend(&meant);
                names.retain(|name| !meant.contains(name));
            }
            "-" => names.retain(|name| !meant.contains(name)),
            "+" => {
                let last: Vec<_> = names.iter().filter(|name| meant.contains(name)).copied().collect();
                names.retain(|name| !meant.contains(name));
                names.extend(last);
            }
            _ => {
                if meant.is_empty() && words.contains('-') {
                    left_out.push(words.to_owned());
                }
                let new = meant
                    .into_iter()
                    .filter(|name| !killed.contains(name) && !names.contains(name));
                let new: Vec<_> = new.collect();
                names.extend(new);
            }
        }
    }
    Found { names, left_out }
}

/// Whether a name or several classes joined by `+` mean this suite.
fn is_meant(words: &str, suite: &str) -> bool {
    words == suite || words.split('+').all(|class| is_of(class, suite))
}

fn is_of(class: &str, suite: &str) -> bool {
    match class {
        "ALL" | "DEFAULT" | "HIGH" | "TLSv1.2" | "ECDHE" | "EECDH" | "kECDHE" | "kEECDH" | "ECDH" => true,
        "ECDSA" | "aECDSA" => suite.contains("-ECDSA-"),
        "aRSA" => suite.contains("-RSA-"),
        "AES" | "AESGCM" | "FIPS" => suite.contains("-AES"),
        "AES128" => suite.contains("-AES128-"),
        "AES256" => suite.contains("-AES256-"),
        "CHACHA20" => suite.contains("CHACHA20"),
        _ => false,
    }
}

/// Of TLS 1.3: the list of `ciphersuites`, which has names only.
pub(crate) fn suites(list: &str) -> Found {
    pick(list, |name| NEW.into_iter().find(|known| *known == name))
}

/// The list of `curves`.
pub(crate) fn curves(list: &str) -> Found {
    pick(list, |name| {
        Some(match name {
            "X25519" | "x25519" => "X25519",
            "P-256" | "prime256v1" | "secp256r1" => "P-256",
            "P-384" | "secp384r1" => "P-384",
            _ => return None,
        })
    })
}

/// The list of `sigalgs` or `client-sigalgs`: pairs of a key and a digest, or the names of TLS 1.3, which they become.
pub(crate) fn signatures(list: &str) -> Found {
    pick(list, |name| {
        Some(match name {
            "ECDSA+SHA256" | "ecdsa_secp256r1_sha256" => "ecdsa_secp256r1_sha256",
            "ECDSA+SHA384" | "ecdsa_secp384r1_sha384" => "ecdsa_secp384r1_sha384",
            "ed25519" => "ed25519",
            "RSA-PSS+SHA256" | "PSS+SHA256" | "rsa_pss_rsae_sha256" => "rsa_pss_rsae_sha256",
            "RSA-PSS+SHA384" | "PSS+SHA384" | "rsa_pss_rsae_sha384" => "rsa_pss_rsae_sha384",
            "RSA-PSS+SHA512" | "PSS+SHA512" | "rsa_pss_rsae_sha512" => "rsa_pss_rsae_sha512",
            "RSA+SHA256" | "rsa_pkcs1_sha256" => "rsa_pkcs1_sha256",
            "RSA+SHA384" | "rsa_pkcs1_sha384" => "rsa_pkcs1_sha384",
            "RSA+SHA512" | "rsa_pkcs1_sha512" => "rsa_pkcs1_sha512",
            _ => return None,
        })
    })
}

fn pick(list: &str, known: impl Fn(&str) -> Option<&'static str>) -> Found {
    let mut found = Found::default();
    for name in list.split(':').filter(|name| !name.is_empty()) {
        match known(name) {
            Some(name) if found.names.contains(&name) => {}
            Some(name) => found.names.push(name),
            None => found.left_out.push(name.to_owned()),
        }
    }
    found
}

/// All that there is, for those who name only one of the two kinds.
pub(super) fn all(old: Option<&[&'static str]>, new: Option<&[&'static str]>) -> Vec<&'static str> {
    match (old, new) {
        (None, None) => Vec::new(),
        (old, new) => [new.unwrap_or(&NEW), old.unwrap_or(&OLD)].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const E: &str = "ECDHE-ECDSA-AES128-GCM-SHA256";
    const R: &str = "ECDHE-RSA-AES128-GCM-SHA256";

    #[test]
    fn lists_of_openssl() {
        let cases: [(&str, &[&str]); 9] = [
            (E, &[E]),
            ("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256", &[R, E]),
            ("EECDH+AESGCM+AES128", &[E, R]),
            ("AES128:!aRSA", &[E]),
            ("AES128:-aRSA:aRSA+AES128", &[E, R]),
            ("!aRSA:AES128:aRSA", &[E]),
            ("AES128:+ECDSA", &[R, E]),
            ("RC4:MD5:kRSA", &[]),
            ("@SECLEVEL=2,AES128 !aECDSA", &[R]),
        ];
        for (list, names) in cases {
            assert_eq!(old_suites(list).names, names, "{list}");
        }
        assert_eq!(old_suites("HIGH:!aNULL:!MD5").names, OLD);
        let left_out = old_suites("DHE-RSA-AES128-GCM-SHA256:AES128:!DES-CBC3-SHA").left_out;
        assert_eq!(left_out, ["DHE-RSA-AES128-GCM-SHA256"]);
    }

    #[test]
    fn curves_have_several_names() {
        let found = curves("prime256v1:X25519:P-521:P-256");
        assert_eq!(
            (found.names, found.left_out),
            (vec!["P-256", "X25519"], vec!["P-521".to_owned()])
        );
    }

    #[test]
    fn signatures_have_two_kinds_of_names() {
        let found = signatures("ECDSA+SHA256:RSA+SHA1:RSA-PSS+SHA256:ecdsa_secp256r1_sha256:ed25519");
        assert_eq!(
            found.names,
            ["ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256", "ed25519"]
        );
        assert_eq!(found.left_out, ["RSA+SHA1"]);
    }

    #[test]
    fn naming_one_kind_leaves_the_other_as_it_is() {
        assert_eq!(all(None, None), [""; 0]);
        assert_eq!(all(Some(&[E]), None), [&NEW[..], &[E]].concat());
        assert_eq!(all(None, Some(&NEW[..1])), [&NEW[..1], &OLD[..]].concat());
    }
}
