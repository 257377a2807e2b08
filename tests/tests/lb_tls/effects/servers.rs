//! Each word about TLS towards servers: what is agreed with one that tells, beside HAProxy.

use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, SupportedProtocolVersion};

use super::*;

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
