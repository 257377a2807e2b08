//! TLS towards clients and servers, beside HAProxy: the same certificates, endings, log lines and answers.

mod changes;
mod effects;
mod facts;
mod hosts;
mod meanwhile;
mod peers;
mod tickets;

use std::cell::RefCell;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use nix::sys::signal::Signal;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ServerConfig, ServerConnection, SignatureScheme, StreamOwned,
};
use tandem_tests::{Config, Lb, Papers, Room, Server, both, connect, until};

/// Believes everybody: what is shown is looked at by the test.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

type Secure = StreamOwned<ClientConnection, TcpStream>;

/// A client that asks for a name, and may show a certificate.
fn client(at: SocketAddr, name: &str, shows: Option<&str>) -> Secure {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous));
    let config = match shows {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let (chain, key) = pair(pem);
            builder.with_client_auth_cert(chain, key).expect("it fits")
        }
    };
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    StreamOwned::new(
        ClientConnection::new(Arc::new(config), name).expect("a client"),
        connect(at),
    )
}

fn pair(pem: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>();
    (
        chain.expect("certificates"),
        PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a key"),
    )
}

/// Sends back what it gets, inside TLS.
fn secure_echo(pem: &str) -> Server {
    let (chain, key) = pair(pem);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("it fits");
    let config = Arc::new(config);
    Server::start(move |stream| {
        let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).expect("a server"), stream);
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..n]).is_err() {
                return;
            }
        }
        stream.conn.send_close_notify();
        stream.flush().ok();
    })
}

/// What comes back for some words, or how it ended.
fn ask(stream: &mut Secure, words: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    let mut back = vec![0; words.len()];
    let done = stream.write_all(words).and_then(|()| stream.read_exact(&mut back));
    done.map(|()| back).map_err(|error| error.kind())
}

/// The common name that a client was shown.
fn shown(stream: &Secure) -> String {
    let first = stream
        .conn
        .peer_certificates()
        .and_then(|chain| chain.first())
        .expect("a certificate");
    tandem_tls::x509::Facts::of(first)
        .expect("it makes sense")
        .hosts
        .remove(0)
}

/// The lines about connections, without date and ports: `fe~ be/s --`, or what was wrong.
fn told(room: &Room, count: usize) -> Vec<String> {
    let lines = until("so many lines", || {
        let lines = room.lines();
        // Whom a rule for sessions refuses after the handshake HAProxy logs so.
        let is_told = |line: &String| line.starts_with("127.0.0.1:") && !line.ends_with(": Success");
        let about = lines.into_iter().filter(is_told);
        let about: Vec<String> = about.collect();
        (about.len() >= count).then_some(about)
    });
    let shown = |line: &String| {
        let rest = line.split_once("] ").map_or("", |(_, rest)| rest);
        let words: Vec<&str> = rest.split(' ').collect();
        match words[..] {
            [frontend, server, _, _, letters, _, _] => format!("{frontend} {server} {letters}"),
            _ => rest.to_owned(),
        }
    };
    lines.iter().map(shown).collect()
}

#[test]
fn the_page_is_served_with_tls_and_changes_come_through_it() {
    let papers = Papers::new();
    let (own, ca) = (papers.issue("own.pem", &["own.example"]), papers.path("ca.pem"));
    let friend = papers.pem(&["friend"]);
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{}frontend page\n mode http\n timeout http-request 3s\n bind {} ssl crt {own}\n \
             bind {} ssl crt {own} ca-file {ca} verify required\n \
             stats enable\n stats uri /stats\n stats admin if TRUE\nlisten l\n bind {}\n server s {}\n",
            room.head(),
            room.at(0),
            room.at(1),
            room.at(2),
            server.address(),
        )
    };
    both(3, config, |room| {
        let asks = |listener: u16, shows: Option<&str>, words: &str| {
            let mut stream = client(room.at(listener), "own.example", shows);
            stream.write_all(words.as_bytes()).ok()?;
            let mut answer = Vec::new();
            // Not everybody says that this is the end.
            stream.read_to_end(&mut answer).ok();
            (!answer.is_empty()).then(|| String::from_utf8_lossy(&answer).into_owned())
        };
        let csv = "GET /stats;csv HTTP/1.1\r\nHost: own.example\r\nConnection: close\r\n\r\n";
        let page = asks(0, None, csv).expect("an answer");
        assert!(page.starts_with("HTTP/1.1 200"), "{}: {page}", room.name);
        assert!(page.contains("\nl,s,"), "{}: {page}", room.name);
        assert_eq!(
            asks(1, None, csv),
            None,
            "{}: who shows nothing sees nothing",
            room.name
        );
        assert!(
            asks(1, Some(&friend), csv).is_some_and(|page| page.contains("\nl,s,")),
            "{}",
            room.name
        );
        let html = csv.replace(";csv", "");
        let shown = asks(1, Some(&friend), &html).expect("a page");
        // Ours hides a word in its form, without which it obeys no browser.
        let token = shown.split("name=\"t\" value=\"").nth(1);
        let token = token.and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let form = format!("s=s&action=drain&b=l&t={token}");
        let post = format!(
            "POST /stats HTTP/1.1\r\nHost: own.example\r\nOrigin: https://own.example\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
            form.len()
        );
        let done = asks(1, Some(&friend), &post).expect("an answer");
        assert!(
            done.starts_with("HTTP/1.1 303") && done.contains("st=DONE"),
            "{}: {done}",
            room.name
        );
        assert!(room.cell("l", "s", "status").starts_with("DRAIN"), "{}", room.name);
        let mut plain = connect(room.at(0));
        plain.write_all(csv.as_bytes()).expect("written");
        let mut said = Vec::new();
        plain.read_to_end(&mut said).ok();
        assert!(
            !String::from_utf8_lossy(&said).contains("200 OK"),
            "{}: nothing in the clear",
            room.name
        );
    });
}

