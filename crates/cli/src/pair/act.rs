//! What can be done to the pair, in words: the prompt of the lab, its page and every drill use the same ones.

use std::fmt;
use std::str::FromStr;

/// One of the two balancer hosts, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Side(pub usize);

/// One of the broker hosts, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node(pub usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Balancer(Side),
    Router(Side),
    Broker(Node),
    /// A balancer host with everything on it.
    Host(Side),
}

/// A host that has a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Side(Side),
    Node(Node),
    Client,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// SIGKILL; a host loses its power.
    Kill(Part),
    /// SIGTERM, and its end.
    Stop(Part),
    Start(Part),
    Pause(Part),
    Resume(Part),
    /// The balancer takes nobody new, and ends when those that it has have left.
    Drain(Side),
    /// The balancer is replaced by a new process.
    Upgrade(Side),
    /// The balancer reads a changed configuration.
    Reload(Side),
    /// The same with another certificate: new connections see it, and old ones go on.
    Certificate(Side),
    Cut(Place),
    Heal(Place),
    /// Nothing gets from one to the other.
    Drop(Place, Place),
    /// Ends everything that `drop` began.
    Mend,
    Fill(Node, u8),
    Empty(Node),
    HandOver(Side),
    TakePart(Side),
}

impl Act {
    /// Whose router has to be ours: Keepalived knows no handover.
    pub const fn needs_our_router(&self) -> Option<Side> {
        match self {
            Act::HandOver(side) | Act::TakePart(side) => Some(*side),
            _ => None,
        }
    }

    /// What the words say of lb1, where another host is the one that has the address; the other way round for lb2.
    pub fn on(&self, first: Side) -> Act {
        match self {
            // Their files are their own.
            Act::Certificate(side) => Act::Reload(side.on(first)),
            other => other.of(|side| side.on(first), |node| node),
        }
    }

    /// The same of another broker.
    pub fn of_broker(&self, node: Node) -> Act {
        self.of(|side| side, |_| node)
    }

    /// The same of other hosts.
    fn of(&self, side: impl Fn(Side) -> Side, node: impl Fn(Node) -> Node) -> Act {
        let part = |part: &Part| match *part {
            Part::Balancer(it) => Part::Balancer(side(it)),
            Part::Router(it) => Part::Router(side(it)),
            Part::Host(it) => Part::Host(side(it)),
            Part::Broker(it) => Part::Broker(node(it)),
        };
        let place = |place: &Place| match *place {
            Place::Side(it) => Place::Side(side(it)),
            Place::Node(it) => Place::Node(node(it)),
            Place::Client => Place::Client,
        };
        match self {
            Act::Kill(it) => Act::Kill(part(it)),
            Act::Stop(it) => Act::Stop(part(it)),
            Act::Start(it) => Act::Start(part(it)),
            Act::Pause(it) => Act::Pause(part(it)),
            Act::Resume(it) => Act::Resume(part(it)),
            Act::Drain(it) => Act::Drain(side(*it)),
            Act::Upgrade(it) => Act::Upgrade(side(*it)),
            Act::Reload(it) => Act::Reload(side(*it)),
            Act::Certificate(it) => Act::Certificate(side(*it)),
            Act::Cut(it) => Act::Cut(place(it)),
            Act::Heal(it) => Act::Heal(place(it)),
            Act::Drop(from, to) => Act::Drop(place(from), place(to)),
            Act::Mend => Act::Mend,
            Act::Fill(it, percent) => Act::Fill(node(*it), *percent),
            Act::Empty(it) => Act::Empty(node(*it)),
            Act::HandOver(it) => Act::HandOver(side(*it)),
            Act::TakePart(it) => Act::TakePart(side(*it)),
        }
    }

