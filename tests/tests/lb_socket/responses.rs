//! What authorities say of certificates (OCSP): the same orders to HAProxy and to us, and what clients are told then.

use std::net::SocketAddr;

use tandem_tests::{Lb, Responder, free_port};
use tandem_text::base64;

use super::haproxy::haproxy;
use super::room::{Room, say};

/// One of the two programs: a certificate with a response that may be empty, and one without.
struct Side {
    room: Room,
    at: SocketAddr,
    text: String,
}

impl Side {
    fn new(responder: &Responder, first: &[u8]) -> Side {
        let room = Room::new();
        let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let shown = responder.copy("1001", &room.0, first);
        let text = format!(
            "global\n {}\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
             frontend fe\n bind {at} ssl crt {}\n default_backend be\nbackend be\n server s 127.0.0.1:{}\n",
            room.line(),
            shown.display(),
            free_port(),
        );
        Side { room, at, text }
    }

    fn ask(&self, order: &str) -> String {
        let folder = self.room.0.display().to_string();
        let said = self.room.ask(&order.replace("DIR", &folder)).replace(&folder, "DIR");
        // The signature and who made it follow in what HAProxy shows.
        let said = said.split("Signature Algorithm").next().unwrap_or_default();
        let lines = said.lines().map(str::trim_end).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn responses_are_replaced_and_shown_alike() {
    let Some(responder) = Responder::new() else { return };
    let sides = [(); 2].map(|()| Side::new(&responder, b""));
    let [theirs, ours] = &sides;
    let Some(_haproxy) = haproxy(&theirs.room, &theirs.text) else {
        return say("SKIP responses beside HAProxy: haproxy is not installed");
    };
    let _lb = Lb::start(&ours.text);
    let text = |response: &[u8]| String::from_utf8(base64::encode(response, false)).expect("letters");
    let good = responder.response("1001", 'V', 600);
    let revoked = responder.response("1001", 'R', 600);
    // It is valid, but too close to its end to be shown to anybody.
    let brief = responder.response("1001", 'V', 1);
    let foreign = responder.response("1002", 'V', 600);
    let key = {
        let list = theirs.ask("show ssl ocsp-response");
        let line = list.lines().find_map(|line| line.strip_prefix("Certificate ID key : "));
        line.unwrap_or_default().to_owned()
    };
    let whole = |response: &[u8]| format!("set ssl ocsp-response {}", text(response));
    // As `openssl base64` has it, in lines.
    let lines: Vec<String> = text(&revoked)
        .as_bytes()
        .chunks(64)
        .map(|c| String::from_utf8_lossy(c).into())
        .collect();
    let orders = [
        ("show ssl ocsp-response".to_owned(), None),
        ("show ssl cert DIR/1001.pem".to_owned(), None),
        ("set ssl ocsp-response".to_owned(), None),
        ("set ssl ocsp-response @@@@".to_owned(), None),
        ("set ssl ocsp-response bm9uc2Vuc2U=".to_owned(), None),
        (whole(&foreign), None),
        (whole(&good[..good.len() - 9]), None),
        (whole(&good), Some("good")),
        ("show ssl ocsp-response".to_owned(), Some("good")),
        (format!("show ssl ocsp-response {key}"), Some("good")),
        (
            format!("show ssl ocsp-response {}00", &key[..key.len() - 2]),
            Some("good"),
        ),
        ("show ssl ocsp-response zz".to_owned(), Some("good")),
        (format!("show ssl ocsp-response {}", "00".repeat(200)), Some("good")),
        (
            format!("set ssl ocsp-response <<\n{}\n", lines.join("\n")),
            Some("revoked"),
        ),
        (format!("show ssl ocsp-response {key}"), Some("revoked")),
        (whole(&brief), None),
        (whole(&good), Some("good")),
    ];
    let mut different = Vec::new();
    for (order, told) in &orders {
        let [one, other] = sides.each_ref().map(|side| side.ask(order));
        if one != other {
            different.push(format!("{order}\nHAProxy: {one:?}\nwe:      {other:?}"));
        }
        let shown = sides.each_ref().map(|side| responder.told(side.at));
        if shown.each_ref().map(Option::as_deref) != [*told; 2] {
            different.push(format!("{order}: HAProxy shows {:?}, we {:?}", shown[0], shown[1]));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn a_file_is_stapled_if_it_is_about_its_certificate() {
    let Some(responder) = Responder::new() else { return };
    let good = responder.response("1001", 'V', 600);
    let foreign = responder.response("1002", 'V', 600);
    let side = Side::new(&responder, &good);
    let lb = Lb::start(&side.text);
    assert_eq!(responder.told(side.at).as_deref(), Some("good"));
    // What is no response to that certificate would make clients refuse it.
    for other in [&foreign[..], b"torn"] {
        responder.copy("1001", &side.room.0, other);
        lb.configure(&side.text);
        let said = side.room.ask("reload");
        assert!(!said.contains("refused"), "{said}");
        assert_eq!(responder.told(side.at), None);
    }
    responder.copy("1001", &side.room.0, &good);
    side.room.ask("reload");
    assert_eq!(responder.told(side.at).as_deref(), Some("good"));
}

/// What no longer holds when it is read is shown to nobody, and what comes as a piece of the certificate is.
#[test]
fn an_outdated_file_is_not_stapled_and_another_replaces_it_alike() {
    let Some(responder) = Responder::new() else { return };
    let good = responder.response("1001", 'V', 600);
    let revoked = responder.response("1001", 'R', 600);
    let sides = [(); 2].map(|()| Side::new(&responder, &of_2020(&good)));
    let [theirs, ours] = &sides;
    let Some(_haproxy) = haproxy(&theirs.room, &theirs.text) else {
        return say("SKIP responses beside HAProxy: haproxy is not installed");
    };
    let _lb = Lb::start(&ours.text);
    let payload = |response: &[u8]| String::from_utf8(base64::encode(response, false)).expect("letters");
    let set = |response: &[u8]| format!("set ssl cert DIR/1001.pem.ocsp <<\n{}\n", payload(response));
    let commit = || "commit ssl cert DIR/1001.pem".to_owned();
    for (order, told) in [
        ("show ssl ocsp-response".to_owned(), None),
        ("show ssl cert DIR/1001.pem".to_owned(), None),
        (set(&revoked), None),
        ("show ssl cert *DIR/1001.pem".to_owned(), None),
        (commit(), Some("revoked")),
        ("show ssl cert DIR/1001.pem".to_owned(), Some("revoked")),
        ("set ssl cert DIR/1001.pem.ocsp <<\n@@@@\n".to_owned(), Some("revoked")),
        (set(&good), Some("revoked")),
        (commit(), Some("good")),
    ] {
        let [one, other] = sides.each_ref().map(|side| side.ask(&order));
        // It leaves out a line's end there.
        assert_eq!(one.replace("formatCan't", "format\nCan't"), other, "{order}");
        let shown = sides.each_ref().map(|side| responder.told(side.at));
        assert_eq!(shown.each_ref().map(Option::as_deref), [told; 2], "{order}");
    }
}

/// The same response, said and ended in another year.
fn of_2020(response: &[u8]) -> Vec<u8> {
    let mut old = response.to_vec();
    for place in 0..old.len() - 6 {
        // GeneralizedTime of 15 characters, of this century.
        if old[place..].starts_with(b"\x18\x0f20") {
            old[place + 2..place + 6].copy_from_slice(b"2020");
        }
    }
    old
}
