//! Addresses and networks as both dialects write them.

use std::net::IpAddr;

use tandem_text::keepalived::Word;
use tandem_text::{Diagnostic, Spanned};
use tandem_vrrp_core::settings::{Family, Scope, VirtualAddress};

use crate::code;
use crate::draft::Name;
use crate::keepalived::args::{Args, bad_address};
use crate::plan::IpNet;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Virtual,
    Static,
}

pub(crate) const fn most_bits(ip: &IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// `IP[/PREFIX]`; without one it is a single host.
pub(crate) fn net(word: &Word) -> Result<IpNet, Diagnostic> {
    let (ip, prefix) = match word.text.split_once('/') {
        Some((ip, prefix)) => (ip, Some(prefix)),
        None => (word.text.as_str(), None),
    };
    let Ok(address) = ip.parse::<IpAddr>() else {
        return Err(bad_address(word, "an IP address"));
    };
    let most = most_bits(&address);
    let Some(written) = prefix else {
        return Ok(IpNet { address, prefix: most });
    };
    let bits = written
        .parse()
        .ok()
        .filter(|bits| *bits <= most && !written.starts_with('+'));
    let Some(prefix) = bits.or_else(|| mask_bits(written)).filter(|bits| *bits <= most) else {
        let at = word.part(ip.len() + 1, word.text.len());
        let message = format!("`{written}` is not a prefix length from 0 to {most}");
        return Err(Diagnostic::warning(code::BAD_ADDRESS, at, message));
    };
    Ok(IpNet { address, prefix })
}

/// `255.255.255.0` says the same as 24.
fn mask_bits(text: &str) -> Option<u8> {
    let mask: std::net::Ipv4Addr = text.parse().ok()?;
    let bits = u32::from(mask);
    let ones = bits.leading_ones();
    (bits.checked_shl(ones).unwrap_or(0) == 0).then(|| u8::try_from(ones).ok())?
}

pub(crate) fn scope(word: &Word) -> Result<Scope, Diagnostic> {
    let named = match word.text.as_str() {
        "global" => Some(Scope::Global),
        "site" => Some(Scope::Site),
        "link" => Some(Scope::Link),
        "host" => Some(Scope::Host),
        "nowhere" => Some(Scope::Nowhere),
        number => number.parse().ok().map(|number| match number {
            0 => Scope::Global,
            200 => Scope::Site,
            253 => Scope::Link,
            254 => Scope::Host,
            255 => Scope::Nowhere,
            other => Scope::Number(other),
        }),
    };
    named.ok_or_else(|| {
        let message = format!("`{}` is not a scope", word.text);
        Diagnostic::warning(code::BAD_VALUE, word.span, message)
            .help("write one of: global, site, link, host, nowhere, or a number to 255")
    })
}

/// A line of addresses: the address and its options. A wrong option does not lose the address.
pub(crate) fn parse(args: &mut Args<'_>, place: Place) -> Result<(Spanned<VirtualAddress>, Option<Name>), Diagnostic> {
    let word = args.word("an address")?;
    let net = net(word)?;
    let mut address = VirtualAddress {
        prefix: net.prefix,
        ..VirtualAddress::host(net.address)
    };
    let mut track_group = None;
    while args.peek().is_some() {
        if let Err(diagnostic) = option(args, place, &mut address, &mut track_group) {
            args.report(diagnostic);
        }
    }
    if address.prefix == 128 && address.options.preferred_lifetime.is_none() {
        address.options.preferred_lifetime = Some(0);
    }
    Ok((Spanned::new(address, word.span), track_group))
}

fn option(
    args: &mut Args<'_>,
    place: Place,
    address: &mut VirtualAddress,
    track_group: &mut Option<Name>,
) -> Result<(), Diagnostic> {
    let word = args.word("an option")?;
    match word.text.as_str() {
        "dev" => address.device = Some(args.text("an interface")?),
        "scope" => address.scope = scope(args.word("a scope")?)?,
        "brd" | "broadcast" => broadcast(args, address)?,
        "label" => label(args, address)?,
        "peer" => peer(args, address)?,
        "home" => address.options.home = true,
        "-nodad" => address.options.detect_duplicates = true,
        "mngtmpaddr" => address.options.manage_temporary = true,
        "noprefixroute" => address.options.no_prefix_route = true,
        "autojoin" => address.options.autojoin = true,
        "no_track" => address.tracked = false,
        "use_vmac" if place == Place::Virtual => address.options.on_vmac = true,
        "track_group" if place == Place::Static => *track_group = Some(args.name("a track group")?),
        "preferred_lft" => {
            address.options.preferred_lifetime = Some(if args.accept("forever") {
                u32::MAX
            } else {
                args.number(0..=i64::from(u32::MAX))?
            });
        }
        other => {
            let message = format!("unknown option `{other}` of an address");
            let diagnostic = Diagnostic::warning(code::UNKNOWN, word.span, message);
            return Err(match tandem_text::nearest(other, OPTIONS) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic,
            });
        }
    }
    Ok(())
}

const OPTIONS: [&str; 15] = [
    "dev",
    "scope",
    "brd",
    "broadcast",
    "label",
    "peer",
    "home",
    "-nodad",
    "mngtmpaddr",
    "noprefixroute",
    "autojoin",
    "no_track",
    "use_vmac",
    "track_group",
    "preferred_lft",
];

fn broadcast(args: &mut Args<'_>, address: &mut VirtualAddress) -> Result<(), Diagnostic> {
    let word = args.word("a broadcast address")?;
    let IpAddr::V4(own) = address.address else {
        return Err(Diagnostic::warning(code::CONFLICT, word.span, "IPv6 has no broadcast"));
    };
    let hosts = u32::MAX.checked_shr(u32::from(address.prefix)).unwrap_or(0);
    let bits = u32::from(own);
    address.broadcast = Some(match word.text.as_str() {
        "+" => IpAddr::V4((bits | hosts).into()),
        "-" => IpAddr::V4((bits & !hosts).into()),
        text => match text.parse() {
            Ok(ip @ IpAddr::V4(_)) => ip,
            _ => return Err(bad_address(word, "a broadcast address")),
        },
    });
    Ok(())
}

fn label(args: &mut Args<'_>, address: &mut VirtualAddress) -> Result<(), Diagnostic> {
    let label = args.name("a label")?;
    if address.family() == Family::V6 {
        return Err(Diagnostic::warning(code::CONFLICT, label.span, "IPv6 has no labels"));
    }
    // The kernel's room for the name of an interface, less the end mark.
    if label.value.len() > 15 {
        let message = format!("the label `{}` is longer than 15 letters", label.value);
        return Err(Diagnostic::warning(code::BAD_VALUE, label.span, message));
    }
    address.label = Some(label.value);
    Ok(())
}

fn peer(args: &mut Args<'_>, address: &mut VirtualAddress) -> Result<(), Diagnostic> {
    let word = args.word("a peer")?;
    let peer = net(word)?;
    if Family::of(&peer.address) != address.family() {
        return Err(bad_address(word, "a peer of the same family"));
    }
    address.peer = Some(peer.address);
    if word.text.contains('/') {
        address.prefix = peer.prefix;
    }
    Ok(())
}
