//! The fetches about TLS.

use tandem_lb_core::expr::{CertificatePart, Fact, Fetch, NamePart, Party, TlsFact, TlsPart};

use super::ExprError;
use super::args::Args;
use super::fetches::{Known, fetch};

type Built = Result<Fetch, ExprError>;

const CLIENT: Party = Party::Client;
const SERVER: Party = Party::Server;

pub(super) const TABLE: &[Known] = &[
    fetch("ssl_fc", "whether TLS is spoken with the client", |_| {
        about(CLIENT, TlsPart::Spoken)
    }),
    fetch("ssl_fc_is_resumed", "whether the client came back to a session", |_| {
        about(CLIENT, TlsPart::Resumed)
    }),
    fetch("ssl_fc_has_sni", "whether the client asked for a name", |_| {
        about(CLIENT, TlsPart::HasSni)
    }),
    fetch("ssl_fc_sni", "the name that the client asked for", |_| {
        about(CLIENT, TlsPart::Sni)
    }),
    fetch("ssl_fc_alpn", "what was agreed to talk with the client", |_| {
        about(CLIENT, TlsPart::Alpn)
    }),
    fetch(
        "ssl_fc_protocol",
        "the version with the client, such as TLSv1.3",
        |_| about(CLIENT, TlsPart::Protocol),
    ),
    fetch("ssl_fc_cipher", "the cipher with the client, by OpenSSL's name", |_| {
        about(CLIENT, TlsPart::Cipher)
    }),
    fetch("ssl_fc_alg_keysize", "bits of the cipher's key", |_| {
        about(CLIENT, TlsPart::KeySize)
    }),
    fetch("ssl_fc_use_keysize", "bits of the cipher's key", |_| {
        about(CLIENT, TlsPart::KeySize)
    }),
    fetch("ssl_fc_has_crt", "whether the client has shown a certificate", |_| {
        about(CLIENT, TlsPart::HasCertificate)
    }),
    fetch(
        "ssl_fc_has_early",
        "whether the client sent something before the handshake was over: never",
        |_| about(CLIENT, TlsPart::Early),
    ),
    fetch("ssl_bc", "whether TLS is spoken with the server", |_| {
        about(SERVER, TlsPart::Spoken)
    }),
    fetch(
        "ssl_bc_is_resumed",
        "whether a session with the server is gone on with",
        |_| about(SERVER, TlsPart::Resumed),
    ),
    fetch("ssl_bc_alpn", "what was agreed to talk with the server", |_| {
        about(SERVER, TlsPart::Alpn)
    }),
    fetch("ssl_bc_protocol", "the version with the server", |_| {
        about(SERVER, TlsPart::Protocol)
    }),
    fetch("ssl_bc_cipher", "the cipher with the server", |_| {
        about(SERVER, TlsPart::Cipher)
    }),
    fetch("ssl_bc_alg_keysize", "bits of the cipher's key", |_| {
        about(SERVER, TlsPart::KeySize)
    }),
    fetch("ssl_bc_use_keysize", "bits of the cipher's key", |_| {
        about(SERVER, TlsPart::KeySize)
    }),
    fetch("ssl_c_used", "whether the client has shown a certificate", |_| {
        about(CLIENT, TlsPart::HasCertificate)
    }),
    fetch(
        "ssl_c_verify",
        "OpenSSL's number for the fault of the client's certificate; 0 is none",
        |_| about(CLIENT, TlsPart::Verified),
    ),
    fetch(
        "ssl_c_s_dn",
        "whom the client's certificate is of: all, or one part: kind, number",
        |args| subject(args, CLIENT, false),
    ),
    fetch("ssl_c_i_dn", "who has signed the client's certificate", |args| {
        issuer(args, CLIENT, false)
    }),
    fetch(
        "ssl_c_notbefore",
        "since when the client's certificate is valid: YYMMDDhhmmssZ",
        |_| part(CLIENT, false, CertificatePart::NotBefore),
    ),
    fetch("ssl_c_notafter", "until when the client's certificate is valid", |_| {
        part(CLIENT, false, CertificatePart::NotAfter)
    }),
    fetch("ssl_c_serial", "the number of the client's certificate", |_| {
        part(CLIENT, false, CertificatePart::Serial)
    }),
    fetch("ssl_c_sha1", "the SHA-1 of the client's certificate", |_| {
        part(CLIENT, false, CertificatePart::Sha1)
    }),
    fetch("ssl_c_der", "the client's certificate itself", |_| {
        part(CLIENT, false, CertificatePart::Der)
    }),
    fetch(
        "ssl_c_chain_der",
        "those that the client sent behind its certificate, one after the other",
        |_| about(CLIENT, TlsPart::Chain),
    ),
    fetch("ssl_c_version", "the version of the client's certificate", |_| {
        part(CLIENT, false, CertificatePart::Version)
    }),
    fetch("ssl_c_key_alg", "the kind of key of the client's certificate", |_| {
        part(CLIENT, false, CertificatePart::KeyAlgorithm)
    }),
    fetch("ssl_c_sig_alg", "how the client's certificate is signed", |_| {
        part(CLIENT, false, CertificatePart::Signature)
    }),
    fetch(
        "ssl_f_s_dn",
        "whom the certificate is of that the client was shown",
        |args| subject(args, CLIENT, true),
    ),
    fetch("ssl_f_i_dn", "who has signed it", |args| issuer(args, CLIENT, true)),
    fetch("ssl_f_notbefore", "since when it is valid", |_| {
        part(CLIENT, true, CertificatePart::NotBefore)
    }),
    fetch("ssl_f_notafter", "until when it is valid", |_| {
        part(CLIENT, true, CertificatePart::NotAfter)
    }),
    fetch("ssl_f_serial", "its number", |_| {
        part(CLIENT, true, CertificatePart::Serial)
    }),
    fetch("ssl_f_sha1", "its SHA-1", |_| part(CLIENT, true, CertificatePart::Sha1)),
    fetch("ssl_f_der", "itself", |_| part(CLIENT, true, CertificatePart::Der)),
    fetch("ssl_f_version", "its version", |_| {
        part(CLIENT, true, CertificatePart::Version)
    }),
    fetch("ssl_f_key_alg", "the kind of its key", |_| {
        part(CLIENT, true, CertificatePart::KeyAlgorithm)
    }),
    fetch("ssl_f_sig_alg", "how it is signed", |_| {
        part(CLIENT, true, CertificatePart::Signature)
    }),
    fetch("ssl_s_s_dn", "whom the server's certificate is of", |args| {
        subject(args, SERVER, false)
    }),
    fetch("ssl_s_i_dn", "who has signed the server's certificate", |args| {
        issuer(args, SERVER, false)
    }),
    fetch(
        "ssl_s_notbefore",
        "since when the server's certificate is valid",
        |_| part(SERVER, false, CertificatePart::NotBefore),
    ),
    fetch("ssl_s_notafter", "until when the server's certificate is valid", |_| {
        part(SERVER, false, CertificatePart::NotAfter)
    }),
    fetch("ssl_s_serial", "the number of the server's certificate", |_| {
        part(SERVER, false, CertificatePart::Serial)
    }),
    fetch("ssl_s_sha1", "the SHA-1 of the server's certificate", |_| {
        part(SERVER, false, CertificatePart::Sha1)
    }),
    fetch("ssl_s_der", "the server's certificate itself", |_| {
        part(SERVER, false, CertificatePart::Der)
    }),
    fetch(
        "ssl_s_chain_der",
        "all certificates that the server sent, one after the other",
        |_| about(SERVER, TlsPart::Chain),
    ),
    fetch("ssl_s_version", "the version of the server's certificate", |_| {
        part(SERVER, false, CertificatePart::Version)
    }),
    fetch("ssl_s_key_alg", "the kind of key of the server's certificate", |_| {
        part(SERVER, false, CertificatePart::KeyAlgorithm)
    }),
    fetch("ssl_s_sig_alg", "how the server's certificate is signed", |_| {
        part(SERVER, false, CertificatePart::Signature)
    }),
];

