//! Two ends that talk through memory.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use rcgen::{CertificateParams, Issuer, KeyPair};

use super::*;
use crate::Pieces;
use crate::carried::{Carried, Socket};
use crate::listener::{Entry, Terms};
use crate::origin::{Origin, OriginTerms};
use crate::protocol::{Protocol, Version};
use crate::signing::Signatures;
use crate::tickets::{Rules, TicketKeys};
use crate::trust::{Errors, Forgiven, Trust};
use crate::{Certificate, anyone};

const BOTH: [Version; 2] = [Version::Tls12, Version::Tls13];

/// Who vouches for others.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let name = format!("authority {}", COUNT.fetch_add(1, Relaxed));
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    fn vouch(&self, hosts: &[&str]) -> Arc<Certificate> {
        self.vouch_with(hosts, |_| {})
    }

    /// For a time that is over.
    fn vouched(&self, hosts: &[&str]) -> Arc<Certificate> {
        self.vouch_with(hosts, |params| {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        })
    }

    fn vouch_with(&self, hosts: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Arc<Certificate> {
        self.vouch_by(&KeyPair::generate().unwrap(), hosts, change)
    }

    fn vouch_by(&self, key: &KeyPair, hosts: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Arc<Certificate> {
        let names: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let certificate = params.signed_by(key, &self.issuer).unwrap();
        let pem = certificate.pem() + &key.serialize_pem();
        let pieces = Pieces {
            pem: pem.into_bytes(),
            ..Pieces::default()
        };
        Arc::new(Certificate::of(hosts[0].as_ref(), &pieces).unwrap())
    }

    fn trust(&self) -> Trust {
        Trust::new(&[("ca".into(), self.pem.clone().into_bytes())]).unwrap()
    }
}

fn terms(versions: &[Version]) -> Terms {
    Terms {
        protocol: Protocol::new(versions, &[], &[]),
        alpn: Vec::new(),
        clients: anyone(),
        tickets: true,
        ticket_keys: None,
        sessions: 16,
        lifetime: std::time::Duration::from_secs(300),
        signatures: Signatures::default(),
        client_order: false,
    }
}

fn listener(certificates: &[Arc<Certificate>], terms: &Terms, is_strict: bool) -> Arc<Listener> {
    let entries = certificates.iter().map(|certificate| Entry {
        certificate: certificate.clone(),
        terms: terms.clone(),
        filters: Vec::new(),
        is_apart: false,
    });
    Arc::new(Listener::new(entries.collect(), 1, is_strict).unwrap())
}

fn origin(versions: &[Version], trust: Option<Trust>) -> OriginTerms {
    OriginTerms {
        protocol: Protocol::new(versions, &[], &[]),
        signatures: Signatures::default(),
        alpn: Vec::new(),
        trust,
        host: None,
        certificate: None,
        reuses: true,
    }
}

fn connect(terms: OriginTerms, name: Option<&str>) -> Connection {
    let origin = Origin::new(terms).unwrap();
    origin.connect(name, [127, 0, 0, 1].into()).unwrap()
}

/// Brings what is outgoing over, `step` bytes at a time, and answers what was said to the other end.
fn carry(from: &mut Connection, to: &mut Connection, step: usize) -> Result<Vec<u8>, Failure> {
    let wire = from.outgoing().to_vec();
    from.sent(wire.len());
    feed(to, &wire, step)
}

fn feed(to: &mut Connection, wire: &[u8], step: usize) -> Result<Vec<u8>, Failure> {
    let mut said = Vec::new();
    let (mut buffer, mut into) = (vec![0; BUFFER], vec![0; 1000]);
    for piece in wire.chunks(step) {
        let kept = to.begin(&mut buffer);
        buffer[kept..kept + piece.len()].copy_from_slice(piece);
        let count = to.receive(&mut buffer[..kept + piece.len()], kept, &mut into)?;
        said.extend_from_slice(&into[..count]);
        while !to.ready().is_empty() {
            let count = to.take(&mut into);
            said.extend_from_slice(&into[..count]);
        }
    }
    Ok(said)
}

/// Until nobody has anything to say.
fn shake(client: &mut Connection, server: &mut Connection, step: usize) -> Result<(), Failure> {
    while !client.outgoing().is_empty() || !server.outgoing().is_empty() {
        carry(client, server, step)?;
        carry(server, client, step)?;
    }
    Ok(())
}

fn say(from: &mut Connection, to: &mut Connection, words: &[u8], step: usize) -> Vec<u8> {
    let mut out = vec![0; BUFFER];
    let count = from.send(words, &mut out).unwrap();
    let mut heard = carry(from, to, step).unwrap();
    heard.extend(feed(to, &out[..count], step).unwrap());
    heard
}

#[test]
fn bytes_arrive_as_they_were_however_they_are_cut() {
    let authority = Authority::new();
    let certificate = authority.vouch(&["a.example"]);
    let words: Vec<u8> = (0..60_000u32).map(|n| (n * 7 % 251) as u8).collect();
    for (version, step) in BOTH
        .into_iter()
        .flat_map(|v| [(v, 1), (v, 7), (v, 1500), (v, BUFFER / 2)])
    {
        let listener = listener(std::slice::from_ref(&certificate), &terms(&[version]), false);
        let mut server = Connection::accept(listener);
        let mut client = connect(origin(&[version], Some(authority.trust())), Some("a.example"));
        shake(&mut client, &mut server, step).unwrap();
        assert!(client.is_established() && server.is_established(), "{version:?} {step}");
        assert_eq!(server.server_name(), Some("a.example"));
        assert!(
            say(&mut client, &mut server, &words, step) == words,
            "{version:?} {step}"
        );
        assert!(
            say(&mut server, &mut client, &words, step) == words,
            "{version:?} {step}"
        );
        assert!(
            server.rest.capacity() + server.ready.capacity() + server.outgoing.capacity() == 0,
            "idle owns nothing"
        );
        client.close();
        carry(&mut client, &mut server, step).unwrap();
        assert!(server.has_ended(), "{version:?} {step}");
        // It may still answer.
        assert!(
            say(&mut server, &mut client, &words, step) == words,
            "{version:?} {step}"
        );
        server.close();
        carry(&mut server, &mut client, step).unwrap();
        assert!(client.has_ended());
    }
}

#[test]
fn the_name_chooses_the_certificate() {
    let authority = Authority::new();
    let all = [
        authority.vouch(&["a.example"]),
        authority.vouch(&["b.example", "*.w.example"]),
    ];
    let shown = |name: Option<&str>, is_strict| {
        let mut server = Connection::accept(listener(&all, &terms(&BOTH), is_strict));
        let mut client = connect(origin(&BOTH, None), name);
        let done = shake(&mut client, &mut server, BUFFER / 2);
        done.map(|()| server.shown().unwrap().name.display().to_string())
    };
    assert_eq!(shown(Some("b.example"), false).unwrap(), "b.example");
    assert_eq!(shown(Some("x.w.example"), true).unwrap(), "b.example");
    assert_eq!(shown(Some("else.example"), false).unwrap(), "a.example");
    assert_eq!(shown(None, false).unwrap(), "a.example");
    assert!(matches!(
        shown(Some("else.example"), true),
        Err(Failure::NoCertificate(_))
    ));
    assert!(matches!(shown(None, true), Err(Failure::NoCertificate(_))));
}

#[test]
fn who_shows_nothing_or_comes_from_elsewhere_is_sent_away_unless_forgiven() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let certificate = ours.vouch(&["a.example"]);
    let clients = |must, forgiven| Terms {
        clients: ours.trust().clients(must, forgiven).unwrap(),
        ..terms(&BOTH)
    };
    let all = || Forgiven {
        of_authorities: Errors::All,
        of_certificates: Errors::All,
    };
    let late = |numbers: &[u8]| Forgiven {
        of_authorities: Errors::None,
        of_certificates: Errors::These(numbers.to_vec()),
    };
    let strangers = || Some(theirs.vouch(&["x"]));
    let (late_one, late_stranger) = (|| Some(ours.vouched(&["c"])), || Some(theirs.vouched(&["x"])));
    let cases = [
        (true, Forgiven::default(), None, Err(())),
        (true, Forgiven::default(), Some(ours.vouch(&["c"])), Ok(0)),
        (true, Forgiven::default(), strangers(), Err(())),
        (false, Forgiven::default(), None, Ok(0)),
        (false, Forgiven::default(), strangers(), Err(())),
        (true, all(), strangers(), Ok(21)),
        (true, all(), None, Err(())),
        (true, Forgiven::default(), late_one(), Err(())),
        (true, late(&[10]), late_one(), Ok(10)),
        (true, late(&[9]), late_one(), Err(())),
        (true, late(&[9, 10]), late_stranger(), Err(())),
        (true, late(&[10]), strangers(), Err(())),
        (true, all(), late_stranger(), Ok(10)),
    ];
    for (number, (must, forgiven, shows, expected)) in cases.into_iter().enumerate() {
        for version in BOTH {
            let listener = listener(
                std::slice::from_ref(&certificate),
                &clients(must, forgiven.clone()),
                false,
            );
            let mut server = Connection::accept(listener);
            let terms = OriginTerms {
                certificate: shows.clone(),
                ..origin(&[version], None)
            };
            let mut client = connect(terms, Some("a.example"));
            let done = shake(&mut client, &mut server, BUFFER / 2).map_err(drop);
            let verdict = done.map(|()| server.fault_of_client().unwrap());
            assert_eq!(verdict, expected, "{number} {version:?}");
        }
    }
}

