//! Routes as iproute2 writes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tandem_text::keepalived::Word;
use tandem_text::{Diagnostic, nearest};
use tandem_vrrp_core::settings::Family;

use super::args::{Args, Outcome, number};
use super::encap;
use crate::address;
use crate::code;
use crate::draft::Name;
use crate::plan::{IpNet, Metric, NextHop, Route, RouteKind, RouteMode, TableId};

/// The metrics with a number, by their names in iproute2.
const METRICS: [&str; 14] = [
    "mtu",
    "hoplimit",
    "advmss",
    "rtt",
    "rttvar",
    "reordering",
    "window",
    "cwnd",
    "ssthresh",
    "rto_min",
    "initcwnd",
    "initrwnd",
    "fastopen_no_cookie",
    "quickack",
];

const OTHERS: [&str; 28] = [
    "src",
    "to",
    "via",
    "gw",
    "or",
    "dev",
    "oif",
    "scope",
    "table",
    "priority",
    "metric",
    "preference",
    "tos",
    "dsfield",
    "proto",
    "protocol",
    "onlink",
    "nexthop",
    "no_track",
    "track_group",
    "features",
    "congctl",
    "realms",
    "realm",
    "pref",
    "encap",
    "expires",
    "vrf",
];

pub(super) fn parse(args: &mut Args<'_>) -> Result<(Route, Option<Name>), Diagnostic> {
    let mut reading = Reading {
        route: Route {
            kind: RouteKind::Unicast,
            family: Family::V4,
            destination: everything(Family::V4),
            source: None,
            via: None,
            device: None,
            next_hops: Vec::new(),
            table: TableId::Main,
            scope: None,
            metric: None,
            tos: None,
            protocol: None,
            on_link: false,
            metrics: Vec::new(),
            congestion: None,
            realms: None,
            preference: None,
            mode: RouteMode::Prepend,
            encap: None,
            expires: None,
            vrf: None,
            tracked: true,
        },
        destination: None,
        or_via: None,
        v6: false,
        track_group: None,
    };
    let span = args.span();
    let has_device = args
        .rest()
        .iter()
        .take_while(|word| word.text != "nexthop")
        .any(|word| matches!(&*word.text, "dev" | "oif"));
    while let Some(word) = args.next() {
        if let Err(diagnostic) = reading.word(word, args) {
            // The rest of the line belongs to what was not understood.
            args.skip_words();
            return Err(diagnostic);
        }
    }
    let (mut route, track_group) = reading.finish().ok_or_else(|| {
        Diagnostic::warning(code::BAD_ADDRESS, span, "this route has no destination")
            .help("write it as `ip route add` takes it, such as 10.1.0.0/16 via 10.0.0.1")
    })?;
    if route.expires.is_some() && route.family == Family::V4 {
        args.report(Diagnostic::warning(code::ADJUSTED, span, "`expires` counts for IPv6 only").help("leave it out"));
        route.expires = None;
    }
    // That the kernel removes it then is meant.
    route.tracked &= route.expires.is_none();
    let leads_somewhere = matches!(route.kind, RouteKind::Unicast | RouteKind::Local);
    let hops = &route.next_hops;
    let has_device = has_device || !hops.is_empty() && hops.iter().all(|hop| hop.device.is_some());
    if route.tracked && leads_somewhere && !has_device {
        // The kernel says nothing about the routes that go when a link goes, so only those with a link can be watched.
        let message = "a route without an interface cannot be tracked";
        args.report(Diagnostic::warning(code::ADJUSTED, span, message).help("add `dev INTERFACE` or `no_track`"));
        route.tracked = false;
    }
    Ok((route, track_group))
}

const fn everything(family: Family) -> IpNet {
    let address = match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    IpNet { address, prefix: 0 }
}

enum Destination {
    Default,
    Net(IpNet),
}

struct Reading {
    route: Route,
    destination: Option<Destination>,
    /// `via A or B`
    or_via: Option<IpAddr>,
    v6: bool,
    track_group: Option<Name>,
}

impl Reading {
    fn word(&mut self, word: &Word, args: &mut Args<'_>) -> Outcome {
        let route = &mut self.route;
        match word.text.as_str() {
            "inet" => {}
            "inet6" => self.v6 = true,
            "unicast" => route.kind = RouteKind::Unicast,
            "local" => route.kind = RouteKind::Local,
            "blackhole" => route.kind = RouteKind::Blackhole,
            "unreachable" => route.kind = RouteKind::Unreachable,
            "prohibit" => route.kind = RouteKind::Prohibit,
            "throw" => route.kind = RouteKind::Throw,
            "default" => self.destination = Some(Destination::Default),
            "to" => return self.to(args),
            "src" => route.source = Some(args.ip()?.value),
            "via" | "gw" => route.via = Some(via(args)?),
            "or" => self.or_via = Some(via(args)?),
            "dev" | "oif" => route.device = Some(args.text("an interface")?),
            "scope" => route.scope = Some(address::scope(args.word("a scope")?)?),
            "table" => route.table = table(args.word("a table")?),
            "priority" | "metric" | "preference" => route.metric = Some(args.number(0..=i64::from(u32::MAX))?),
            "tos" | "dsfield" => route.tos = Some(tos(args)?),
            "proto" | "protocol" => route.protocol = Some(args.text("a protocol")?),
            "onlink" => route.on_link = true,
            "add" => route.mode = RouteMode::Add,
            "append" => route.mode = RouteMode::Append,
            "prepend" => route.mode = RouteMode::Prepend,
            "no_track" => route.tracked = false,
            "track_group" => self.track_group = Some(args.name("a track group")?),
            "nexthop" => route.next_hops.push(next_hop(args)?),
            "realms" | "realm" => route.realms = Some(args.text("a realm")?),
            "congctl" => {
                let locked = args.accept("lock");
                route.congestion = Some(args.text("a congestion control")?);
                if locked {
                    return Err(
                        Diagnostic::error(code::UNSUPPORTED, word.span, "`congctl lock` is not supported")
                            .help("leave `lock` out: the kernel does not change it by itself"),
                    );
                }
            }
            "encap" => route.encap = Some(encap::parse(args)?),
            "expires" => route.expires = Some(args.number(1..=i64::from(u32::MAX))?),
            "vrf" => route.vrf = Some(args.text("a VRF")?),
            "features" => route.metrics.push(features(args)?),
            "pref" => {
                const ALL: [(&str, &str); 3] = [("low", "low"), ("medium", "medium"), ("high", "high")];
                route.preference = Some(args.choice("a preference", &ALL)?.into());
            }
            other => return self.other(other, word, args),
        }
        Ok(())
    }

