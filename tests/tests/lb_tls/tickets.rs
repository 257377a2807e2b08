//! Sessions go on at whoever has the keys of their tickets.

use super::*;

/// Keys of tickets, each 48 bytes, as their file has them.
fn ticket_keys(firsts: impl IntoIterator<Item = u8>) -> String {
    let line = |first: u8| [tandem_text::base64::encode(&[first; 48], false), b"\n".to_vec()].concat();
    let lines: Vec<u8> = firsts.into_iter().flat_map(line).collect();
    String::from_utf8(lines).expect("letters and digits")
}

/// Two processes with the same file take up each other's sessions, through a change of keys, and nobody else's.
#[test]
fn tickets_are_good_at_whoever_has_the_keys() {
    let papers = Papers::new();
    let pem = papers.issue("own.pem", &["own.example"]);
    let keys = papers.path("tickets.keys");
    let server = Server::echo();
    let begun = |keys: &str, firsts: [u8; 3]| {
        fs::write(keys, ticket_keys(firsts)).expect("written");
        let config = Config::default();
        let at = config.at();
        let text = config.server("s", &server, "").to_string();
        let tls = format!("bind {at} ssl crt {pem} tls-ticket-keys {keys}");
        let text = text.replace(&format!("bind {at}"), &tls);
        let text = format!("global\n stats socket {keys}.{}.sock level admin\n{text}", at.port());
        (at, Lb::start(&text), text)
    };
    let (one, _first, _) = begun(&keys, [1, 2, 3]);
    let (two, mut second, text) = begun(&keys, [1, 2, 3]);
    let others = papers.path("others.keys");
    let (other, _third, _) = begun(&others, [7, 8, 9]);
    let known = tandem_tests::order(format!("{others}.{}.sock", other.port()), "show tls-keys");
    assert_eq!(known, format!("# id (file)\n0 ({others})\n\n"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous))
        .with_no_client_auth();
    let config = Arc::new(config);
    let resumed = |at: SocketAddr| {
        let name = ServerName::try_from("own.example").expect("a name");
        let connection = ClientConnection::new(config.clone(), name).expect("a client");
        let mut stream = StreamOwned::new(connection, connect(at));
        // What it gets for the next time comes with the answer.
        ask(&mut stream, b"?").expect("an answer");
        stream.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    };
    assert!(!resumed(one), "it was never there");
    assert!(resumed(two) && resumed(one));
    // A key comes: those before are good still.
    fs::write(&keys, ticket_keys([2, 3, 4])).expect("written");
    let said = second.reload(Signal::SIGHUP, &text);
    assert!(!said.contains("refused"), "{said}");
    assert!(resumed(two), "the key of before has a place still");
    assert!(resumed(one), "and the new one is known here as the next");
    fs::write(&keys, "no key").expect("written");
    let said = second.reload(Signal::SIGHUP, &text);
    assert!(said.contains("refused"), "{said}");
    assert!(resumed(two), "and what was stays");
    assert!(!resumed(other), "who has other keys begins anew");
}

/// Comes back with what it was given before, wherever that was.
pub(super) struct Visitor(Arc<ClientConfig>);

impl Visitor {
    pub(super) fn new(versions: &[&'static rustls::SupportedProtocolVersion]) -> Visitor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
        let verifier = Arc::new(Credulous);
        let builder = builder
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        Visitor(Arc::new(builder.with_no_client_auth()))
    }

    /// Whether it is let in, and if so whether it had been there before.
    pub(super) fn comes(&self, at: SocketAddr, name: &str) -> Option<bool> {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let connection = ClientConnection::new(self.0.clone(), name).expect("a client");
        let mut stream = StreamOwned::new(connection, connect(at));
        // What it gets for the next time comes with the answer.
        ask(&mut stream, b"?").ok()?;
        Some(stream.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed))
    }
}

