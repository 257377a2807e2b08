//! `encap` of a route: a tunnel without an interface, as iproute2 writes it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tandem_text::Diagnostic;
use tandem_text::keepalived::Word;

use super::args::Args;
use super::route::tos;
use crate::code;
use crate::plan::{Encap, Tunnel};
use crate::units;

/// RFC 3032 section 2.1: twenty bits.
const LARGEST_LABEL: u32 = (1 << 20) - 1;

pub(super) fn parse(args: &mut Args<'_>) -> Result<Encap, Diagnostic> {
    let kind = args.word("the kind of tunnel")?;
    match kind.text.as_str() {
        "ip" => {
            let v4 = |ip| match ip {
                IpAddr::V4(ip) => Some(ip),
                IpAddr::V6(_) => None,
            };
            Ok(Encap::Ip(tunnel::<Ipv4Addr>(args, kind, v4)?))
        }
        "ip6" => {
            let v6 = |ip| match ip {
                IpAddr::V6(ip) => Some(ip),
                IpAddr::V4(_) => None,
            };
            Ok(Encap::Ip6(tunnel::<Ipv6Addr>(args, kind, v6)?))
        }
        "mpls" => labels(args.word("labels")?),
        other => {
            let message = format!("`encap {other}` of a route is not supported");
            Err(Diagnostic::error(code::UNSUPPORTED, kind.span, message)
                .help("write `encap ip`, `ip6` or `mpls`, or add this route from a notify script"))
        }
    }
}

fn tunnel<A>(args: &mut Args<'_>, kind: &Word, fits: fn(IpAddr) -> Option<A>) -> Result<Tunnel<A>, Diagnostic> {
    let mut tunnel = Tunnel {
        id: None,
        destination: None,
        source: None,
        hops: None,
        class: None,
    };
    let address = |args: &mut Args<'_>| {
        let ip = args.ip()?;
        fits(ip.value).ok_or_else(|| {
            let message = format!("`{}` does not go with `encap {}`", ip.value, kind.text);
            Diagnostic::warning(code::BAD_ADDRESS, ip.span, message)
        })
    };
    while let Some(word) = args.peek() {
        match word.text.as_str() {
            "id" => {
                args.next();
                let word = args.word("a number")?;
                let id = units::number(&word.text).and_then(|id| u64::try_from(id).ok());
                tunnel.id = Some(id.ok_or_else(|| {
                    let message = format!("`{}` is not a tunnel's number", word.text);
                    Diagnostic::warning(code::BAD_VALUE, word.span, message)
                })?);
            }
            "dst" => {
                args.next();
                tunnel.destination = Some(address(args)?);
            }
            "src" => {
                args.next();
                tunnel.source = Some(address(args)?);
            }
            "ttl" | "hoplimit" => {
                args.next();
                tunnel.hops = Some(args.number(0..=255)?);
            }
            "tos" | "dsfield" | "tc" => {
                args.next();
                tunnel.class = Some(tos(args)?);
            }
            _ => break,
        }
    }
    if tunnel.id.is_none() && tunnel.destination.is_none() {
        let message = format!("`encap {}` leads nowhere", kind.text);
        return Err(Diagnostic::warning(code::MISSING, kind.span, message).help("add `dst ADDRESS` or `id NUMBER`"));
    }
    Ok(tunnel)
}

/// `100/200`
fn labels(word: &Word) -> Result<Encap, Diagnostic> {
    let label = |text: &str| text.parse().ok().filter(|label| *label <= LARGEST_LABEL);
    let labels: Option<Vec<u32>> = word.text.split('/').map(label).collect();
    labels.map(Encap::Mpls).ok_or_else(|| {
        let message = format!("`{}` are not labels", word.text);
        Diagnostic::warning(code::BAD_VALUE, word.span, message)
            .help("write numbers up to 1048575, with / between them: 100/200")
    })
}
