//! Each word about TLS does something: what is agreed with OpenSSL's client and with a server that tells, beside HAProxy.

use std::process::{Command, Stdio};

use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, SupportedProtocolVersion, version};

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

/// Says what was agreed with it, in one line: `TLSv1_3 TLS13_AES_256_GCM_SHA384 alpn sni certificates full|resumed`.
fn telling(papers: &Papers, pem: &str, versions: &[&'static SupportedProtocolVersion]) -> Server {
    let (chain, key) = pair(pem);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authority = fs::read(papers.path("ca.pem")).expect("it was written");
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(&authority).expect("a certificate"))
        .expect("an authority");
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let clients = clients.allow_unauthenticated().build().expect("an authority");
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let builder = builder.expect("versions").with_client_cert_verifier(clients);
    let mut config = builder.with_single_cert(chain, key).expect("it fits");
    config.alpn_protocols = vec![b"mqtt".to_vec(), b"amqp".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = rustls::crypto::ring::Ticketer::new().expect("keys");
    let config = Arc::new(config);
    Server::start(move |stream| {
        let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).expect("a server"), stream);
        // Who does not come through the handshake is told nothing.
        if stream.conn.complete_io(&mut stream.sock).is_err() {
            return;
        }
        let conn = &stream.conn;
        let line = format!(
            "{:?} {:?} {} {} {} {}",
            conn.protocol_version().expect("it is agreed"),
            conn.negotiated_cipher_suite().expect("it is agreed").suite(),
            conn.alpn_protocol().map_or("-".into(), String::from_utf8_lossy),
            conn.server_name().unwrap_or("-"),
            conn.peer_certificates().map_or(0, <[_]>::len),
            match conn.handshake_kind() {
                Some(rustls::HandshakeKind::Resumed) => "resumed",
                _ => "full",
            }
        );
        stream.write_all(line.as_bytes()).ok();
        stream.conn.send_close_notify();
        stream.flush().ok();
    })
}

