//! Each word about TLS does something: what is agreed with OpenSSL's client, beside HAProxy.

mod files;
mod newer;
mod servers;

use std::process::{Command, Stdio};

use rustls::version;

use super::*;

/// What OpenSSL's client was told; nothing if it was turned away.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    version: String,
    cipher: String,
    group: String,
    alpn: String,
    ticket: bool,
    /// Whom the client may have vouch for it.
    authorities: usize,
}

fn openssl(at: SocketAddr, words: &str) -> Option<Told> {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-servername", "own.example", "-connect"]);
    command.arg(at.to_string()).args(words.split_whitespace());
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let text = String::from_utf8_lossy(&output.expect("openssl was there just now").stdout).into_owned();
    let behind = |words: &str| text.lines().find_map(|line| line.trim().strip_prefix(words));
    let (version, cipher) = behind("New, ")?.split_once(", Cipher is ")?;
    if version == "(NONE)" {
        return None;
    }
    let group = behind("Server Temp Key: ").unwrap_or_default();
    let group: Vec<&str> = group
        .split(", ")
        .filter(|word| !word.ends_with("bits") && *word != "ECDH")
        .collect();
    let mut lines = text.lines();
    let names = lines.find(|line| line.starts_with("Acceptable client certificate CA names"));
    let authorities = lines.take_while(|line| line.contains('=')).count();
    Some(Told {
        version: version.to_owned(),
        cipher: cipher.to_owned(),
        group: group.concat(),
        alpn: behind("ALPN protocol: ").unwrap_or_default().to_owned(),
        ticket: behind("TLS session ticket:").is_some(),
        authorities: names.map_or(0, |_| authorities),
    })
}

fn has_openssl() -> bool {
    let version = Command::new("openssl").arg("version").stdout(Stdio::null()).status();
    let is_there = version.is_ok();
    if !is_there {
        writeln!(
            std::io::stdout().lock(),
            "SKIP words about TLS: openssl is not installed"
        )
        .ok();
    }
    is_there
}

fn serial(pem: &str) -> Vec<u8> {
    let (chain, _) = pair(pem);
    tandem_tls::x509::Facts::of(&chain[0]).expect("it makes sense").serial
}

/// Words of a listener, those of OpenSSL's client, and what they come to.
type Case = (&'static str, &'static str, Option<fn(&Told) -> bool>);