#[test]
fn clients_show_who_they_are() {
    let (papers, strangers) = (Papers::new(), Papers::new());
    let (own, ca) = (papers.issue("own.pem", &["own.example"]), papers.path("ca.pem"));
    let (friend, stranger) = (papers.pem(&["friend"]), strangers.pem(&["stranger"]));
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{}frontend must\n bind {} name door ssl crt {own} ca-file {ca} verify required\n default_backend be\n\
             frontend may\n bind {} ssl crt {own} ca-file {ca} verify optional\n \
             tcp-request session reject if {{ ssl_c_used }} !{{ ssl_c_s_dn(CN) friend }}\n default_backend be\n\
             frontend lax\n bind {} ssl crt {own} ca-file {ca} verify required ca-ignore-err all crt-ignore-err all\n \
             tcp-request session reject unless {{ ssl_c_verify 21 }}\n default_backend be\n\
             backend be\n server s {}\n",
            room.head(),
            room.at(0),
            room.at(1),
            room.at(2),
            server.address(),
        )
    };
    both(3, config, |room| {
        let cases = [
            (0, Some(&friend), true),
            (0, None, false),
            (0, Some(&stranger), false),
            (1, Some(&friend), true),
            (1, None, true),
            (1, Some(&stranger), false),
            (2, Some(&stranger), true),
            (2, Some(&friend), false),
        ];
        for (listener, shows, comes_in) in cases {
            let mut stream = client(room.at(listener), "own.example", shows.map(String::as_str));
            let back = ask(&mut stream, b"hello");
            assert_eq!(back.is_ok(), comes_in, "{}: {listener} {}", room.name, shows.is_some());
        }
        let lines = told(room, 7);
        let expected = [
            "must~ be/s --",
            "must/door: SSL handshake failure",
            "must/door: SSL client certificate not trusted",
            "may~ be/s --",
            "may~ be/s --",
            "may/1: SSL client certificate not trusted",
            "lax~ be/s --",
        ];
        let ended = |line: &str| line.replace(" CD", " --").replace(" SD", " --");
        let mut lines: Vec<String> = lines.iter().map(|line| ended(line)).collect();
        let mut expected: Vec<String> = expected.map(str::to_owned).into();
        lines.sort();
        expected.sort();
        assert_eq!(lines, expected, "{}", room.name);
    });
}

#[test]
fn who_does_not_get_through_the_handshake_is_no_session() {
    let papers = Papers::new();
    let own = papers.issue("own.pem", &["own.example"]);
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{}frontend fe\n timeout client 400ms\n bind {} name door ssl crt {own}\n default_backend be\nbackend be\n server s {}\n",
            room.head(),
            room.at(0),
            server.address(),
        )
    };
    both(1, config, |room| {
        connect(room.at(0))
            .write_all(b"GET / HTTP/1.0\r\n\r\n")
            .expect("written");
        told(room, 1);
        connect(room.at(0)).write_all(&[22, 3, 1, 2, 0, 1]).expect("written");
        told(room, 2);
        let mut slow = connect(room.at(0));
        slow.write_all(&[22]).expect("written");
        let mut rest = Vec::new();
        slow.read_to_end(&mut rest).ok();
        assert_eq!(
            told(room, 3),
            [
                "fe/door: SSL handshake failure",
                "fe/door: Connection closed during SSL handshake",
                "fe/door: Timeout during SSL handshake"
            ],
            "{}",
            room.name
        );
        assert_eq!(room.cell("fe", "FRONTEND", "stot"), "0", "{}", room.name);
        assert_eq!(room.cell("fe", "FRONTEND", "conn_tot"), "3", "{}", room.name);
        assert_eq!(room.cell("be", "BACKEND", "stot"), "0", "{}", room.name);
        assert_eq!(server.accepted(), 0, "{}", room.name);
    });
}

