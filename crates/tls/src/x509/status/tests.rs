use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SerialNumber};

use super::*;
use crate::Pieces;
use crate::certificate::chain;

fn piece(tag: Tag, inside: &[&[u8]]) -> Vec<u8> {
    whole(tag, &inside.concat()).unwrap()
}

fn numbered(number: TagNumber, inside: &[&[u8]]) -> Vec<u8> {
    let constructed = true;
    piece(Tag::ContextSpecific { constructed, number }, inside)
}

fn time(text: &str) -> Vec<u8> {
    piece(Tag::GeneralizedTime, &[text.as_bytes()])
}

fn single(about: &About, verdict: &[u8], next: Option<&str>) -> Vec<u8> {
    let next = next
        .map(|next| numbered(TagNumber::N0, &[&time(next)]))
        .unwrap_or_default();
    piece(Tag::Sequence, &[&about.der, verdict, &time("20260102030405Z"), &next])
}

fn response(status: u8, singles: &[Vec<u8>]) -> Vec<u8> {
    let singles: Vec<&[u8]> = singles.iter().map(Vec::as_slice).collect();
    let responder = numbered(TagNumber::N2, &[&piece(Tag::OctetString, &[&[0xab; 20]])]);
    let data = piece(
        Tag::Sequence,
        &[&responder, &time("20260102030406Z"), &piece(Tag::Sequence, &singles)],
    );
    let content = piece(Tag::OctetString, &[&piece(Tag::Sequence, &[&data])]);
    let kind = ObjectIdentifier::new(BASIC).unwrap().to_der().unwrap();
    let bytes = numbered(TagNumber::N0, &[&piece(Tag::Sequence, &[&kind, &content])]);
    piece(Tag::Sequence, &[&piece(Tag::Enumerated, &[&[status]]), &bytes])
}

/// Of a certificate with this number, which may begin with a bit that is no sign.
fn pieces(serial: &[u8]) -> Pieces {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "authority");
    let own = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    params.serial_number = Some(SerialNumber::from_slice(serial));
    let leaf = params.signed_by(&key, &issuer).unwrap();
    Pieces {
        pem: (leaf.pem() + &key.serialize_pem()).into_bytes(),
        issuer: Some(own.pem().into_bytes()),
        ..Pieces::default()
    }
}

fn good() -> Vec<u8> {
    let (constructed, number) = (false, TagNumber::N0);
    piece(Tag::ContextSpecific { constructed, number }, &[])
}

const NEXT: &str = "20260109030405Z";

#[test]
fn a_response_is_read() {
    let pieces = pieces(&[0xf2, 1]);
    let about = pieces.about().unwrap();
    assert_eq!((about.sum, &*about.serial), (Sum::Sha1, &[0xf2, 1][..]));
    let status = Status::of(&response(0, &[single(&about, &good(), Some(NEXT))])).unwrap();
    assert_eq!((&status.about, &status.verdict), (&about, &Verdict::Good));
    assert_eq!(status.responder, "AB".repeat(20));
    let printed = [status.produced, status.this_update, status.next_update].map(Moment::printed);
    assert_eq!(
        printed,
        [
            "Jan  2 03:04:06 2026 GMT",
            "Jan  2 03:04:05 2026 GMT",
            "Jan  9 03:04:05 2026 GMT"
        ]
    );
    let since = numbered(TagNumber::N1, &[&time("20260101000000Z")]);
    let revoked = Status::of(&response(0, &[single(&about, &since, Some(NEXT))])).unwrap();
    assert!(matches!(revoked.verdict, Verdict::Revoked { .. }));
}

