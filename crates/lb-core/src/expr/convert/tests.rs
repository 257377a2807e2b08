//! What holds for any input; single values are compared with HAProxy's where expressions are parsed.

use std::cell::RefCell;

use proptest::prelude::*;

use super::*;
use crate::expr::{Content, TimeUnit};

/// Where clocks are so much ahead.
struct Elsewhere(i32);

impl Context for Elsewhere {
    fn content(&self) -> Option<Content<'_>> {
        None
    }

    fn fact(&self, _: &Fact) -> Option<Sample<'_>> {
        None
    }

    fn variable(&self, _: &Variable) -> Option<Sample<'_>> {
        None
    }

    fn wall_micros(&self) -> i64 {
        0
    }

    fn local_offset(&self, _: i64) -> i32 {
        self.0
    }
}

fn there_and_back(bytes: &[u8], url: bool) -> Option<Vec<u8>> {
    let there = Strings::Base64 { url }.apply(Sample::Binary(Cow::Borrowed(bytes)))?;
    Strings::FromBase64 { url }
        .apply(there)
        .map(|sample| sample.into_text().into_owned())
}

proptest! {
    #[test]
    fn base64_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        for url in [false, true] {
            prop_assert_eq!(there_and_back(&bytes, url), Some(bytes.clone()));
        }
    }

    #[test]
    fn pieces_are_parts_of_the_text(text in "[ab:]{0,12}", index in -5i32..6, count in 0u32..4) {
        prop_assume!(index != 0);
        let pieces = Pieces { index, delimiters: b":"[..].into(), count };
        for strings in [Strings::Field(pieces.clone()), Strings::Word(pieces.clone())] {
            let found = strings.apply(Sample::text(&text)).map(|sample| sample.into_text().into_owned());
            let found = String::from_utf8(found.unwrap_or_default()).expect("it is ASCII");
            prop_assert!(text.contains(&found));
        }
    }

    #[test]
    fn arithmetic_never_overflows(left in any::<i64>(), right in any::<i64>()) {
        use Arith::*;
        for arith in [Add, Sub, Mul, Div, Mod, And, Or, Xor] {
            arith.apply(left, right);
        }
        for edge in [i64::MIN, -1, 0, i64::MAX] {
            Div.apply(i64::MIN, edge);
            Mod.apply(i64::MIN, edge);
        }
    }

    #[test]
    fn any_moment_can_be_written(moment in any::<i64>(), offset in any::<i64>(), ahead in -90_000i32..90_000) {
        let all = "%a%A%b%B%c%C%d%D%e%F%g%G%h%H%I%j%k%l%m%M%n%p%P%r%R%s%S%t%T%u%U%V%w%W%x%X%y%Y%z%%%N%3N";
        for unit in [TimeUnit::Millis, TimeUnit::Micros] {
            let format = TimeFormat::parse(all, unit, true).expect("all are known").moved_by(offset);
            prop_assert!(!format.write(moment, &Elsewhere(ahead)).is_empty());
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), json in r#"[{}\[\],:"\\u0-9a.]{0,30}"#) {
        let query = Query::parse("$.a[1]", false).expect("it is a path");
        for text in [&bytes[..], json.as_bytes()] {
            query.of(text);
            Query::parse("$", true).expect("it is a path").of(text);
            for value in [WireValue::Bytes, WireValue::Varint, WireValue::Fixed64, WireValue::Float] {
                let field = ProtobufField { path: [1, 2].into(), value };
                field.of(Cow::Borrowed(text));
            }
            texts::port(text);
            texts::host(Cow::Borrowed(text));
        }
        Query::parse(&json, false);
    }

    #[test]
    fn what_is_written_for_a_url_is_read_again(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(texts::url_decode(&texts::url_encode(&bytes), true), Some(bytes));
    }
}

#[test]
fn what_is_no_base64() {
    let decode = |text: &'static str, url| Strings::FromBase64 { url }.apply(Sample::text(text));
    for text in ["a", "ab", "abc", "ab=c", "a===", "@@@@"] {
        assert_eq!(decode(text, false), None, "{text}");
    }
    assert!(decode("ab", true).is_some());
}

/// Keeps one variable.
#[derive(Default)]
struct Keeper(RefCell<Option<Sample<'static>>>);

impl Context for Keeper {
    fn content(&self) -> Option<Content<'_>> {
        None
    }

    fn fact(&self, _: &Fact) -> Option<Sample<'_>> {
        None
    }

    fn variable(&self, _: &Variable) -> Option<Sample<'_>> {
        self.0.borrow().clone()
    }

    fn keep(&self, _: &Variable, value: Option<Sample<'static>>) {
        *self.0.borrow_mut() = value;
    }

    fn wall_micros(&self) -> i64 {
        0
    }

    fn local_offset(&self, _: i64) -> i32 {
        0
    }
}