/// A record that nobody can have written breaks the session off, from either side.
#[test]
fn a_record_that_is_broken_ends_the_session_as_an_abort() {
    let papers = Papers::new();
    let own = papers.issue("own.pem", &["own.example"]);
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{}frontend fe\n bind {} ssl crt {own}\n default_backend be\nbackend be\n server s {}\n",
            room.head(),
            room.at(0),
            server.address(),
        )
    };
    both(1, config, |room| {
        let mut visitor = client(room.at(0), "own.example", None);
        assert_eq!(ask(&mut visitor, b"words").expect("an echo"), b"words");
        let broken = [&[23, 3, 3, 0, 40][..], &[7; 40]].concat();
        visitor.sock.write_all(&broken).expect("room");
        assert_eq!(told(room, 1), ["fe~ be/s CD"], "{}", room.name);
    });
}

#[test]
fn servers_prove_who_they_are() {
    let (papers, strangers) = (Papers::new(), Papers::new());
    let (ca, other) = (papers.path("ca.pem"), strangers.path("ca.pem"));
    let server = secure_echo(&papers.pem(&["srv.example"]));
    let config = |room: &Room| {
        let mut text = room.head();
        let options = [
            format!("verify required ca-file {ca} sni str(srv.example)"),
            format!("verify required ca-file {other}"),
            format!("verify required ca-file {ca} verifyhost else.example"),
            format!("verify required ca-file {ca} sni str(else.example)"),
            "verify none sni str(else.example) send-proxy".to_owned(),
            format!("verify required ca-file {ca} verifyhost srv.example check inter 100ms"),
        ];
        for (number, options) in options.iter().enumerate() {
            let (at, to) = (room.at(number as u16), server.address());
            text += &format!("listen l{number}\n bind {at}\n retries 0\n server s {to} ssl {options}\n");
        }
        text
    };
    both(6, config, |room| {
        let comes = |listener: u16| {
            let mut stream = connect(room.at(listener));
            let mut back = [0; 5];
            stream
                .write_all(b"hello")
                .and_then(|()| stream.read_exact(&mut back))
                .is_ok()
        };
        let met: Vec<bool> = (0..4).map(comes).collect();
        assert_eq!(met, [true, false, false, false], "{}", room.name);
        assert!(
            !comes(4),
            "{}: a PROXY header comes before TLS begins, and this server knows none",
            room.name
        );
        until("a check", || {
            (room.cell("l5", "s", "check_status") == "L6OK").then_some(())
        });
        assert!(comes(5), "{}", room.name);
        let endings = told(room, 6).into_iter().filter(|line| line.contains(" SC")).count();
        assert_eq!(endings, 4, "{}: {:?}", room.name, told(room, 6));
    });
}

#[test]
fn much_goes_both_ways_with_tls_on_either_side_and_both() {
    const MUCH: usize = 6_000_000;
    let papers = Papers::new();
    let own = papers.issue("own.pem", &["own.example"]);
    let (plain, secure) = (Server::echo(), secure_echo(&papers.pem(&["srv.example"])));
    let config = |room: &Room| {
        format!(
            "{}listen in\n bind {} ssl crt {own}\n server s {}\nlisten both\n bind {} ssl crt {own}\n server s {2} ssl verify none\n\
             listen out\n bind {} ssl crt {own}\n server s {2} ssl verify none\n",
            room.head(),
            room.at(0),
            plain.address(),
            room.at(1),
            room.at(2),
        )
        .replace(&format!("server s {} ssl", plain.address()), &format!("server s {} ssl", secure.address()))
    };
    both(3, config, |room| {
        let words: Vec<u8> = (0..MUCH).map(|n| (n * 7 % 251) as u8).collect();
        for listener in 0..2 {
            let mut stream = client(room.at(listener), "own.example", None);
            let mut back = Vec::new();
            // As much as fits on the way, again and again: nobody has a thread to read while it writes.
            for part in words.chunks(50_000) {
                back.extend(ask(&mut stream, part).expect("it comes back"));
            }
            assert!(back == words, "{} {listener}", room.name);
            // An end is an end in both directions, and nothing is lost before it.
            stream.write_all(b"last words").expect("written");
            stream.conn.send_close_notify();
            stream.flush().expect("written");
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).expect("an end that was said");
            assert_eq!(rest, b"last words", "{} {listener}", room.name);
        }
    });
}

#[test]
fn an_idle_client_costs_little() {
    const CLIENTS: u64 = 300;
    let papers = Papers::new();
    let own = papers.issue("own.pem", &["own.example"]);
    let server = Server::echo();
    let config = Config::default();
    let at = config.at();
    let text = config.server("s", &server, "").to_string();
    let lb = Lb::start(&text.replace(&format!("bind {at}"), &format!("bind {at} ssl crt {own}")));
    let meet = |count: u64| -> Vec<Secure> {
        let all = (0..count).map(|_| {
            let mut stream = client(at, "own.example", None);
            ask(&mut stream, b"hello").expect("an answer");
            stream
        });
        all.collect()
    };
    // What is needed once is there after the first few.
    let _first = meet(50);
    let before = lb.memory();
    let _crowd = meet(CLIENTS);
    let each = lb.memory().saturating_sub(before) / CLIENTS;
    assert!(each < 32, "{each} KiB for each idle client");
}
