//! `show|set|commit|abort|new|del ssl cert|ca-file|crl-file`: what TLS goes by, looked at and changed while it is used. The
//! words are HAProxy's.

use std::path::Path;

use tandem_lb_core::hex;
use tandem_ops::control::{Call, Reply};
use tandem_tls::x509::{self, About, Facts, Revoked};
use tandem_tls::{CertificateDer, Pieces, certificate};

use super::Room;
use crate::tls::{DeskError, Kind};

/// How HAProxy speaks of a kind of file.
struct Words {
    kind: Kind,
    /// In the name of the command.
    command: &'static str,
    /// At the start of a sentence about a transaction.
    transaction: &'static str,
    object: &'static str,
    noun: &'static str,
    /// What is expected behind a name.
    payload: &'static str,
    /// When it is none.
    refused: &'static str,
    /// What `del` expects.
    name: &'static str,
}

const CERTIFICATE: Words = Words {
    kind: Kind::Certificate,
    command: "cert",
    transaction: "Transaction",
    object: "certificate",
    noun: "certificate",
    payload: "a certificate",
    refused: "Can't load the payload",
    name: "certificate name",
};

const AUTHORITIES: Words = Words {
    kind: Kind::Authorities,
    command: "ca-file",
    transaction: "transaction",
    object: "CA",
    noun: "CA file",
    payload: "CAs",
    refused: "Invalid payload",
    name: "CA file name",
};

const REVOKED: Words = Words {
    kind: Kind::Revoked,
    command: "crl-file",
    transaction: "transaction",
    object: "CRL",
    noun: "CRL file",
    payload: "CRLs",
    refused: "Invalid payload",
    name: "CRL file name",
};

macro_rules! commands {
    ($($show:ident $set:ident $commit:ident $abort:ident $new:ident $del:ident $words:ident;)*) => {$(
        pub(super) fn $show(room: &Room, call: &Call) -> Reply { show(room, call, &$words) }
        pub(super) fn $set(room: &Room, call: &Call) -> Reply { set(room, call, &$words) }
        pub(super) fn $commit(room: &Room, call: &Call) -> Reply { commit(room, call, &$words) }
        pub(super) fn $abort(room: &Room, call: &Call) -> Reply { abort(room, call, &$words) }
        pub(super) fn $new(room: &Room, call: &Call) -> Reply { new(room, call, &$words) }
        pub(super) fn $del(room: &Room, call: &Call) -> Reply { del(room, call, &$words) }
    )*};
}

commands! {
    show_cert set_cert commit_cert abort_cert new_cert del_cert CERTIFICATE;
    show_ca set_ca commit_ca abort_ca new_ca del_ca AUTHORITIES;
    show_crl set_crl commit_crl abort_crl new_crl del_crl REVOKED;
}

fn set(room: &Room, call: &Call, words: &Words) -> Reply {
    let (file, Some(payload)) = (call.arg(0), call.payload()) else {
        let command = words.command;
        return Reply::error(format!(
            "'set ssl {command} expects a filename and {} as a payload",
            words.payload
        ));
    };
    let vault = &room.directory.tls;
    match room
        .desk
        .borrow_mut()
        .set(vault, words.kind, Path::new(file), payload.as_bytes())
    {
        Ok(set) => {
            let (done, file) = (if set.is_first { "created" } else { "updated" }, set.file.display());
            Reply::info(format!("{} {done} for {} {file}!", words.transaction, words.object))
        }
        Err(DeskError::Unknown) => Reply::error(format!(
            "Can't replace a {} which is not referenced by the configuration!\nCan't update {file}!",
            words.noun
        )),
        Err(why) => Reply::error(format!("{why}\n{}\nCan't update {file}!", words.refused)),
    }
}