/// A word of what a server tells, and where it stands.
type Part = (usize, &'static str);

/// What a server tells of the second connection to it, which may go on with the session of the first.
fn second(at: SocketAddr) -> Vec<String> {
    let tell = || {
        let mut stream = connect(at);
        let mut line = String::new();
        stream.read_to_string(&mut line).ok();
        line
    };
    tell();
    tell().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn words_of_servers_say_what_is_agreed() {
    let papers = Papers::new();
    let (own, friend, ca) = (
        papers.pem(&["srv.example"]),
        papers.issue("friend.pem", &["friend"]),
        papers.path("ca.pem"),
    );
    let new = telling(&papers, &own, &[&version::TLS12, &version::TLS13]);
    let old = telling(&papers, &own, &[&version::TLS12]);
    let crl = papers.revoke(&serial(&own));
    // Words, whether they are to the server that knows 1.2 only, and what it tells: a part, and where it stands.
    let cases: &[(&str, bool, Option<Part>)] = &[
        ("verify none", false, Some((0, "TLSv1_3"))),
        ("verify none", false, Some((5, "resumed"))),
        ("verify none no-ssl-reuse", false, Some((5, "full"))),
        ("verify none force-tlsv12", false, Some((5, "resumed"))),
        ("verify none force-tlsv12 no-tls-tickets", false, Some((5, "full"))),
        ("verify none force-tlsv12", false, Some((0, "TLSv1_2"))),
        ("verify none ssl-max-ver TLSv1.2", false, Some((0, "TLSv1_2"))),
        ("verify none no-tlsv13", false, Some((0, "TLSv1_2"))),
        ("verify none ssl-min-ver TLSv1.3", true, None),
        ("verify none no-sslv3 no-tlsv10 no-tlsv11 no-tlsv12", true, None),
        ("verify none force-tlsv13", true, None),
        ("verify none", true, Some((0, "TLSv1_2"))),
        (
            "verify none force-tlsv12 ciphers ECDHE-ECDSA-CHACHA20-POLY1305",
            false,
            Some((1, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")),
        ),
        (
            "verify none ciphersuites TLS_CHACHA20_POLY1305_SHA256",
            false,
            Some((1, "TLS13_CHACHA20_POLY1305_SHA256")),
        ),
        ("verify none alpn amqp,x", false, Some((2, "amqp"))),
        ("verify none", false, Some((2, "-"))),
        ("verify none sni str(x.example)", false, Some((3, "x.example"))),
        ("verify none", false, Some((4, "0"))),
        ("verify none crt friend.pem", false, Some((4, "1"))),
        ("verify required ca-file ca.pem", false, Some((0, "TLSv1_3"))),
        ("verify required ca-file ca.pem crl-file crl.pem", false, None),
    ];
    assert_eq!(crl, papers.path("crl.pem"));
    let config = |room: &Room| {
        // HAProxy keeps the sessions of each thread for itself.
        let mut text = room.head().replacen("global\n", "global\n nbthread 1\n", 1);
        for ((words, is_old, _), number) in cases.iter().zip(0..) {
            let server = if *is_old { &old } else { &new };
            let words = words
                .replace("friend.pem", &friend)
                .replace("ca.pem", &ca)
                .replace("crl.pem", &crl);
            let (at, to) = (room.at(number), server.address());
            text += &format!("listen l{number}\n bind {at}\n retries 0\n server s {to} ssl {words}\n");
        }
        text
    };
    both(cases.len() as u16, config, |room| {
        for ((words, _, expected), number) in cases.iter().zip(0..) {
            let told = second(room.at(number));
            let (place, expected) = expected.map_or((0, None), |(place, word)| (place, Some(word)));
            assert_eq!(
                told.get(place).map(String::as_str),
                expected,
                "{}: `{words}`: {told:?}",
                room.name
            );
        }
    });
}

#[test]
fn defaults_for_servers_count_where_they_say_nothing() {
    let papers = Papers::new();
    let server = telling(
        &papers,
        &papers.pem(&["srv.example"]),
        &[&version::TLS12, &version::TLS13],
    );
    let plain = Server::named("plain");
    papers.issue("friend.pem", &["friend"]);
    let folder = papers.folder.display();
    let global = format!(
        " nbthread 1\n crt-base {folder}\n ca-base {folder}\n ssl-server-verify none\n ssl-default-server-options ssl-max-ver TLSv1.2\n \
         ssl-default-server-ciphers ECDHE-ECDSA-CHACHA20-POLY1305\n \
         ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256\n"
    );
    let words = [
        "ssl",
        "ssl ssl-max-ver TLSv1.3",
        "ssl crt friend.pem",
        "ssl ciphers ECDHE-ECDSA-AES128-GCM-SHA256 verify required ca-file ca.pem",
    ];
    let config = |room: &Room| {
        let mut text = room.head().replace("defaults\n", &format!("{global}defaults\n"));
        for (words, number) in words.iter().zip(0..) {
            let (at, to) = (room.at(number), server.address());
            text += &format!("listen l{number}\n bind {at}\n server s {to} {words}\n");
        }
        let to = plain.address();
        let at = room.at(4);
        text + &format!("listen plain\n bind {at}\n default-server ssl no-ssl-reuse\n server s {to} no-ssl\n")
    };
    both(5, config, |room| {
        let told = [0, 1, 2, 3].map(|number| second(room.at(number)));
        let parts = told
            .each_ref()
            .map(|told| [0, 1, 4].map(|place| told.get(place).map_or("", String::as_str)));
        let old = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
        let expected = [
            ["TLSv1_2", old, "0"],
            ["TLSv1_3", "TLS13_AES_128_GCM_SHA256", "0"],
            ["TLSv1_2", old, "1"],
            ["TLSv1_2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "0"],
        ];
        assert_eq!(parts, expected, "{}", room.name);
        let mut stream = connect(room.at(4));
        let mut word = [0; 5];
        stream.write_all(b"?").expect("written");
        stream.read_exact(&mut word).expect("nobody speaks TLS there");
        assert_eq!(&word, b"plain", "{}", room.name);
    });
}

/// Words of later versions than the HAProxy that can be asked, and what has no counterpart there.
#[test]
fn words_that_take_others_back() {
    let papers = Papers::new();
    let server = telling(
        &papers,
        &papers.pem(&["srv.example"]),
        &[&version::TLS12, &version::TLS13],
    );
    let ca = papers.path("ca.pem");
    let cases: &[(&str, Option<Part>)] = &[
        ("verifyhost else.example verify required ca-file CA", None),
        (
            "verifyhost else.example no-verifyhost verify required ca-file CA",
            Some((0, "TLSv1_3")),
        ),
        ("verify none no-ssl-reuse ssl-reuse", Some((5, "resumed"))),
        ("verify none no-tls-tickets tls-tickets", Some((5, "resumed"))),
        ("verify none no-tls-tickets", Some((5, "full"))),
    ];
    let config = Config::default();
    let mut text = config.server("s", &server, "").to_string();
    let ports = cases
        .iter()
        .map(|_| SocketAddr::from(([127, 0, 0, 1], tandem_tests::free_port())));
    let ports: Vec<SocketAddr> = ports.collect();
    for ((words, _), at) in cases.iter().zip(&ports) {
        let (to, words) = (server.address(), words.replace("CA", &ca));
        text += &format!(
            "listen l{}\n bind {at}\n retries 0\n server s {to} ssl {words}\n",
            at.port()
        );
    }
    let _lb = Lb::start(&text);
    for ((words, expected), at) in cases.iter().zip(&ports) {
        let told = second(*at);
        let (place, expected) = expected.map_or((0, None), |(place, word)| (place, Some(word)));
        assert_eq!(told.get(place).map(String::as_str), expected, "`{words}`: {told:?}");
    }
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

/// A certificate of X.509 version 1 is no certificate of anybody; as an authority it is believed. HAProxy takes it for both.
#[test]
fn version_1_is_refused_with_its_reason_but_for_authorities() {
    if !has_openssl() {
        return;
    }
    let papers = Papers::new();
    let (own, ca) = (papers.issue("own.pem", &["own.example"]), papers.path("ca.pem"));
    let (old, names) = (papers.path("old.pem"), papers.path("names"));
    fs::write(&names, "[req]\ndistinguished_name=dn\n[dn]\n").expect("written");
    let mut command = Command::new("openssl");
    command.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=old".split(' '));
    command.args(["-keyout", &papers.path("old.key"), "-out", &old, "-config", &names]);
    assert!(
        command
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    );
    let [certificate, key] =
        ["old.pem", "old.key"].map(|name| fs::read_to_string(papers.path(name)).expect("it was made"));
    fs::write(&old, format!("{certificate}{key}")).expect("written");
    let text = |words: &str| {
        let config = Config::default();
        let at = config.at();
        config
            .to_string()
            .replace(&format!("bind {at}"), &format!("bind {at} ssl {words}"))
    };
    for (words, is_right) in [
        (format!("crt {own} verify required ca-file {old}"), true),
        (format!("crt {own} verify required ca-file {ca}"), true),
        (format!("crt {old}"), false),
    ] {
        let text = text(&words);
        let checked = tandem_tests::check(&["-c"], &text);
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert_eq!(checked.status.success(), is_right, "{words}: {said}");
        assert!(
            is_right || (said.contains(&old) && said.contains("version 1")),
            "{said}"
        );
        let file = papers.path("haproxy.cfg");
        fs::write(&file, &text).expect("written");
        if let Ok(theirs) = Command::new("haproxy").args(["-c", "-q", "-f", &file]).output() {
            let said = String::from_utf8_lossy(&theirs.stderr);
            assert!(theirs.status.success(), "{words}: {said}");
        }
    }
    let server = Server::echo();
    let config = Config::default();
    let at = config.at();
    let both = papers.path("both.pem");
    fs::write(&both, fs::read_to_string(&ca).expect("written") + &certificate).expect("written");
    let line = format!("bind {at} ssl crt {own} verify required ca-file {both}");
    let text = config.server("s", &server, "").to_string();
    let _lb = Lb::start(&text.replace(&format!("bind {at}"), &line));
    for (shows, comes_in) in [(&own, true), (&old, false)] {
        let told = openssl(at, &format!("-tls1_2 -cert {shows} -key {shows}"));
        // Its last word is that the handshake is over, with a ticket.
        let is_done = told.as_ref().is_some_and(|told| told.ticket);
        assert_eq!(is_done, comes_in, "{shows}: {told:?}");
    }
}

/// What is wrong with a file is said once for all who name it.
#[test]
fn a_file_that_makes_no_sense_is_said_once_and_disturbs_nobody() {
    let papers = Papers::new();
    let (own, other) = (
        papers.issue("own.pem", &["own.example"]),
        papers.issue("other.pem", &["other.example"]),
    );
    let server = Server::echo();
    let config = Config::default();
    let at = config.at();
    let more = [0, 1].map(|_| SocketAddr::from(([127, 0, 0, 1], tandem_tests::free_port())));
    let socket = papers.path("sock");
    let text = config.server("s", &server, "").to_string();
    let binds = format!(
        "bind {at} ssl crt {own}\n bind {} ssl crt {own} crt {other}\n bind {} ssl crt {other}",
        more[0], more[1]
    );
    let text = text.replace(&format!("bind {at}"), &binds);
    let text = format!("global\n stats socket {socket} level admin\n{text}");
    let _lb = Lb::start(&text);
    let order = |words: &str| tandem_tests::order(&socket, words);
    let mut clients = [at, more[0], more[1]].map(|at| client(at, "own.example", None));
    for stream in &mut clients {
        ask(stream, b"?").expect("an answer");
    }
    let before = order("show ssl cert");
    for (content, why) in [
        ("no certificate", "there is no certificate in it"),
        (&papers.pem(&["x"])[..200], "there is no `-----END CERTIFICATE-----`"),
    ] {
        let good = fs::read(&own).expect("it was written");
        fs::write(&own, content).expect("written");
        let said = order("reload");
        assert_eq!(said.matches(&own).count(), 1, "{said}");
        assert!(said.contains(why), "{said}");
        fs::write(&own, good).expect("written");
        assert_eq!(order("show ssl cert"), before);
        for (stream, at) in clients.iter_mut().zip([at, more[0], more[1]]) {
            ask(stream, b"!").expect("who is there goes on");
            ask(&mut client(at, "own.example", None), b"?").expect("and others come");
        }
    }
    let said = order("reload");
    assert!(!said.contains(&own), "{said}");
}