    /// Whether nothing of it is a reason for the address to move.
    pub const fn leaves_the_address(&self) -> bool {
        match self {
            Act::Upgrade(_) | Act::Reload(_) | Act::Certificate(_) | Act::Fill(..) | Act::Empty(_) => true,
            Act::Kill(part) | Act::Stop(part) | Act::Start(part) | Act::Pause(part) | Act::Resume(part) => {
                matches!(part, Part::Broker(_))
            }
            _ => false,
        }
    }

    /// The broker that it is about.
    pub const fn node(&self) -> Option<Node> {
        match self {
            Act::Kill(Part::Broker(node))
            | Act::Stop(Part::Broker(node))
            | Act::Start(Part::Broker(node))
            | Act::Pause(Part::Broker(node))
            | Act::Resume(Part::Broker(node))
            | Act::Fill(node, _)
            | Act::Empty(node)
            | Act::Cut(Place::Node(node))
            | Act::Heal(Place::Node(node))
            | Act::Drop(_, Place::Node(node))
            | Act::Drop(Place::Node(node), _) => Some(*node),
            _ => None,
        }
    }
}

/// The verbs, for people who ask.
pub const HELP: &str = "\
kill|stop|start|pause|resume PART   lb1.balancer, lb1.router, broker1; kill and start also take a host: lb1
upgrade|reload lb1.balancer         a new process takes over; a changed configuration is read
certificate lb1.balancer            it is read with another certificate; new connections must see it, old ones go on
drain lb1.balancer                  it takes nobody new, and ends when those that it has have left
cut|heal HOST                       pull the cable of lb1, lb2, broker1 or client; plug it in again
drop HOST HOST                      lose every packet from the first to the second
mend                                end everything that drop began
fill broker1 90                     fill its disk to so many per cent
empty broker1                       free what fill took
handover lb1 | takepart lb1         the other host takes the address; take part again
";

impl FromStr for Act {
    type Err = String;

