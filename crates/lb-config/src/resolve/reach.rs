//! TLS to whom this process reaches for itself: peers, and servers of rings.

use std::sync::Arc;

use tandem_text::{Diagnostic, Span, Spanned};

use crate::code;
use crate::plan::Origination;
use crate::tls::{Defaults, Settling, Words};

/// What a line there says of TLS; `here` is what such lines are.
pub(super) fn origination(
    words: &Spanned<Words>,
    here: &str,
    defaults: &Defaults,
    report: &mut Vec<Diagnostic>,
) -> Option<Arc<Origination>> {
    report.extend(without_effect(&words.value, words.span, here));
    Settling::new(words, defaults, report).origination().map(Arc::new)
}

/// What is good for servers of proxies alone: others are not checked, and no client is behind what they are told.
fn without_effect(words: &Words, at: Span, here: &str) -> Option<Diagnostic> {
    let word = match words {
        words if words.check.is_some() => "check-ssl",
        words if words.check_sni.is_some() => "check-sni",
        words if words.check_alpn.is_some() => "check-alpn",
        words if words.sni.as_ref().is_some_and(|sni| sni.expr.constant().is_none()) => "sni",
        _ => return None,
    };
    let message = format!("`{word}` has no effect {here}");
    let help = match word {
        "sni" => "write `sni str(NAME)`: there is no client whose name could be asked for".to_owned(),
        _ => format!("leave `{word}` out"),
    };
    Some(Diagnostic::error(code::UNSUPPORTED, at, message).help(help))
}
