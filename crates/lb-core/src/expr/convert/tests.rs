//! What holds for any input; single values are compared with HAProxy's where expressions are parsed.

use proptest::prelude::*;

use super::*;

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
    fn any_moment_can_be_written(seconds in any::<i64>(), offset in any::<i64>()) {
        let format = TimeFormat::parse("%Y-%m-%d %b %y %H:%M:%S %s %F %T %%", offset).expect("all are known");
        prop_assert!(!format.write(seconds).is_empty());
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
