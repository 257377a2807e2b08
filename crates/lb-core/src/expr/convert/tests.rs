//! What holds for any input; single values are compared with HAProxy's where expressions are parsed.

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