#[test]
fn what_is_wrong_is_said() {
    use StatusError::*;
    let pieces = pieces(&[1]);
    let about = pieces.about().unwrap();
    let one = single(&about, &good(), Some(NEXT));
    let (constructed, number) = (false, TagNumber::N2);
    let unknown = piece(Tag::ContextSpecific { constructed, number }, &[]);
    for (bytes, why) in [
        (b"nonsense".to_vec(), Unreadable),
        (Vec::new(), Unreadable),
        (piece(Tag::Sequence, &[]), Unreadable),
        (response(6, std::slice::from_ref(&one)), Refused),
        (piece(Tag::Sequence, &[&piece(Tag::Enumerated, &[&[0]])]), NotBasic),
        (response(0, &[]), Empty),
        (response(0, &[one.clone(), one.clone()]), Several(2)),
        (response(0, &[single(&about, &unknown, Some(NEXT))]), Unknown),
        (response(0, &[single(&about, &good(), None)]), Endless),
    ] {
        assert_eq!(Status::of(&bytes), Err(why));
    }
    // No beginning of one is read beyond its end.
    let whole = response(0, &[one]);
    assert!((0..whole.len()).all(|end| Status::of(&whole[..end]).is_err()));
}

#[test]
fn it_holds_for_its_time() {
    let about = pieces(&[1]).about().unwrap();
    let status = Status::of(&response(0, &[single(&about, &good(), Some(NEXT))])).unwrap();
    let (from, to) = (status.this_update.since, status.next_update.since);
    let second = Duration::from_secs(1);
    for (now, holds) in [
        (from - SKEW, true),
        (from - SKEW - second, false),
        (to + SKEW, true),
        (to + SKEW + second, false),
    ] {
        assert_eq!(status.judge(now).is_ok(), holds);
    }
    assert_eq!(status.until(), to - SKEW);
}

#[test]
fn it_is_stapled_while_it_holds_and_to_its_own_certificate() {
    let (one, other) = (pieces(&[1]), pieces(&[2]));
    let about = |of: &Pieces| of.about().unwrap();
    let with = |of: &Pieces, said: &About| Pieces {
        ocsp: Some(response(0, &[single(said, &good(), Some(NEXT))])),
        ..of.clone()
    };
    let name = std::path::Path::new("a.pem");
    let made = |pieces: &Pieces| crate::Certificate::of(name, pieces).unwrap();
    let own = made(&with(&one, &about(&one)));
    let stapled = own.stapled.as_ref().unwrap();
    let until = Duration::from_secs(1_767_927_845) - SKEW;
    assert_eq!(stapled.at(until).unwrap().ocsp, with(&one, &about(&one)).ocsp);
    assert!(stapled.at(until + Duration::from_secs(1)).is_none());
    assert_eq!(own.key.ocsp, None, "who comes later is shown none");
    // What holds no more when it is read is shown to nobody.
    let second = Duration::from_secs(1);
    let judged = |now| made(&with(&one, &about(&one))).judged(now);
    assert!(judged(until + 2 * SKEW).stapled.is_some());
    let outdated = judged(until + 2 * SKEW + second);
    assert!(outdated.stapled.is_none());
    assert_eq!(outdated.unstapled, Some(StatusError::Outdated));
    let foreign = made(&with(&one, &about(&other)));
    assert!(foreign.stapled.is_none());
    assert_eq!(foreign.unstapled, Some(StatusError::Other));
    let torn = made(&Pieces {
        ocsp: Some(b"torn".to_vec()),
        ..one.clone()
    });
    assert_eq!(torn.unstapled, Some(StatusError::Unreadable));
    let none = made(&Pieces {
        ocsp: Some(Vec::new()),
        ..one.clone()
    });
    assert!(none.stapled.is_none() && none.unstapled.is_none());
    // Who signed it may also come behind it in its own file.
    let together = Pieces {
        pem: [&one.pem[..], &one.issuer.clone().unwrap()].concat(),
        issuer: None,
        ..Pieces::default()
    };
    assert_eq!(together.about(), one.about());
    assert!(one.is_what(&about(&one)) && !one.is_what(&about(&other)));
    assert_eq!(chain(&together.pem).len(), 2);
}