/// The second test case of the specification of GCM: all zeroes.
#[test]
fn what_is_sealed_leaves_its_tag_and_is_opened_by_it() {
    let tag = Variable {
        scope: Scope::Transaction,
        name: "tag".into(),
    };
    let zeroes = |n: usize| Secret::Given(vec![0; n].into());
    let sealing = Sealing {
        bits: KeyBits::B128,
        nonce: zeroes(12),
        key: zeroes(16),
    };
    let keeper = Keeper::default();
    let plain = Sample::Binary(Cow::Owned(vec![0; 16]));
    let seal = Converter::Seal(sealing.clone(), tag.clone());
    let sealed = seal.apply(plain.clone(), &keeper).expect("it is sealed");
    let expected = crate::probe::hex("0388dace60b6a392f328c2b971b2fe78").expect("it is hex");
    assert_eq!(sealed, Sample::Binary(Cow::Owned(expected.into())));
    let kept = crate::probe::hex("ab6e47d42cec13bdf53a67b21257bddf").expect("it is hex");
    let kept = base64::encode(&kept, false);
    assert_eq!(keeper.variable(&tag), Some(Sample::Text(Cow::Owned(kept))));
    let open = Converter::Open(sealing.clone(), Secret::Kept(tag.clone()));
    assert_eq!(open.apply(sealed.clone(), &keeper), Some(plain));

    // Neither a nonce of another length nor another tag.
    let odd = Sealing {
        nonce: zeroes(11),
        ..sealing
    };
    assert_eq!(Converter::Seal(odd, tag.clone()).apply(sealed.clone(), &keeper), None);
    keeper.keep(&tag, Some(Sample::text("q25H1CzsE731OmeyEle93g==")));
    assert_eq!(open.apply(sealed, &keeper), None);
}

#[test]
fn local_time_is_that_of_the_clocks_there() {
    let moment = 1_795_262_622;
    for (is_local, ahead, expected) in [
        (true, 19_800, "2026-11-21 17:33:42 +0530"),
        (true, -12_600, "2026-11-21 08:33:42 -0330"),
        (false, 19_800, "2026-11-21 12:03:42 +0000"),
    ] {
        let format = TimeFormat::parse("%F %T %z", TimeUnit::Seconds, is_local).expect("all are known");
        assert_eq!(format.write(moment, &Elsewhere(ahead)), expected);
    }
}

/// Which converters want something beside the value, and from where.
#[test]
fn what_a_converter_uses() {
    use crate::expr::{Expr, Fetch};
    let of = |scope| Variable {
        scope,
        name: "v".into(),
    };
    let sealing = |key: Secret| Sealing {
        bits: KeyBits::B128,
        nonce: Secret::Given([0; 12].into()),
        key,
    };
    let given = || Secret::Given([0; 16].into());
    let converters = |scope: Scope| {
        [
            (Converter::Keep(of(scope), Box::default()), true),
            (Converter::Forget(of(scope)), true),
            (Converter::Seal(sealing(given()), of(scope)), true),
            (Converter::Compare(of(scope)), false),
            (Converter::IsSecret(of(scope)), false),
            (Converter::Arith(Arith::Add, Operand::Variable(of(scope))), false),
            (Converter::Authenticate(Digest::Sha1, Secret::Kept(of(scope))), false),
            (Converter::Open(sealing(given()), Secret::Kept(of(scope))), false),
            (Converter::Open(sealing(Secret::Kept(of(scope))), given()), false),
        ]
    };
    let through = |converter: Converter| Expr {
        fetch: Fetch::Nothing,
        converters: vec![converter],
    };
    for scope in [Scope::Process, Scope::Transaction, Scope::Check] {
        for (converter, sets) in converters(scope) {
            let expr = through(converter);
            assert_eq!(expr.uses().len(), 1, "{expr:?}");
            assert_eq!(expr.changes_variables(), sets, "{expr:?}");
            assert_eq!(expr.needs_connection(), scope != Scope::Process, "{expr:?}");
        }
    }
    let table = Converter::Table {
        table: "t".into(),
        ask: Ask::IsThere,
        otherwise: None,
    };
    for converter in [Converter::UsableServers, Converter::ServerQueue, table] {
        let expr = through(converter);
        assert!(expr.needs_connection() && !expr.changes_variables(), "{expr:?}");
    }
    let alone = through(Converter::Arith(Arith::Add, Operand::Number(1)));
    assert!(alone.uses().is_empty() && !alone.needs_connection());
}