#[test]
fn a_server_must_be_vouched_for_and_have_the_name() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let certificate = ours.vouch(&["a.example"]);
    let meets = |trust: Option<Trust>, host: Option<&str>, name: Option<&str>| {
        let mut server = Connection::accept(listener(std::slice::from_ref(&certificate), &terms(&BOTH), false));
        let terms = OriginTerms {
            host: host.map(str::to_owned),
            ..origin(&BOTH, trust)
        };
        let mut client = connect(terms, name);
        shake(&mut client, &mut server, BUFFER / 2).is_ok()
    };
    assert!(meets(Some(ours.trust()), None, Some("a.example")));
    assert!(meets(Some(ours.trust()), None, None), "no name was asked for");
    assert!(meets(Some(ours.trust()), Some("a.example"), None));
    assert!(!meets(Some(ours.trust()), Some("b.example"), None));
    assert!(
        meets(Some(ours.trust()), Some("b.example"), Some("a.example")),
        "what is asked for comes first"
    );
    assert!(!meets(Some(ours.trust()), None, Some("b.example")));
    assert!(!meets(Some(theirs.trust()), None, Some("a.example")));
    assert!(meets(None, None, Some("b.example")), "verify none");
}

/// By the names of TLS 1.3: what the keys of two curves sign with.
const SHORT: &str = "ecdsa_secp256r1_sha256";
const LONG: &str = "ecdsa_secp384r1_sha384";

