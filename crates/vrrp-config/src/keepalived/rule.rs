//! Rules as iproute2 writes them.

use tandem_text::keepalived::Word;
use tandem_text::{Diagnostic, nearest};
use tandem_vrrp_core::settings::Family;

use super::args::{Args, Outcome};
use super::route::{table, tos};
use crate::address;
use crate::code;
use crate::draft::Name;
use crate::plan::{FwMark, IpNet, PortRange, Rule, RuleAction};
use crate::units;

const WORDS: [&str; 27] = [
    "not",
    "from",
    "to",
    "iif",
    "dev",
    "oif",
    "tos",
    "dsfield",
    "fwmark",
    "priority",
    "preference",
    "order",
    "uidrange",
    "protocol",
    "ip_proto",
    "ipproto",
    "sport",
    "dport",
    "suppress_prefixlength",
    "table",
    "lookup",
    "goto",
    "no_track",
    "track_group",
    "suppress_ifgroup",
    "tun_id",
    "realms",
];

pub(super) fn parse(args: &mut Args<'_>) -> Result<(Rule, Option<Name>), Diagnostic> {
    let mut reading = Reading {
        rule: Rule {
            family: Family::V4,
            not: false,
            from: None,
            to: None,
            input: None,
            output: None,
            tos: None,
            mark: None,
            priority: None,
            users: None,
            protocol: None,
            ip_protocol: None,
            source_ports: None,
            destination_ports: None,
            suppress_prefix: None,
            suppress_group: None,
            tunnel: None,
            realms: None,
            action: RuleAction::Nop,
            tracked: true,
        },
        action: None,
        v6: false,
        track_group: None,
    };
    let span = args.span();
    while let Some(word) = args.next() {
        if let Err(diagnostic) = reading.word(word, args) {
            args.skip_words();
            return Err(diagnostic);
        }
    }
    let Reading {
        mut rule,
        action,
        v6,
        track_group,
    } = reading;
    rule.action = action.ok_or_else(|| {
        Diagnostic::warning(code::INCOMPLETE, span, "this rule does nothing")
            .help("add `table N`, `goto N`, blackhole, unreachable or prohibit")
    })?;
    let named = rule.from.or(rule.to).map(|net| Family::of(&net.address));
    rule.family = named.unwrap_or(if v6 { Family::V6 } else { Family::V4 });
    if rule.priority.is_none() {
        let message = "this rule has no preference; which one it gets depends on the others";
        args.report(Diagnostic::warning(code::INCOMPLETE, span, message).help("add `preference N`"));
    }
    Ok((rule, track_group))
}

struct Reading {
    rule: Rule,
    action: Option<RuleAction>,
    v6: bool,
    track_group: Option<Name>,
}

impl Reading {
    fn word(&mut self, word: &Word, args: &mut Args<'_>) -> Outcome {
        let rule = &mut self.rule;
        match word.text.as_str() {
            "inet" => {}
            "inet6" => self.v6 = true,
            "not" => rule.not = true,
            "from" => rule.from = net(args)?,
            "to" => rule.to = net(args)?,
            "iif" | "dev" => rule.input = Some(args.text("an interface")?),
            "oif" => rule.output = Some(args.text("an interface")?),
            "tos" | "dsfield" => rule.tos = Some(tos(args)?),
            "fwmark" => rule.mark = Some(mark(args)?),
            "priority" | "preference" | "order" => rule.priority = Some(args.number(0..=i64::from(u32::MAX))?),
            "uidrange" => rule.users = Some(pair(args, i64::from(u32::MAX))?),
            "protocol" => rule.protocol = Some(args.text("a protocol")?),
            "ip_proto" | "ipproto" => rule.ip_protocol = Some(args.text("a protocol")?),
            "sport" => rule.source_ports = Some(ports(args)?),
            "dport" => rule.destination_ports = Some(ports(args)?),
            "suppress_prefixlength" | "sup_pl" => rule.suppress_prefix = Some(args.number(0..=128)?),
            "table" | "lookup" => self.action = Some(RuleAction::Table(table(args.word("a table")?))),
            "goto" => self.action = Some(RuleAction::Goto(args.number(0..=i64::from(u32::MAX))?)),
            "l3mdev" => self.action = Some(RuleAction::L3mdev),
            "blackhole" => self.action = Some(RuleAction::Blackhole),
            "unreachable" => self.action = Some(RuleAction::Unreachable),
            "prohibit" => self.action = Some(RuleAction::Prohibit),
            "nop" => self.action = Some(RuleAction::Nop),
            "no_track" => rule.tracked = false,
            "track_group" => self.track_group = Some(args.name("a track group")?),
            "suppress_ifgroup" | "sup_group" => rule.suppress_group = Some(args.number(0..=i64::from(u32::MAX))?),
            "tun_id" => rule.tunnel = Some(args.number(1..=i64::MAX)?),
            "realms" | "realm" => rule.realms = Some(args.text("a realm")?),
            text => {
                let message = format!("unknown word `{text}` in a rule");
                let diagnostic = Diagnostic::warning(code::UNKNOWN, word.span, message);
                return Err(match nearest(text, WORDS) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic,
                });
            }
        }
        Ok(())
    }
}

/// `all` is everything, which is the same as nothing said.
fn net(args: &mut Args<'_>) -> Result<Option<IpNet>, Diagnostic> {
    let word = args.word("a network")?;
    match word.text.as_str() {
        "all" | "any" | "default" => Ok(None),
        _ => address::net(word).map(Some),
    }
}

fn mark(args: &mut Args<'_>) -> Result<FwMark, Diagnostic> {
    let word = args.word("a mark")?;
    let (mark, mask) = word.text.split_once('/').unwrap_or((&word.text, "0xffffffff"));
    let number = |text| units::number(text).and_then(|number| u32::try_from(number).ok());
    match (number(mark), number(mask)) {
        (Some(mark), Some(mask)) => Ok(FwMark { mark, mask }),
        _ => Err(wrong(word, "a mark, such as 24/12")),
    }
}

/// `FIRST-LAST`
fn pair(args: &mut Args<'_>, most: i64) -> Result<(u32, u32), Diagnostic> {
    let word = args.word("a range")?;
    let (first, last) = word.text.split_once('-').unwrap_or((&word.text, &word.text));
    let number = |text| {
        units::number(text)
            .filter(|number| *number <= most)
            .and_then(|n| u32::try_from(n).ok())
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        _ => Err(wrong(word, "a range, such as 10-20")),
    }
}

fn ports(args: &mut Args<'_>) -> Result<PortRange, Diagnostic> {
    let (first, last) = pair(args, i64::from(u16::MAX))?;
    let port = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    Ok(PortRange {
        first: port(first),
        last: port(last),
    })
}

fn wrong(word: &Word, what: &str) -> Diagnostic {
    Diagnostic::warning(code::BAD_VALUE, word.span, format!("`{}` is not {what}", word.text))
}