fn about(with: Party, what: TlsPart) -> Built {
    Ok(Fetch::Fact(Fact::Tls(TlsFact { with, what })))
}

fn part(with: Party, ours: bool, part: CertificatePart) -> Built {
    about(with, TlsPart::Certificate { ours, part })
}

fn subject(args: &mut Args<'_>, with: Party, ours: bool) -> Built {
    let name = name(args)?;
    part(with, ours, CertificatePart::Subject(name))
}

fn issuer(args: &mut Args<'_>, with: Party, ours: bool) -> Built {
    let name = name(args)?;
    part(with, ours, CertificatePart::Issuer(name))
}

/// `kind,number` for one part; `,,rfc2253` for all of it in that form, which a part does not heed.
fn name(args: &mut Args<'_>) -> Result<NamePart, ExprError> {
    let kind = args.filled();
    let nth = args
        .maybe_number(i64::from(i32::MIN)..=i64::from(i32::MAX))?
        .unwrap_or(1);
    let is_formatted = match args.filled() {
        None => false,
        Some("rfc2253") => true,
        Some(other) => {
            let error = args.bad(format!("`{other}` is no form of a name"));
            return Err(error.help("write rfc2253, or leave it out"));
        }
    };
    Ok(match kind {
        Some(kind) => NamePart::One {
            kind: kind.into(),
            // The range was checked.
            nth: nth as i32,
        },
        None if is_formatted => NamePart::Formatted,
        None => NamePart::All,
    })
}