fn commit(room: &Room, call: &Call, words: &Words) -> Reply {
    let file = call.arg(0);
    if file.is_empty() {
        return Reply::error(format!("'commit ssl {} expects a filename", words.command));
    }
    let mut desk = room.desk.borrow_mut();
    let known = desk.content(&room.directory.tls.now(), words.kind, file);
    // HAProxy makes a dot for each place where it is used.
    let dot = if known.is_some_and(|(_, is_used)| is_used) {
        "."
    } else {
        ""
    };
    match desk.commit(&room.directory.tls, words.kind, Path::new(file)) {
        Ok(()) => {
            tracing::info!("{} {file} was replaced by order", words.noun);
            Reply::Output(format!("Committing {file}{dot}\nSuccess!\n"))
        }
        Err(DeskError::NoTransaction) => Reply::error(format!("No ongoing transaction! !\nCan't commit {file}!")),
        Err(why) => Reply::error(format!("{why}\nCan't commit {file}!")),
    }
}

fn abort(room: &Room, call: &Call, words: &Words) -> Reply {
    let file = call.arg(0);
    if file.is_empty() {
        return Reply::error(format!("'abort ssl {}' expects a filename", words.command));
    }
    match room.desk.borrow_mut().abort(words.kind, Path::new(file)) {
        Ok(()) => Reply::info(format!("Transaction aborted for certificate '{file}'!")),
        Err(why) => Reply::error(why),
    }
}

fn new(room: &Room, call: &Call, words: &Words) -> Reply {
    let file = call.arg(0);
    if file.is_empty() {
        return Reply::error(format!("'new ssl {}' expects a filename", words.command));
    }
    match room
        .desk
        .borrow_mut()
        .create(&room.directory.tls, words.kind, Path::new(file))
    {
        Ok(()) if words.kind == Kind::Certificate => Reply::info(format!("New empty {} store '{file}'!", words.noun)),
        Ok(()) => Reply::info(format!("New {} created '{file}'!", words.noun)),
        Err(_) => Reply::error(format!("{} '{file}' already exists!", capital(words.noun))),
    }
}

fn del(room: &Room, call: &Call, words: &Words) -> Reply {
    let file = call.arg(0);
    if file.is_empty() {
        return Reply::error(format!("'del ssl {}' expects a {}", words.command, words.name));
    }
    let noun = words.noun;
    match room
        .desk
        .borrow_mut()
        .delete(&room.directory.tls, words.kind, Path::new(file))
    {
        Ok(()) => Reply::info(format!("{} '{file}' deleted!", capital(noun))),
        Err(DeskError::InUse) => Reply::error(format!(
            "Can't remove the {noun}: {noun} '{file}' in use, can't be deleted!"
        )),
        Err(DeskError::Ongoing) => Reply::error(format!(
            "Can't remove the {noun}: ongoing transaction for the {noun} '{file}'"
        )),
        Err(_) => Reply::error(format!("Can't remove the {noun}: {noun} '{file}' doesn't exist!")),
    }
}

fn capital(words: &str) -> String {
    let (first, rest) = words.split_at(1);
    first.to_uppercase() + rest
}