/// A certificate with a short key and one with a long one.
fn short_and_long(authority: &Authority) -> [Arc<Certificate>; 2] {
    let long = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    [
        authority.vouch(&["short"]),
        authority.vouch_by(&long, &["long"], |_| {}),
    ]
}

#[test]
fn how_servers_sign_is_agreed_on() {
    let authority = Authority::new();
    let certificates = short_and_long(&authority);
    let shown = |version, ours: &[&str], theirs: &[&str], usual| {
        let entries = certificates.each_ref().map(|certificate| Entry {
            certificate: certificate.clone(),
            terms: Terms {
                signatures: Signatures::new(ours, &[]),
                ..terms(&[version])
            },
            filters: Vec::new(),
            is_apart: false,
        });
        let mut server = Connection::accept(Arc::new(Listener::new(entries.into(), usual, false).unwrap()));
        let terms = OriginTerms {
            signatures: Signatures::new(&[], theirs),
            ..origin(&[version], Some(authority.trust()))
        };
        let mut client = connect(terms, None);
        let done = shake(&mut client, &mut server, BUFFER / 2).ok();
        done.map(|()| server.shown().unwrap().name.display().to_string())
    };
    type Names = &'static [&'static str];
    let table: &[(Names, Names, usize, Option<&str>)] = &[
        (&[], &[], 2, Some("short")),
        (&[], &[LONG], 2, Some("long")),
        (&[], &[LONG], 1, None),
        (&[LONG], &[], 2, Some("long")),
        (&[LONG], &[], 1, None),
        (&[LONG, SHORT], &[SHORT], 1, Some("short")),
        (&["rsa_pkcs1_sha256"], &[], 2, None),
    ];
    for version in BOTH {
        for (ours, theirs, usual, expected) in table {
            let shown = shown(version, ours, theirs, *usual);
            assert_eq!(shown.as_deref(), *expected, "{version:?} {ours:?} {theirs:?} {usual}");
        }
    }
}

