//! `auth_hmac`: keys and mode of the signed trailer.

use tandem_text::keepalived::Word;
use tandem_text::{Diagnostic, Span, Spanned};
use tandem_vrrp_core::settings::{HmacKey, HmacMode, HmacSettings, KeyId, Replay};

use super::args::{Args, Outcome};
use super::keyword::{Keyword, Kind, keyword, read_block};
use super::section::Section;
use crate::code;
use crate::draft::{HmacDraft, Instance};

pub(super) fn block(instance: &mut Instance, args: &mut Args<'_>) -> Outcome {
    let span = args.keyword().span;
    let mut hmac = HmacDraft::default();
    let statements = args.block()?;
    read_block(
        &[KEYWORDS],
        Section::Hmac,
        &mut hmac,
        statements,
        args.sources(),
        args.reporter(),
    );
    let settings = settings(hmac, span)?;
    instance.hmac = Some(Spanned::new(settings, span));
    Ok(())
}

pub(super) const KEYWORDS: &[Keyword<HmacDraft>] = &[
    keyword(
        "key",
        Kind::Words,
        "a key: ID and hex:DIGITS, file:PATH or TEXT, 32 to 64 bytes",
        key,
    ),
    keyword("keys", Kind::Lines, "several keys, each in a line", |hmac, args| {
        args.lines(|line| key(hmac, line))
    }),
    keyword(
        "active_key",
        Kind::Words,
        "the key that signs; the first",
        |hmac, args| {
            let span = args.span();
            hmac.active = Some(Spanned::new(args.number(1..=255)?, span));
            Ok(())
        },
    ),
    keyword(
        "mode",
        Kind::Words,
        "receive-only, permissive or enforce",
        |hmac, args| {
            const MODES: [(&str, HmacMode); 4] = [
                ("receive-only", HmacMode::ReceiveOnly),
                ("receive_only", HmacMode::ReceiveOnly),
                ("permissive", HmacMode::Permissive),
                ("enforce", HmacMode::Enforce),
            ];
            hmac.mode = Some(args.choice("a mode", &MODES)?);
            Ok(())
        },
    ),
    keyword(
        "time_window",
        Kind::Words,
        "seconds that the clocks may differ",
        |hmac, args| {
            hmac.replay = Some(Replay::Window(Some(args.seconds(0.001..=3600.0)?)));
            Ok(())
        },
    ),
    keyword("anti_replay", Kind::Words, "window, monotonic or off", |hmac, args| {
        const KINDS: [(&str, Replay); 8] = [
            ("window", Replay::Window(None)),
            ("time_window", Replay::Window(None)),
            ("on", Replay::Window(None)),
            ("true", Replay::Window(None)),
            ("monotonic", Replay::Monotonic),
            ("off", Replay::Off),
            ("none", Replay::Off),
            ("false", Replay::Off),
        ];
        let wanted = if args.peek().is_some() {
            args.choice("a guard against replay", &KINDS)?
        } else {
            Replay::Window(None)
        };
        // `time_window` may stand before it.
        let is_said = matches!((wanted, hmac.replay), (Replay::Window(None), Some(Replay::Window(_))));
        hmac.replay = if is_said { hmac.replay } else { Some(wanted) };
        Ok(())
    }),
    keyword(
        "replay",
        Kind::Words,
        "off, monotonic or window [SECONDS]",
        |hmac, args| {
            const KINDS: [(&str, Replay); 3] = [
                ("off", Replay::Off),
                ("monotonic", Replay::Monotonic),
                ("window", Replay::Window(None)),
            ];
            let mut replay = args.choice("a guard against replay", &KINDS)?;
            if matches!(replay, Replay::Window(_)) && args.peek().is_some() {
                replay = Replay::Window(Some(args.seconds(0.001..=3600.0)?));
            }
            hmac.replay = Some(replay);
            Ok(())
        },
    ),
];

fn key(hmac: &mut HmacDraft, args: &mut Args<'_>) -> Outcome {
    let span = args.span();
    let id: u8 = args.number(1..=255)?;
    let word = args.word("a key")?;
    hmac.keys.push(Spanned::new((id, secret(word)?), span));
    Ok(())
}

pub(super) fn secret(word: &Word) -> Result<Vec<u8>, Diagnostic> {
    let bytes = word.bytes();
    let Some(digits) = word.text.strip_prefix("hex:") else {
        return Ok(bytes);
    };
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16)
            .ok()
            .filter(|_| pair.len() == 2)
    };
    let decoded: Option<Vec<u8>> = pairs.map(byte).collect();
    decoded.ok_or_else(|| Diagnostic::error(code::BAD_VALUE, word.span, "these are not hexadecimal digits in pairs"))
}

/// Half a protection would pass for a whole one, so every mistake here is fatal.
fn settings(hmac: HmacDraft, span: Span) -> Result<HmacSettings, Diagnostic> {
    let mut keys = Vec::new();
    for key in hmac.keys {
        let (id, bytes) = key.value;
        let message = format!("this key has {} bytes; 32 to 64 are needed", bytes.len());
        let wrong = || Diagnostic::error(code::BAD_VALUE, key.span, message);
        keys.push(KeyId::new(id).zip(HmacKey::new(&bytes)).ok_or_else(wrong)?);
    }
    let Some((first, _)) = keys.first() else {
        return Err(Diagnostic::error(code::INCOMPLETE, span, "`auth_hmac` needs a key").help("add `key 1 hex:...`"));
    };
    let wanted = hmac.active.as_ref().map_or(first.value(), |active| active.value);
    let active = keys
        .iter()
        .map(|(id, _)| *id)
        .find(|id| id.value() == wanted)
        .ok_or_else(|| {
            let at = hmac.active.as_ref().map_or(span, |active| active.span);
            Diagnostic::error(code::UNDEFINED, at, format!("there is no key {wanted}"))
        })?;
    Ok(HmacSettings {
        keys,
        active,
        mode: hmac.mode.unwrap_or(HmacMode::Enforce),
        replay: hmac.replay.unwrap_or(Replay::Window(None)),
    })
}