    fn from_str(text: &str) -> Result<Act, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let act = match words.as_slice() {
            ["kill", part] => Act::Kill(part.parse()?),
            ["stop", part] => Act::Stop(daemon(part)?),
            ["start", part] => Act::Start(part.parse()?),
            ["pause", part] => Act::Pause(daemon(part)?),
            ["resume", part] => Act::Resume(daemon(part)?),
            ["drain", part] => Act::Drain(balancer(part)?),
            ["upgrade", part] => Act::Upgrade(balancer(part)?),
            ["reload", part] => Act::Reload(balancer(part)?),
            ["certificate", part] => Act::Certificate(balancer(part)?),
            ["cut", place] => Act::Cut(place.parse()?),
            ["heal", place] => Act::Heal(place.parse()?),
            ["drop", from, to] => Act::Drop(from.parse()?, to.parse()?),
            ["mend"] => Act::Mend,
            ["fill", node, percent] => {
                let share = percent
                    .trim_end_matches('%')
                    .parse()
                    .ok()
                    .filter(|p| (1..=100).contains(p));
                Act::Fill(
                    node.parse()?,
                    share.ok_or_else(|| format!("`{percent}` is not a share of 1 to 100 per cent"))?,
                )
            }
            ["empty", node] => Act::Empty(node.parse()?),
            ["handover", side] => Act::HandOver(side.parse()?),
            ["takepart", side] => Act::TakePart(side.parse()?),
            _ => return Err(format!("`{text}` is nothing that can be done; `help` says what is")),
        };
        Ok(act)
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Kill(part) => write!(f, "kill {part}"),
            Act::Stop(part) => write!(f, "stop {part}"),
            Act::Start(part) => write!(f, "start {part}"),
            Act::Pause(part) => write!(f, "pause {part}"),
            Act::Resume(part) => write!(f, "resume {part}"),
            Act::Drain(side) => write!(f, "drain {side}.balancer"),
            Act::Upgrade(side) => write!(f, "upgrade {side}.balancer"),
            Act::Reload(side) => write!(f, "reload {side}.balancer"),
            Act::Certificate(side) => write!(f, "certificate {side}.balancer"),
            Act::Cut(place) => write!(f, "cut {place}"),
            Act::Heal(place) => write!(f, "heal {place}"),
            Act::Drop(from, to) => write!(f, "drop {from} {to}"),
            Act::Mend => f.write_str("mend"),
            Act::Fill(node, percent) => write!(f, "fill {node} {percent}"),
            Act::Empty(node) => write!(f, "empty {node}"),
            Act::HandOver(side) => write!(f, "handover {side}"),
            Act::TakePart(side) => write!(f, "takepart {side}"),
        }
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Part, String> {
        Ok(match text.split_once('.') {
            Some((side, "balancer")) => Part::Balancer(side.parse()?),
            Some((side, "router")) => Part::Router(side.parse()?),
            Some(_) => return Err(format!("`{text}` is no part: lb1.balancer, lb1.router, broker1 or lb1")),
            None if text.starts_with("broker") => Part::Broker(text.parse()?),
            None => Part::Host(text.parse()?),
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Balancer(side) => write!(f, "{side}.balancer"),
            Part::Router(side) => write!(f, "{side}.router"),
            Part::Broker(node) => write!(f, "{node}"),
            Part::Host(side) => write!(f, "{side}"),
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        match text {
            "client" => Ok(Place::Client),
            _ if text.starts_with("broker") => text.parse().map(Place::Node),
            _ => text.parse().map(Place::Side),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Side(side) => write!(f, "{side}"),
            Place::Node(node) => write!(f, "{node}"),
            Place::Client => f.write_str("client"),
        }
    }
}

impl Side {
    pub const BOTH: [Side; 2] = [Side(0), Side(1)];

    /// This one where lb1 is the first, otherwise the other one.
    pub const fn on(self, first: Side) -> Side {
        Side(self.0 ^ first.0)
    }
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Side, String> {
        match text {
            "lb1" => Ok(Side(0)),
            "lb2" => Ok(Side(1)),
            _ => Err(format!("`{text}` is no balancer host: there are lb1 and lb2")),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lb{}", self.0 + 1)
    }
}

impl FromStr for Node {
    type Err = String;

    fn from_str(text: &str) -> Result<Node, String> {
        let number = text.strip_prefix("broker").and_then(|n| n.parse::<usize>().ok());
        let counted = number.and_then(|n| n.checked_sub(1)).map(Node);
        counted.ok_or_else(|| format!("`{text}` is no broker: they are broker1, broker2 and so on"))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broker{}", self.0 + 1)
    }
}

fn daemon(text: &str) -> Result<Part, String> {
    match text.parse()? {
        Part::Host(side) => Err(format!("name a daemon: {side}.balancer or {side}.router")),
        part => Ok(part),
    }
}

fn balancer(text: &str) -> Result<Side, String> {
    match text.parse()? {
        Part::Balancer(side) => Ok(side),
        part => Err(format!("`{part}` is no balancer: lb1.balancer or lb2.balancer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same() {
        for text in [
            "kill lb1.balancer",
            "kill lb2",
            "stop lb1.router",
            "start broker2",
            "pause broker1",
            "resume lb2.balancer",
            "drain lb1.balancer",
            "upgrade lb1.balancer",
            "reload lb2.balancer",
            "certificate lb1.balancer",
            "cut lb1",
            "heal client",
            "drop lb1 broker2",
            "mend",
            "fill broker1 90",
            "empty broker1",
            "handover lb1",
            "takepart lb1",
        ] {
            assert_eq!(text.parse::<Act>().map(|act| act.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for text in [
            "",
            "kill",
            "kill lb3",
            "stop lb1",
            "kill lb1.page",
            "reload lb1.router",
            "fill broker1 101",
            "fill lb1 90",
            "start broker0",
            "explode broker1",
        ] {
            assert!(text.parse::<Act>().is_err(), "{text}");
        }
    }
}
