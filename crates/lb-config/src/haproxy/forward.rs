//! `tandem-forward`: the kernel carries a frontend's packets.

use tandem_lb_core::forward::Key;
use tandem_text::{Diagnostic, Spanned};

use super::args::{Args, Outcome};
use super::keyword::Keyword;
use super::section::Sections;
use crate::draft::Proxy;
use crate::plan::Forward;
use crate::{code, names};

pub(super) const KEYWORDS: &[Keyword<Proxy>] = &[Keyword {
    words: "tandem-forward",
    sections: Sections::FRONT.strictly(),
    summary: "the kernel forwards the packets: `hash source` or `hash source-port`, `seed N`, `pin TIME`, `pins N`",
    parse: line,
}];

fn line(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    if args.negated() {
        proxy.forward = None;
        return Ok(());
    }
    let (at, mut forward) = (args.line_span(), Forward::default());
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "hash" => forward.key = args.choice::<Key>("what is hashed", names::FORWARD_KEYS)?,
            "seed" => forward.seed = args.number(0..=u32::MAX)?,
            "pin" => forward.pin_for = args.positive_time()?,
            "pins" => forward.pins = args.number(1..=names::MOST_PINS)?,
            other => {
                let message = format!("`{other}` is unknown behind `tandem-forward`");
                let known = ["hash", "seed", "pin", "pins"].into_iter();
                return Err(super::keyword::suggest(
                    Diagnostic::error(code::UNKNOWN, word.span, message),
                    other,
                    known,
                ));
            }
        }
    }
    proxy.forward = Some(Spanned::new(forward, at));
    Ok(())
}