#[test]
fn how_clients_sign_is_agreed_on() {
    let authority = Authority::new();
    let [short, long] = short_and_long(&authority);
    let comes = |version, ours: &[&str], theirs: &[&str], shows: &Arc<Certificate>| {
        let terms = Terms {
            clients: authority.trust().clients(true, Forgiven::default()).unwrap(),
            signatures: Signatures::new(&[], theirs),
            ..terms(&[version])
        };
        let mut server = Connection::accept(listener(std::slice::from_ref(&short), &terms, false));
        let terms = OriginTerms {
            signatures: Signatures::new(ours, &[]),
            certificate: Some(shows.clone()),
            ..origin(&[version], None)
        };
        shake(&mut connect(terms, None), &mut server, BUFFER / 2).is_ok()
    };
    for version in BOTH {
        assert!(comes(version, &[], &[], &short), "{version:?}");
        assert!(comes(version, &[LONG], &[], &long), "{version:?}");
        assert!(!comes(version, &[LONG], &[], &short), "{version:?}: it cannot");
        assert!(comes(version, &[], &[LONG], &long), "{version:?}");
        assert!(!comes(version, &[], &[LONG], &short), "{version:?}: it is not believed");
    }
}

#[test]
fn protocols_without_overlap_are_no_obstacle() {
    let authority = Authority::new();
    let certificate = authority.vouch(&["a.example"]);
    let talks = |offered: &[&str]| {
        let terms = Terms {
            alpn: vec![b"h2".to_vec(), b"mqtt".to_vec()],
            ..terms(&BOTH)
        };
        let mut server = Connection::accept(listener(std::slice::from_ref(&certificate), &terms, false));
        let alpn = offered.iter().map(|one| one.as_bytes().to_vec()).collect();
        let mut client = connect(
            OriginTerms {
                alpn,
                ..origin(&BOTH, None)
            },
            None,
        );
        shake(&mut client, &mut server, BUFFER / 2).unwrap();
        server.state().unwrap().alpn_protocol().map(<[u8]>::to_vec)
    };
    assert_eq!(talks(&["mqtt", "h2"]), Some(b"h2".to_vec()));
    assert_eq!(talks(&["mqtt"]), Some(b"mqtt".to_vec()));
    assert_eq!(talks(&["amqp"]), None);
    assert_eq!(talks(&[]), None);
}

#[test]
fn nonsense_is_answered_with_an_alert_and_never_looked_at_again() {
    let authority = Authority::new();
    let listener = listener(&[authority.vouch(&["a.example"])], &terms(&BOTH), false);
    let nonsense: [&[u8]; 4] = [
        b"GET / HTTP/1.0\r\n\r\n",
        &[0; 100],
        &[22, 3, 1, 255, 255, 1],
        &[22, 3, 1, 0, 4, 1, 0, 0, 0],
    ];
    for bytes in nonsense {
        let mut server = Connection::accept(listener.clone());
        if feed(&mut server, bytes, 3).is_err() {
            assert_eq!(server.outgoing().first(), Some(&21), "{bytes:?}");
            let alert = server.outgoing().len();
            assert!(feed(&mut server, bytes, 3).is_err());
            assert!(server.send(b"x", &mut [0; 100]).is_err());
            assert_eq!(server.outgoing().len(), alert);
        }
    }
}

#[test]
fn a_changed_byte_ends_it() {
    let authority = Authority::new();
    for version in BOTH {
        let listener = listener(&[authority.vouch(&["a.example"])], &terms(&[version]), false);
        let mut server = Connection::accept(listener);
        let mut client = connect(origin(&[version], None), None);
        shake(&mut client, &mut server, BUFFER / 2).unwrap();
        let mut out = vec![0; BUFFER];
        let count = client.send(b"words", &mut out).unwrap();
        out[count - 1] ^= 1;
        assert!(feed(&mut server, &out[..count], BUFFER / 2).is_err());
        assert!(!server.outgoing().is_empty(), "the other end is told why");
    }
}

/// What can still be read, and after it the reset, which is told once.
struct Breaking {
    pieces: RefCell<VecDeque<Vec<u8>>>,
    is_reset: Cell<bool>,
}

impl Socket for Breaking {
    fn poll_read(&self, _cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let piece = self.pieces.borrow_mut().pop_front();
        Poll::Ready(match piece {
            Some(piece) => {
                into[..piece.len()].copy_from_slice(&piece);
                Ok(piece.len())
            }
            None if self.is_reset.take() => Err(io::ErrorKind::ConnectionReset.into()),
            None => Ok(0),
        })
    }

    fn poll_write(&self, _cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(from.len()))
    }
}

