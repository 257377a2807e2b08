//! `show|set ssl ocsp-response`: what authorities say of certificates at present, as it is shown to clients. The words are
//! HAProxy's.

use tandem_lb_core::hex;
use tandem_ops::control::{Call, Reply};
use tandem_text::base64;
use tandem_tls::x509::{About, Status, Verdict};

use super::Room;
use crate::tls;

/// The longest name of a certificate among them, in bytes, as HAProxy has it.
const LONGEST: usize = 128;

pub(super) fn set(room: &Room, call: &Call) -> Reply {
    let text = call.payload().unwrap_or_else(|| call.arg(0));
    if text.is_empty() {
        return Reply::error("'set ssl ocsp-response' expects response in base64 encoding.");
    }
    let text: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let Some(response) = base64::decode(&text, false) else {
        return Reply::error("'set ssl ocsp-response' received invalid base64 encoded response.");
    };
    match room
        .desk
        .borrow_mut()
        .respond(&room.directory.tls, &response, tls::now())
    {
        Ok(files) => {
            for file in files {
                tracing::info!(
                    "{}: the response of its authority was replaced by order",
                    file.display()
                );
            }
            Reply::info("OCSP Response updated!")
        }
        Err(why) => Reply::error(format!("{why}.")),
    }
}

pub(super) fn show(room: &Room, call: &Call) -> Reply {
    let known = room.directory.tls.now().responses();
    let wanted = call.arg(0);
    if wanted.is_empty() {
        let head = if known.is_empty() { "" } else { "# Certificate IDs\n" };
        let each = known.values().map(|(about, _)| {
            let key = hex::lower(&about.der);
            format!("Certificate ID key : {key}\n Certificate ID:\n{}", named(about, 3))
        });
        return Reply::Output(head.to_owned() + &each.collect::<String>());
    }
    if wanted.len() > 2 * LONGEST {
        return Reply::error("'show ssl ocsp-response' received a too big key.");
    }
    match hex::read(wanted).and_then(|key| known.get(&key)) {
        None => Reply::error("Certificate ID does not match any certificate."),
        Some((_, None)) => Reply::Output("Unable to parse OCSP response".to_owned()),
        Some((_, Some(status))) => Reply::Output(printed(status)),
    }
}

fn named(about: &About, indent: usize) -> String {
    let [name, key, serial] = [&about.issuer_name, &about.issuer_key, &about.serial].map(|bytes| hex::upper(bytes));
    let indent = " ".repeat(indent);
    format!("{indent}Issuer Name Hash: {name}\n{indent}Issuer Key Hash: {key}\n{indent}Serial Number: {serial}\n")
}

/// As OpenSSL prints it, but for the signature and who made it.
fn printed(status: &Status) -> String {
    let verdict = match &status.verdict {
        Verdict::Good => "good\n".to_owned(),
        Verdict::Revoked { since } => format!("revoked\n    Revocation Time: {}\n", since.printed()),
    };
    format!(
        "OCSP Response Data:\n    OCSP Response Status: successful (0x0)\n    Response Type: Basic OCSP Response\n    \
         Version: 1 (0x0)\n    Responder Id: {}\n    Produced At: {}\n    Responses:\n    Certificate ID:\n      \
         Hash Algorithm: {}\n{}    Cert Status: {verdict}    This Update: {}\n    Next Update: {}\n",
        status.responder,
        status.produced.printed(),
        status.about.sum.name(),
        named(&status.about, 6),
        status.this_update.printed(),
        status.next_update.printed(),
    )
}
