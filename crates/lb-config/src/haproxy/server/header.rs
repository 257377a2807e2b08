//! What the PROXY header says that a server is sent.

use tandem_lb_core::expr::Place;
use tandem_lb_core::rules::Piece;
use tandem_text::Diagnostic;
use tandem_text::haproxy::Word;

use super::Target;
use crate::acl::Book;
use crate::code;
use crate::draft::Told;
use crate::expr::World;
use crate::haproxy::args::{Args, Outcome};
use crate::haproxy::{places, rules};
use crate::plan;

/// `set-proxy-v2-tlv-fmt(NUMBER) FORMAT`: the number may be hexadecimal.
pub(super) fn say(target: &mut Target, args: &mut Args<'_>) -> Outcome {
    let Some(word) = args.previous() else { return Ok(()) };
    let number = word.text.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let number = number.ok_or_else(|| {
        Diagnostic::error(code::MISSING, word.span, "the number of the value is missing here")
            .help("write it in parentheses, such as `set-proxy-v2-tlv-fmt(0xE0) %[src]`")
    })?;
    let format = args.word("a format such as `%[src]`")?;
    let told = told(number, format, args.world)?;
    // What is said last of a number counts, also against the defaults.
    target
        .options
        .told
        .retain(|known| known.plan.number != told.plan.number);
    target.options.told.push(told);
    Ok(())
}

/// A value of a PROXY header.
pub(crate) fn told(number: &str, format: &Word, world: World<'_>) -> Result<Told, Diagnostic> {
    let hex = number.strip_prefix("0x").or_else(|| number.strip_prefix("0X"));
    let parsed = match hex {
        Some(hex) => u8::from_str_radix(hex, 16),
        None => number.parse(),
    };
    let number = parsed.map_err(|_| {
        let message = format!("`{number}` is not the number of a value, 0 to 255 or 0x00 to 0xff");
        Diagnostic::error(code::BAD_VALUE, format.span, message)
    })?;
    let mut book = Book::default();
    let value = rules::pieces(format, &mut book, world)?;
    places::fit(value.iter().filter_map(Piece::expr), &[Place::Connect], format.span)?;
    Ok(Told {
        plan: plan::Told {
            number,
            value,
            text: format.text.as_str().into(),
        },
        span: format.span,
        references: book.references,
    })
}

pub(super) fn with_tls(target: &mut Target, on: bool) -> Outcome {
    let header = &mut target.options.send_proxy;
    (header.v2, header.details.ssl) = (on, on);
    Ok(())
}

pub(super) fn with_common_name(target: &mut Target, on: bool) -> Outcome {
    target.options.send_proxy.details.common_name = on;
    with_tls(target, on)
}

/// `proxy-v2-options`: whoever wants more of TLS is told of TLS.
pub(super) fn options(target: &mut Target, args: &mut Args<'_>) -> Outcome {
    let word = args.word("what to say, such as `crc32c`")?;
    let details = &mut target.options.send_proxy.details;
    for option in word.text.split(',') {
        match option {
            "crc32c" => details.crc32c = true,
            "authority" => details.authority = true,
            "ssl" => details.ssl = true,
            "cert-cn" => (details.ssl, details.common_name) = (true, true),
            "ssl-cipher" => (details.ssl, details.cipher) = (true, true),
            "cert-sig" => (details.ssl, details.signature) = (true, true),
            "cert-key" => (details.ssl, details.key) = (true, true),
            "unique-id" => details.unique_id = true,
            _ => {
                let message = format!("`{option}` is nothing that a PROXY header says");
                return Err(Diagnostic::error(code::BAD_VALUE, word.span, message).help(
                    "write some of: crc32c, authority, unique-id, ssl, cert-cn, ssl-cipher, cert-sig, cert-key",
                ));
            }
        }
    }
    Ok(())
}