const OF_BIND: &[Case] = &[
    ("", "", Some(|told| told.version == "TLSv1.3")),
    ("", "-tls1_2", Some(|told| told.version == "TLSv1.2" && told.ticket)),
    ("ssl-min-ver TLSv1.3", "-tls1_2", None),
    ("ssl-max-ver TLSv1.2", "", Some(|told| told.version == "TLSv1.2")),
    ("ssl-max-ver TLSv1.2", "-tls1_3", None),
    ("no-tlsv12", "-tls1_2", None),
    ("no-tlsv13", "", Some(|told| told.version == "TLSv1.2")),
    ("force-tlsv12", "", Some(|told| told.version == "TLSv1.2")),
    ("force-tlsv13", "-tls1_2", None),
    (
        "no-sslv3 no-tlsv10 no-tlsv11",
        "",
        Some(|told| told.version == "TLSv1.3"),
    ),
    (
        "ciphers ECDHE-ECDSA-CHACHA20-POLY1305",
        "-tls1_2",
        Some(|told| told.cipher == "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ),
    (
        "ciphers ECDHE-ECDSA-CHACHA20-POLY1305",
        "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256",
        None,
    ),
    (
        "ciphersuites TLS_AES_128_GCM_SHA256",
        "",
        Some(|told| told.cipher == "TLS_AES_128_GCM_SHA256"),
    ),
    (
        "ciphersuites TLS_AES_128_GCM_SHA256",
        "-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384",
        None,
    ),
    ("curves P-384", "-tls1_3", Some(|told| told.group == "secp384r1")),
    ("curves P-384", "-tls1_3 -curves X25519", None),
    ("ecdhe prime256v1", "-tls1_3", Some(|told| told.group == "prime256v1")),
    ("alpn h2,mqtt", "-alpn mqtt,h2", Some(|told| told.alpn == "h2")),
    ("alpn h2,mqtt", "-alpn amqp", Some(|told| told.alpn.is_empty())),
    ("no-tls-tickets", "-tls1_2", Some(|told| !told.ticket)),
    (
        "ciphers ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
        "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
        Some(|told| told.cipher == "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ),
    (
        "ciphers ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256 prefer-client-ciphers",
        "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
        Some(|told| told.cipher == "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ),
    ("verify optional ca-file CA", "", Some(|told| told.authorities == 1)),
    (
        "verify optional ca-file CA no-ca-names",
        "",
        Some(|told| told.authorities == 0),
    ),
    (
        "verify optional ca-file CA ca-verify-file OTHER",
        "",
        Some(|told| told.authorities == 1),
    ),
    ("verify none ca-file CA", "", Some(|told| told.authorities == 0)),
];

/// A listener for each of the words; a server that nobody reaches.
fn listeners(room: &Room, head: &str, own: &str, cases: &[String]) -> String {
    let mut text = head.to_owned();
    for (words, number) in cases.iter().zip(0..) {
        let at = room.at(number);
        text += &format!("listen l{number}\n bind {at} ssl crt {own} {words}\n server s 127.0.0.1:1\n");
    }
    text
}

#[test]
fn words_of_listeners_say_what_is_agreed() {
    if !has_openssl() {
        return;
    }
    let (papers, strangers) = (Papers::new(), Papers::new());
    let (own, ca, other) = (
        papers.issue("own.pem", &["own.example"]),
        papers.path("ca.pem"),
        strangers.path("ca.pem"),
    );
    let words = OF_BIND
        .iter()
        .map(|(words, ..)| words.replace("CA", &ca).replace("OTHER", &other));
    // The names of ciphers have these letters, too.
    let words: Vec<String> = OF_BIND
        .iter()
        .zip(words)
        .map(|((plain, ..), filled)| {
            if plain.contains("-file") {
                filled
            } else {
                (*plain).to_owned()
            }
        })
        .collect();
    let config = |room: &Room| listeners(room, &room.head(), &own, &words);
    both(OF_BIND.len() as u16, config, |room| {
        for ((words, theirs, expected), number) in OF_BIND.iter().zip(0..) {
            let told = openssl(room.at(number), theirs);
            let is_so = match (expected, &told) {
                (None, None) => true,
                (Some(expected), Some(told)) => expected(told),
                _ => false,
            };
            assert!(is_so, "{}: `{words}` to `{theirs}`: {told:?}", room.name);
        }
    });
}

#[test]
fn defaults_for_listeners_count_where_they_say_nothing() {
    if !has_openssl() {
        return;
    }
    let papers = Papers::new();
    papers.issue("own.pem", &["own.example"]);
    let folder = papers.folder.display();
    let global = format!(
        " crt-base {folder}\n ca-base {folder}\n ssl-default-bind-options no-tls-tickets ssl-max-ver TLSv1.2\n \
         ssl-default-bind-ciphers ECDHE-ECDSA-CHACHA20-POLY1305\n ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256\n \
         ssl-default-bind-curves P-384\n"
    );
    let words = [
        "verify optional ca-file ca.pem",
        "ciphers ECDHE-ECDSA-AES128-GCM-SHA256",
        "ssl-max-ver TLSv1.3",
        "ssl-max-ver TLSv1.3 ciphersuites TLS_AES_256_GCM_SHA384 curves X25519",
    ];
    let words = words.map(str::to_owned);
    let config = |room: &Room| {
        let head = room.head().replace("defaults\n", &format!("{global}defaults\n"));
        listeners(room, &head, "own.pem", &words)
    };
    both(4, config, |room| {
        let told = [0, 1, 2, 3].map(|number| openssl(room.at(number), "").expect("nobody is turned away"));
        let parts = told
            .each_ref()
            .map(|told| (&*told.version, &*told.cipher, told.authorities));
        let expected = [
            ("TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305", 1),
            ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", 0),
            ("TLSv1.3", "TLS_AES_128_GCM_SHA256", 0),
            ("TLSv1.3", "TLS_AES_256_GCM_SHA384", 0),
        ];
        assert_eq!(parts, expected, "{}", room.name);
        assert!(!told[0].ticket && !told[1].ticket, "{}: {told:?}", room.name);
        assert_eq!(
            (&*told[2].group, &*told[3].group),
            ("secp384r1", "X25519"),
            "{}",
            room.name
        );
    });
}

#[test]
fn who_is_revoked_or_vouched_for_in_silence() {
    let (papers, strangers) = (Papers::new(), Papers::new());
    let (own, ca, other) = (
        papers.issue("own.pem", &["own.example"]),
        papers.path("ca.pem"),
        strangers.path("ca.pem"),
    );
    let (friend, gone, stranger) = (
        papers.pem(&["friend"]),
        papers.pem(&["gone"]),
        strangers.pem(&["stranger"]),
    );
    let crl = papers.revoke(&serial(&gone));
    let server = Server::echo();
    let config = |room: &Room| {
        let words = [
            format!("ca-file {ca} crl-file {crl}"),
            format!("ca-file {ca} ca-verify-file {other}"),
        ];
        let mut text = room.head();
        for (words, number) in words.iter().zip(0..) {
            let (at, to) = (room.at(number), server.address());
            text += &format!("listen l{number}\n bind {at} ssl crt {own} verify required {words}\n server s {to}\n");
        }
        text
    };
    both(2, config, |room| {
        for (listener, shows, comes_in) in [
            (0, &friend, true),
            (0, &gone, false),
            (0, &stranger, false),
            (1, &friend, true),
            (1, &gone, true),
            (1, &stranger, true),
        ] {
            let mut stream = client(room.at(listener), "own.example", Some(shows));
            let back = ask(&mut stream, b"?");
            assert_eq!(back.is_ok(), comes_in, "{}: {listener} {:?}", room.name, back);
        }
    });
}

/// Without tickets clients come back to a session that is kept here, if any is.
#[test]
fn sessions_are_kept_for_those_without_tickets() {
    let papers = Papers::new();
    let own = papers.issue("own.pem", &["own.example"]);
    let server = Server::echo();
    for (global, comes_back) in [("", true), (" tune.ssl.cachesize 0\n", false)] {
        let config = Config::default();
        let at = config.at();
        let text = config.server("s", &server, "").to_string();
        let line = format!("bind {at} ssl crt {own} no-tls-tickets force-tlsv12");
        let text = text.replace(&format!("bind {at}"), &line);
        let _lb = Lb::start(&format!("global\n{global}{text}"));
        let visitor = tickets::Visitor::new(&[&version::TLS12]);
        assert_eq!(visitor.comes(at, "own.example"), Some(false));
        assert_eq!(visitor.comes(at, "own.example"), Some(comes_back), "{global}");
    }
}