/// Who came without showing who it is does not come back so where that is asked, though the keys are the same. The lines
/// before, by whose rules it did not come, make no difference.
#[test]
fn tickets_are_good_only_by_the_rules_that_they_were_made_by() {
    let papers = Papers::new();
    let [a, b] = ["a", "b"].map(|name| papers.issue(&format!("{name}.pem"), &[&format!("{name}.example")]));
    let (ca, keys, list) = (papers.path("ca.pem"), papers.path("keys"), papers.path("list"));
    fs::write(&keys, ticket_keys([1, 2, 3])).expect("written");
    fs::write(&list, format!("{a} [verify required ca-file {ca}]\n{b}\n")).expect("written");
    let server = Server::echo();
    let begun = |tls: &str| {
        let config = Config::default();
        let at = config.at();
        let text = config.server("s", &server, "").to_string();
        let line = format!("bind {at} ssl {tls} tls-ticket-keys {keys}");
        (at, Lb::start(&text.replace(&format!("bind {at}"), &line)))
    };
    let (one, _first) = begun(&format!("crt-list {list}"));
    let (two, _second) = begun(&format!("crt {b} verify required ca-file {ca}"));
    let (three, _third) = begun(&format!("crt {b}"));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let visitor = Visitor::new(&[version]);
        assert_eq!(visitor.comes(one, "b.example"), Some(false), "nobody asks who it is");
        assert_eq!(visitor.comes(two, "b.example"), None, "{version:?}: here it is asked");
        let visitor = Visitor::new(&[version]);
        assert_eq!(visitor.comes(one, "b.example"), Some(false));
        assert_eq!(visitor.comes(three, "b.example"), Some(true), "nor does anybody here");
    }
}

/// As a key by order is said to each process in turn, each knows it before the other makes tickets with it.
#[test]
fn keys_are_replaced_by_order() {
    let papers = Papers::new();
    let pem = papers.issue("own.pem", &["own.example"]);
    let keys = papers.path("keys");
    fs::write(&keys, ticket_keys([1, 2, 3])).expect("written");
    let server = Server::echo();
    let begun = |socket: &str| {
        let config = Config::default();
        let at = config.at();
        let text = config.server("s", &server, "").to_string();
        let tls = format!("bind {at} ssl crt {pem} tls-ticket-keys {keys}");
        let text = text.replace(&format!("bind {at}"), &tls);
        let text = format!("global\n stats socket {socket} level admin\n{text}");
        (at, Lb::start(&text), text)
    };
    let sockets = ["1.sock", "2.sock"].map(|name| papers.path(name));
    let (one, _first, _) = begun(&sockets[0]);
    let (two, mut second, text) = begun(&sockets[1]);
    let order = |place: usize, words: &str| tandem_tests::order(&sockets[place], words);
    let rotate = |place: usize, first: u8| {
        let said = order(place, &format!("set ssl tls-key #0 {}", ticket_keys([first]).trim()));
        assert_eq!(said, "TLS ticket key updated!\n\n");
    };
    let visitor = Visitor::new(&[&rustls::version::TLS13]);
    let resumed = |at: SocketAddr| visitor.comes(at, "own.example").expect("it is let in");
    assert!(!resumed(one), "it was never there");
    rotate(1, 4);
    assert!(resumed(two), "the key of before is known still");
    assert!(resumed(one), "and the one in use there is the next here");
    rotate(0, 4);
    assert!(resumed(two) && resumed(one));
    (5..8).for_each(|first| rotate(1, first));
    assert!(!resumed(two), "the key has gone");
    let shown = order(1, "show tls-keys *");
    let expected: Vec<String> = ticket_keys([5, 6, 7])
        .lines()
        .zip(0..)
        .map(|(key, n)| format!("0.{n} {key}\n"))
        .collect();
    assert_eq!(shown, format!("# id secret\n# 0 ({keys})\n{}\n", expected.concat()));
    // The file is the newer word.
    let said = second.reload(Signal::SIGHUP, &text);
    assert!(!said.contains("refused"), "{said}");
    assert!(order(1, "show tls-keys *").contains(ticket_keys([1]).trim()));
}