fn show(room: &Room, call: &Call, words: &Words) -> Reply {
    let (loaded, desk) = (room.directory.tls.now(), room.desk.borrow());
    let name = call.arg(0);
    if name.is_empty() {
        let (open, known) = desk.list(&loaded, words.kind);
        let counted = |name: String| match words.kind {
            Kind::Authorities => {
                let content = desk.content(&loaded, words.kind, &name);
                let count = content.map_or(0, |(pieces, _)| certificates(&pieces.pem).len());
                format!("{name} - {count} certificate(s)\n")
            }
            _ => format!("{name}\n"),
        };
        let mut text = String::new();
        if !open.is_empty() {
            text.push_str("# transaction\n");
            text.extend(open.iter().map(|file| counted(format!("*{}", file.display()))));
        }
        text.push_str("# filename\n");
        text.extend(known.iter().map(|file| counted(file.display().to_string())));
        return Reply::Output(text);
    }
    let (name, only) = match indexed(name, words.kind) {
        Ok(named) => named,
        Err(why) => return why,
    };
    let is_meant = |number: usize| only.is_none_or(|only| only == number);
    let Some((pieces, is_used)) = desk.content(&loaded, words.kind, name) else {
        return Reply::error(match words.kind {
            Kind::Certificate => "Can't display the certificate: Not found or the certificate is a bundle!".to_owned(),
            _ => format!("Can't display the {} : Not found!", words.noun),
        });
    };
    let pem = &pieces.pem;
    if pem.is_empty() && words.kind == Kind::Authorities {
        return Reply::Done;
    }
    let status = match (pem.is_empty(), is_used) {
        (true, _) => "Empty",
        (false, true) => "Used",
        (false, false) => "Unused",
    };
    let mut text = format!("Filename: {name}\nStatus: {status}\n");
    let all = certificates(pem);
    match words.kind {
        Kind::Certificate => {
            all.first().into_iter().for_each(|first| describe(&mut text, first));
            for next in all.iter().skip(1) {
                if let Ok(facts) = Facts::of(next) {
                    let (subject, issuer) = (x509::one_line(&facts.subject), x509::one_line(&facts.issuer));
                    text.push_str(&format!("Chain Subject: {subject}\nChain Issuer: {issuer}\n"));
                }
            }
            let key = asked_about(&pieces)
                .map(|about| hex::lower(&about.der))
                .unwrap_or_default();
            text.push_str(&format!("OCSP Response Key: {key}\n"));
        }
        Kind::Authorities => {
            for (one, number) in all.iter().zip(1..).filter(|(_, number)| is_meant(*number)) {
                text.push_str(&format!(" \nCertificate #{number}:\n"));
                describe(&mut text, one);
            }
        }
        Kind::Revoked => {
            let lists = Revoked::all(pem);
            for (one, number) in lists.iter().zip(1..).filter(|(_, number)| is_meant(*number)) {
                text.push_str(&format!(" \nCertificate Revocation List #{number}:\n{}", revoked(one)));
            }
        }
    }
    Reply::Output(text)
}

/// What an authority is asked about it, where it has answered.
fn asked_about(pieces: &Pieces) -> Option<About> {
    pieces.ocsp.as_ref().filter(|response| !response.is_empty())?;
    pieces.about()
}

/// `FILE:2` is the second of a file that holds several.
fn indexed(text: &str, kind: Kind) -> Result<(&str, Option<usize>), Reply> {
    let Some((file, number)) = text.rsplit_once(':').filter(|_| kind != Kind::Certificate) else {
        return Ok((text, None));
    };
    match number.parse() {
        Ok(number @ 1..) => Ok((file, Some(number))),
        _ => {
            let what = if kind == Kind::Authorities { "CA" } else { "CRL" };
            Err(Reply::error(format!("wrong {what} index after colons in '{text}'!")))
        }
    }
}

fn revoked(list: &Revoked) -> String {
    let next = list.next_update.map(|at| at.printed()).unwrap_or_default();
    let mut text = format!(
        "Version {}\nSignature Algorithm: {}\nIssuer: {}\nLast Update: {}\nNext Update: {next}\n",
        list.version,
        list.signature,
        x509::one_line(&list.issuer),
        list.this_update.printed(),
    );
    if list.certificates.is_empty() {
        return text + "No Revoked Certificates.\n";
    }
    text.push_str("Revoked Certificates:\n");
    for (serial, since) in &list.certificates {
        let (serial, since) = (hex::upper(serial), since.printed());
        text.push_str(&format!(
            "    Serial Number: {serial}\n        Revocation Date: {since}\n"
        ));
    }
    text
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    certificate::chain(pem)
}

fn describe(text: &mut String, certificate: &CertificateDer<'_>) {
    let Ok(facts) = Facts::of(certificate) else { return };
    text.push_str(&format!(
        "Serial: {}\nnotBefore: {}\nnotAfter: {}\nSubject Alternative Name: {}\nAlgorithm: {}\nSHA1 FingerPrint: {}\n\
         Subject: {}\nIssuer: {}\n",
        hex::upper(&facts.serial),
        facts.not_before.printed(),
        facts.not_after.printed(),
        facts.alternatives.join(", "),
        facts.key.algorithm,
        hex::upper(&x509::sha1(certificate)),
        x509::one_line(&facts.subject),
        x509::one_line(&facts.issuer),
    ));
}
