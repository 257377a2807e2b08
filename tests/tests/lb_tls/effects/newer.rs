//! Words that the installed HAProxy does not know yet, or whose time has to pass.

use std::time::Duration;

use super::*;

/// What OpenSSL's client says of a connection with these words; nothing if it was turned away.
fn said(at: SocketAddr, words: &str) -> Option<String> {
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-connect", &at.to_string()])
        .args(words.split_whitespace());
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let text = String::from_utf8_lossy(&output.expect("openssl was there just now").stdout).into_owned();
    (!text.contains("no peer certificate available")).then_some(text)
}

#[test]
fn how_is_signed_and_who_is_shown_to_those_whom_nothing_fits() {
    if !has_openssl() {
        return;
    }
    let papers = Papers::new();
    let [own, other] = ["own", "other"].map(|name| papers.issue(&format!("{name}.pem"), &[&format!("{name}.example")]));
    let ca = papers.path("ca.pem");
    // Keys on the curve of 256 bits sign in one way.
    let table = [
        (
            format!("crt {own} sigalgs ECDSA+SHA256"),
            "",
            Some("Peer signing digest: SHA256"),
        ),
        (format!("crt {own} sigalgs RSA+SHA256:rsa_pss_rsae_sha256"), "", None),
        (
            format!("crt {own} client-sigalgs RSA+SHA256"),
            "",
            Some("Peer signing digest: SHA256"),
        ),
        (format!("crt {own}"), "-sigalgs ECDSA+SHA384", None),
        (
            format!("crt {own} verify optional ca-file {ca} client-sigalgs ECDSA+SHA384:ed25519"),
            "",
            Some("Requested Signature Algorithms: ECDSA+SHA384:ed25519"),
        ),
        (
            format!("crt {own} verify optional ca-file {ca} sigalgs ECDSA+SHA256"),
            "",
            Some("Requested Signature Algorithms: ECDSA+SHA256"),
        ),
        (
            format!("crt {own} crt {other}"),
            "-servername x.example",
            Some("subject=CN = own.example"),
        ),
        (
            format!("crt {own} default-crt {other}"),
            "-servername x.example",
            Some("subject=CN = other.example"),
        ),
        (
            format!("crt {own} default-crt {other}"),
            "-servername own.example",
            Some("subject=CN = own.example"),
        ),
        (format!("default-crt {own} strict-sni"), "-servername x.example", None),
    ];
    let room = Room::of_ours(table.len() as u16);
    let binds: String = table
        .iter()
        .zip(0..)
        .map(|((words, ..), place)| format!(" bind {} ssl {words}\n", room.at(place)))
        .collect();
    let _lb = Lb::start(&format!("{}listen l\n{binds} server s 127.0.0.1:1\n", room.head()));
    for ((words, client, expected), place) in table.iter().zip(0..) {
        let said = said(room.at(place), client);
        match (&said, expected) {
            (None, None) => {}
            (Some(said), Some(expected)) if said.contains(expected) => {}
            _ => panic!("`{words}` to `{client}`: {said:?}"),
        }
    }
}

/// By a ticket, and to what is kept.
#[test]
fn a_session_is_over_when_its_time_is() {
    let papers = Papers::new();
    let own = papers.issue("own.pem", &["own.example"]);
    let server = Server::echo();
    for (line, comes_back) in [("", true), (" tune.ssl.lifetime 1\n", false)] {
        let config = |room: &Room| {
            let head = room.head().replace("defaults\n", &format!("{line}defaults\n"));
            let (kept, ticket, to) = (room.at(0), room.at(1), server.address());
            format!(
                "{head}listen l\n bind {kept} ssl crt {own} no-tls-tickets force-tlsv12\n bind {ticket} ssl crt {own}\n server s {to}\n"
            )
        };
        both(2, config, |room| {
            let visitors = [&version::TLS12, &version::TLS13].map(|version| tickets::Visitor::new(&[version]));
            let come = || {
                let places = visitors.iter().zip(0..);
                places
                    .map(|(visitor, place)| visitor.comes(room.at(place), "own.example"))
                    .collect::<Vec<_>>()
            };
            assert_eq!(come(), [Some(false); 2], "{}", room.name);
            std::thread::sleep(Duration::from_millis(2_200));
            assert_eq!(come(), [Some(comes_back); 2], "{}: {line}", room.name);
        });
    }
}