#[test]
fn the_last_words_are_heard_before_the_end_is_told() {
    let authority = Authority::new();
    let listener = listener(&[authority.vouch(&["a.example"])], &terms(&BOTH), false);
    let cx = &mut Context::from_waker(Waker::noop());
    let carried = |is_broken_by_record: bool| {
        let mut server = Connection::accept(listener.clone());
        let mut client = connect(origin(&BOTH, None), None);
        shake(&mut client, &mut server, BUFFER / 2).unwrap();
        let mut out = vec![0; BUFFER];
        let mut count = server.send(b"words", &mut out).unwrap();
        if is_broken_by_record {
            let broken = server.send(b"broken", &mut out[count..]).unwrap();
            count += broken;
            out[count - 1] ^= 1;
        }
        let socket = Breaking {
            pieces: RefCell::new([out[..count].to_vec()].into()),
            is_reset: Cell::new(!is_broken_by_record),
        };
        Carried::new(socket, client)
    };
    for is_broken_by_record in [false, true] {
        let (seen, kind) = (
            carried(is_broken_by_record),
            [io::ErrorKind::ConnectionReset, io::ErrorKind::InvalidData],
        );
        for _ in 0..2 {
            assert!(seen.fill(cx, 1000).unwrap(), "nothing more comes");
            assert_eq!(seen.connection().ready(), b"words");
        }
        // Whoever has looked at them reads them, and whoever has not.
        for carried in [seen, carried(is_broken_by_record)] {
            let mut into = [0; 100];
            let Poll::Ready(Ok(5)) = carried.poll_read(cx, &mut into) else {
                panic!("the words are there");
            };
            // As often as anybody asks.
            for _ in 0..2 {
                let Poll::Ready(Err(why)) = carried.poll_read(cx, &mut into) else {
                    panic!("it ends with a reason");
                };
                assert_eq!(why.kind(), kind[usize::from(is_broken_by_record)]);
                assert!(carried.fill(cx, 0).is_err(), "also who wants nothing");
            }
        }
        let unread = carried(is_broken_by_record);
        assert!(unread.fill(cx, 1000).unwrap());
        unread.connection_mut().take(&mut [0; 100]);
        assert!(unread.fill(cx, 1000).is_err());
    }
}

#[test]
fn clients_come_back_to_their_session() {
    let authority = Authority::new();
    let certificate = authority.vouch(&["a.example"]);
    for version in BOTH {
        let listener = listener(std::slice::from_ref(&certificate), &terms(&[version]), false);
        let origin = Origin::new(origin(&[version], None)).unwrap();
        let kinds = [(); 2].map(|()| {
            let mut server = Connection::accept(listener.clone());
            let mut client = origin.connect(Some("a.example"), [127, 0, 0, 1].into()).unwrap();
            shake(&mut client, &mut server, BUFFER / 2).unwrap();
            server.state().unwrap().handshake_kind()
        });
        assert_eq!(kinds[1], Some(rustls::HandshakeKind::Resumed), "{version:?}");
    }
}

#[test]
fn replaced_keys_are_forgotten_by_lines_with_words_of_their_own_too() {
    let authority = Authority::new();
    let keys = |firsts: [u8; 3]| TicketKeys::new(firsts.map(|first| vec![first; 48]).to_vec()).unwrap();
    let hosts = ["usual.example", "apart.example"];
    let entries = hosts.map(|host| Entry {
        certificate: authority.vouch(&[host]),
        terms: Terms {
            ticket_keys: Some((keys([1, 2, 3]), Rules::of(b'*', [[]]))),
            ..terms(&[Version::Tls13])
        },
        filters: Vec::new(),
        is_apart: host == hosts[1],
    });
    let listener = Arc::new(Listener::new(entries.into(), 1, false).unwrap());
    for (place, host) in hosts.into_iter().enumerate() {
        listener.take_keys(&keys([1, 2, 3]));
        let origin = Origin::new(origin(&[Version::Tls13], None)).unwrap();
        let met = || {
            let mut server = Connection::accept(listener.clone());
            let mut client = origin.connect(Some(host), [127, 0, 0, 1].into()).unwrap();
            shake(&mut client, &mut server, BUFFER / 2).unwrap();
            let kind = server.state().unwrap().handshake_kind();
            kind == Some(rustls::HandshakeKind::Resumed)
        };
        assert!(!met() && met(), "{place}");
        for firsts in [[2, 3, 4], [3, 4, 5], [4, 5, 6]] {
            listener.take_keys(&keys(firsts));
        }
        assert!(!met() && met(), "{place}: its key is forgotten, and it gets another");
    }
}