    fn to(&mut self, args: &mut Args<'_>) -> Outcome {
        let word = args.word("a destination")?;
        self.destination = Some(match word.text.as_str() {
            "default" => Destination::Default,
            _ => Destination::Net(address::net(word)?),
        });
        Ok(())
    }

    fn other(&mut self, text: &str, word: &Word, args: &mut Args<'_>) -> Outcome {
        if let Some(name) = METRICS.into_iter().find(|name| *name == text) {
            let locked = args.accept("lock");
            let value = args.word("a number")?;
            let value = number(value, 0..=i64::from(u32::MAX))?;
            self.route.metrics.push(Metric { name, value, locked });
            return Ok(());
        }
        if self.destination.is_none() && text.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') {
            self.destination = Some(Destination::Net(address::net(word)?));
            return Ok(());
        }
        let message = format!("unknown word `{text}` in a route");
        let diagnostic = Diagnostic::warning(code::UNKNOWN, word.span, message);
        Err(match nearest(text, OTHERS.into_iter().chain(METRICS)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic,
        })
    }

    fn finish(mut self) -> Option<(Route, Option<Name>)> {
        let ways = self.route.via.iter().chain(&self.route.source);
        let hops = self.route.next_hops.iter().filter_map(|hop| hop.via.as_ref());
        let hinted = self.v6 || ways.chain(hops).any(IpAddr::is_ipv6);
        let family = match &self.destination {
            Some(Destination::Net(net)) => Family::of(&net.address),
            Some(Destination::Default) if hinted => Family::V6,
            Some(Destination::Default) => Family::V4,
            None => return None,
        };
        self.route.family = family;
        self.route.destination = match self.destination {
            Some(Destination::Net(net)) => net,
            _ => everything(family),
        };
        if let Some(second) = self.or_via {
            let device = self.route.device.take();
            let first = self.route.via.take();
            self.route.next_hops = [first, Some(second)]
                .into_iter()
                .map(|via| NextHop {
                    via,
                    device: device.clone(),
                    weight: 1,
                    on_link: self.route.on_link,
                    encap: None,
                })
                .collect();
        }
        Some((self.route, self.track_group))
    }
}

/// The one that there is.
fn features(args: &mut Args<'_>) -> Result<Metric, Diagnostic> {
    const ECN: u32 = 1;
    Ok(Metric {
        name: "features",
        value: args.choice("a feature", &[("ecn", ECN)])?,
        locked: false,
    })
}

/// `[inet|inet6] ADDRESS`
fn via(args: &mut Args<'_>) -> Result<IpAddr, Diagnostic> {
    if !args.accept("inet") {
        args.accept("inet6");
    }
    Ok(args.ip()?.value)
}

pub(super) fn tos(args: &mut Args<'_>) -> Result<u8, Diagnostic> {
    let word = args.word("a type of service")?;
    // iproute2 reads it as hexadecimal, with or without its mark.
    let digits = word.text.strip_prefix("0x").unwrap_or(&word.text);
    u8::from_str_radix(digits, 16).map_err(|_| {
        let message = format!("`{}` is not a type of service from 0 to 0xff", word.text);
        Diagnostic::warning(code::BAD_VALUE, word.span, message)
    })
}

pub(super) fn table(word: &Word) -> TableId {
    match (word.text.as_str(), word.text.parse()) {
        ("main", _) | (_, Ok(254)) => TableId::Main,
        ("local", _) => TableId::Number(255),
        ("default", _) => TableId::Number(253),
        (_, Ok(number)) => TableId::Number(number),
        (name, Err(_)) => TableId::Name(name.into()),
    }
}

fn next_hop(args: &mut Args<'_>) -> Result<NextHop, Diagnostic> {
    let mut hop = NextHop {
        via: None,
        device: None,
        weight: 1,
        on_link: false,
        encap: None,
    };
    loop {
        if args.accept("via") {
            hop.via = Some(via(args)?);
        } else if args.accept("dev") {
            hop.device = Some(args.text("an interface")?);
        } else if args.accept("weight") {
            hop.weight = args.number(1..=256)?;
        } else if args.accept("onlink") {
            hop.on_link = true;
        } else if args.accept("encap") {
            hop.encap = Some(encap::parse(args)?);
        } else {
            return Ok(hop);
        }
    }
}
