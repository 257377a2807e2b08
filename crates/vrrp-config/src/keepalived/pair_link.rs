//! `pair_link`: our own: what the two hosts of a pair tell each other beside VRRP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tandem_text::{Diagnostic, Span, Spanned};
use tandem_vrrp_core::settings::HmacKey;

use super::args::{Args, Outcome};
use super::hmac;
use super::keyword::{Keyword, Kind, keyword, read_block};
use super::section::Section;
use crate::code;
use crate::draft::{Draft, PairDraft};
use crate::plan::PairLink;

/// Beside the stats page's 8404.
const PORT: u16 = 8406;

/// For connections after a handover: what clients take that are told to go.
const USUAL: Duration = Duration::from_secs(30);

pub(super) fn block(draft: &mut Draft, args: &mut Args<'_>) -> Outcome {
    let span = args.keyword().span;
    let mut pair = PairDraft::default();
    let statements = args.block()?;
    read_block(
        &[KEYWORDS],
        Section::PairLink,
        &mut pair,
        statements,
        args.sources(),
        args.reporter(),
    );
    draft.global.pair = Some(resolve(pair, span)?);
    Ok(())
}

pub(super) const KEYWORDS: &[Keyword<PairDraft>] = &[
    keyword(
        "peer",
        Kind::Words,
        "the other host: ADDRESS [PORT]; 8406",
        |pair, args| {
            pair.peer = Some(socket(args, PORT)?);
            Ok(())
        },
    ),
    keyword(
        "bind",
        Kind::Words,
        "where to listen: ADDRESS [PORT]; any address, 8406",
        |pair, args| {
            pair.bind = Some(socket(args, PORT)?);
            Ok(())
        },
    ),
    keyword(
        "secret",
        Kind::Words,
        "what both hosts know: hex:DIGITS, file:PATH or TEXT, 32 to 64 bytes",
        |pair, args| {
            let word = args.word("a secret")?;
            pair.secret = Some(Spanned::new(hmac::secret(word)?, word.span));
            Ok(())
        },
    ),
    keyword(
        "keep_connections",
        Kind::Words,
        "seconds that connections go on here at most after a planned handover; 30, and 0 ends them",
        |pair, args| {
            pair.keep = Some(args.seconds(0.0..=PairLink::LONGEST_KEEP.as_secs_f64())?);
            Ok(())
        },
    ),
];

/// `ADDRESS [PORT]`
pub(super) fn socket(args: &mut Args<'_>, usual: u16) -> Result<SocketAddr, Diagnostic> {
    let ip = args.ip()?.value;
    let port = if args.peek().is_some() {
        args.number(1..=65535)?
    } else {
        usual
    };
    Ok(SocketAddr::new(ip, port))
}

/// A link that is half there would pass for one, so every mistake here is fatal.
fn resolve(pair: PairDraft, span: Span) -> Result<PairLink, Diagnostic> {
    let missing = |what: &str, help: &str| {
        Diagnostic::error(code::INCOMPLETE, span, format!("`pair_link` needs a {what}")).help(help.to_owned())
    };
    let peer = pair
        .peer
        .ok_or_else(|| missing("peer", "add `peer ADDRESS`: the other host"))?;
    let secret = pair.secret.ok_or_else(|| {
        missing(
            "secret",
            "add `secret hex:...`, the same on both hosts: openssl rand -hex 32",
        )
    })?;
    let message = format!("this secret has {} bytes; 32 to 64 are needed", secret.value.len());
    let wrong = || Diagnostic::error(code::BAD_VALUE, secret.span, message).help("openssl rand -hex 32 makes one");
    let any: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    Ok(PairLink {
        bind: pair.bind.unwrap_or(SocketAddr::new(any, PORT)),
        peer,
        secret: HmacKey::new(&secret.value).ok_or_else(wrong)?,
        keep: pair.keep.unwrap_or(USUAL),
    })
}
