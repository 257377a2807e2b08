//! What is worth a log line. The words that operators grep for are Keepalived's.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::packet::Dialect;
use crate::{ScriptOutcome, State};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Entering {
        name: Arc<str>,
        state: State,
        initial: bool,
    },
    Timeout {
        name: Arc<str>,
    },
    SettingAddresses {
        name: Arc<str>,
    },
    RemovingAddresses {
        name: Arc<str>,
    },
    SentZero {
        name: Arc<str>,
    },
    BackupHeardZero {
        name: Arc<str>,
        from: IpAddr,
    },
    HeardHigher {
        name: Arc<str>,
        from: IpAddr,
        theirs: u8,
        ours: u8,
    },
    HeardEqualHigherAddress {
        name: Arc<str>,
        from: IpAddr,
        priority: u8,
    },
    HeardLower {
        name: Arc<str>,
        from: IpAddr,
        theirs: u8,
        ours: u8,
    },
    DiscardedLower {
        name: Arc<str>,
        from: IpAddr,
        theirs: u8,
    },
    PriorityChanged {
        name: Arc<str>,
        from: u8,
        to: u8,
    },
    IntervalDiffers {
        name: Arc<str>,
        from: IpAddr,
        theirs_ms: u64,
    },
    AddressesDiffer {
        name: Arc<str>,
        from: IpAddr,
    },
    DialectFound {
        name: Arc<str>,
        peer: IpAddr,
        dialect: Dialect,
    },
    EqualPriority {
        name: Arc<str>,
        from: IpAddr,
        priority: u8,
    },
    /// More senders of packets for nobody than are named.
    TooManyStrangers,
    Conflict {
        name: Arc<str>,
        address: IpAddr,
    },
    /// Both hosts are master, and only the pair link says so.
    SplitBrain {
        name: Arc<str>,
        other: Option<IpAddr>,
        theirs: u8,
        ours: u8,
        yields: bool,
    },
    SplitBrainOver {
        name: Arc<str>,
    },
    OwnerCedes {
        name: Arc<str>,
        from: IpAddr,
    },
    OwnerReclaims {
        name: Arc<str>,
    },
    Healed {
        name: Arc<str>,
        address: IpAddr,
    },
    Listening {
        name: Arc<str>,
    },
    RivalWhileListening {
        name: Arc<str>,
        from: IpAddr,
    },
    Resumed {
        name: Arc<str>,
    },
    Leaving {
        name: Arc<str>,
    },
    SuccessorHeard {
        name: Arc<str>,
        from: IpAddr,
    },
    ReleasedAfter {
        name: Arc<str>,
        why: ReleaseEnd,
    },
    NamedSuccessor {
        name: Arc<str>,
    },
    NoQuorum {
        name: Arc<str>,
        reachable: usize,
        need: usize,
    },
    WaitingForGroup {
        name: Arc<str>,
        group: Arc<str>,
    },
    GroupSyncing {
        group: Arc<str>,
        state: State,
    },
    Link {
        interface: Arc<str>,
        up: bool,
    },
    NoSource {
        name: Arc<str>,
    },
    /// A master was not woken in time (`timer_expired_backup`).
    Late {
        name: Arc<str>,
        late_ms: u64,
    },
    /// A backup was not woken in time, and listens before it believes a silence.
    Overslept {
        name: Arc<str>,
        late_ms: u64,
    },
    Script {
        script: Arc<str>,
        outcome: ScriptOutcome,
    },
    Tracked {
        tracker: Arc<str>,
        ok: bool,
    },
    ProcessQuorum {
        process: Arc<str>,
        gained: bool,
    },
}

/// Why a planned handover ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseEnd {
    /// The successor announced every address.
    Announced,
    /// It advertised and had its time.
    Settled,
    /// Nobody came.
    Cap,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Entering { name, state, initial } => {
                write!(
                    f,
                    "({name}) Entering {state} STATE{}",
                    if *initial { " (init)" } else { "" }
                )
            }
            Event::Timeout { name } => write!(f, "({name}) Receive advertisement timeout"),
            Event::SettingAddresses { name } => write!(f, "({name}) setting VIPs."),
            Event::RemovingAddresses { name } => write!(f, "({name}) removing VIPs."),
            Event::SentZero { name } => write!(f, "({name}) sent 0 priority"),
            Event::BackupHeardZero { name, from } => {
                write!(f, "({name}) Backup received priority 0 advertisement from {from}")
            }
            Event::HeardHigher {
                name,
                from,
                theirs,
                ours,
            } => write!(
                f,
                "({name}) Master received advert from {from} with higher priority {theirs}, ours {ours}"
            ),
            Event::HeardEqualHigherAddress { name, from, priority } => write!(
                f,
                "({name}) Master received advert from {from} with same priority {priority} but higher IP address than ours"
            ),
            Event::HeardLower {
                name,
                from,
                theirs,
                ours,
            } => write!(
                f,
                "({name}) Received advert from {from} with lower priority {theirs}, ours {ours}, forcing new election"
            ),
            Event::DiscardedLower { name, from, theirs } => {
                write!(
                    f,
                    "({name}) received lower priority ({theirs}) advert from {from} - discarding"
                )
            }
            Event::PriorityChanged { name, from, to } => {
                write!(f, "({name}) Changing effective priority from {from} to {to}")
            }
            Event::IntervalDiffers { name, from, theirs_ms } => {
                write!(
                    f,
                    "({name}) advertisement interval of {from} is {theirs_ms} ms and not ours; while it is master, its counts"
                )
            }
            Event::AddressesDiffer { name, from } => write!(
                f,
                "({name}) {from} advertises other addresses than ours; accepted, but both lists of virtual_ipaddress should be equal"
            ),
            Event::DialectFound { name, peer, dialect } => {
                write!(f, "({name}) {peer} computes its checksum {}", dialect_words(*dialect))
            }
            Event::EqualPriority { name, from, priority } => write!(
                f,
                "({name}) {from} has our priority {priority}; the higher address wins, but two different priorities are safer"
            ),
            Event::TooManyStrangers => f.write_str(
                "packets for none of our instances come from ever more senders: they are counted and dropped, and not named any more",
            ),
            Event::Conflict { name, address } => {
                write!(f, "({name}) somebody else has {address} while we are master")
            }
            Event::SplitBrain {
                name,
                other,
                theirs,
                ours,
                yields,
            } => {
                let other = other.map_or_else(|| "the other host".to_owned(), |ip| ip.to_string());
                let what = if *yields { "this host steps down" } else { "the other host has to step down" };
                write!(
                    f,
                    "({name}) split brain: {other} is master, too, with priority {theirs}, ours {ours}. The pair link says so; \
                     its adverts do not arrive here, so something on the way drops VRRP. {what}"
                )
            }
            Event::SplitBrainOver { name } => write!(f, "({name}) the split brain is over"),
            Event::OwnerCedes { name, from } => write!(
                f,
                "({name}) {from} is an owner, too (priority 255), and does not give way; going on with 254 until it is gone"
            ),
            Event::OwnerReclaims { name } => write!(f, "({name}) the other owner is gone; priority 255 again"),
            Event::Healed { name, address } => write!(f, "({name}) somebody removed {address}; it is put back"),
            Event::Listening { name } => {
                write!(
                    f,
                    "({name}) addresses found in place after a crash; listening before resuming as master"
                )
            }
            Event::RivalWhileListening { name, from } => {
                write!(f, "({name}) {from} became master meanwhile; the addresses are released")
            }
            Event::Resumed { name } => write!(
                f,
                "({name}) no rival heard; resuming as master with the addresses in place"
            ),
            Event::Leaving { name } => write!(
                f,
                "({name}) leaving; the addresses stay until the successor serves them"
            ),
            Event::SuccessorHeard { name, from } => write!(f, "({name}) successor {from} heard"),
            Event::ReleasedAfter { name, why } => write!(f, "({name}) addresses released: {}", release_words(*why)),
            Event::NamedSuccessor { name } => write!(f, "({name}) named as successor; taking over"),
            Event::NoQuorum { name, reachable, need } => write!(
                f,
                "({name}) not taking over: {reachable} of {need} needed witnesses answer, so we may be the one cut off"
            ),
            Event::WaitingForGroup { name, group } => {
                write!(f, "({name}) would be master; waiting for the other members of {group}")
            }
            Event::GroupSyncing { group, state } => write!(f, "VRRP_Group({group}) Syncing instances to {state} state"),
            Event::Link { interface, up } => {
                write!(f, "Netlink reports {interface} {}", if *up { "up" } else { "down" })
            }
            Event::Late { name, late_ms } => write!(
                f,
                "({name}) an advert was {late_ms} ms late, so another may have taken over: standing back"
            ),
            Event::Overslept { name, late_ms } => write!(
                f,
                "({name}) the host woke us {late_ms} ms late, so the master may have been heard meanwhile: listening once more"
            ),
            Event::NoSource { name } => write!(f, "({name}) no address of its family on the interface"),
            Event::Script { script, outcome } => write!(f, "VRRP_Script({script}) {}", outcome_words(*outcome)),
            Event::Tracked { tracker, ok } => write!(f, "Tracked {tracker} {}", if *ok { "is good" } else { "is bad" }),
            Event::ProcessQuorum { process, gained } => {
                write!(
                    f,
                    "Quorum {} for tracked process {process}",
                    if *gained { "gained" } else { "lost" }
                )
            }
        }
    }
}

const fn dialect_words(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::With => "with a pseudo-header (as Keepalived and FRR do); answered in kind",
        Dialect::Without => "without a pseudo-header (as RFC 9568 says); answered in kind",
        Dialect::WithGroup => {
            "with the multicast group in the pseudo-header (Keepalived before 1.3.7); answered in kind"
        }
    }
}

const fn release_words(why: ReleaseEnd) -> &'static str {
    match why {
        ReleaseEnd::Announced => "the successor announced them all",
        ReleaseEnd::Settled => "the successor advertised",
        ReleaseEnd::Cap => "no successor came in time",
    }
}

fn outcome_words(outcome: ScriptOutcome) -> String {
    match outcome {
        ScriptOutcome::Exited(0) => "succeeded".into(),
        ScriptOutcome::Exited(status) => format!("failed (exited with status {status})"),
        ScriptOutcome::Signalled(signal) => format!("failed (killed by signal {signal})"),
        ScriptOutcome::TimedOut => "timed_out".into(),
        ScriptOutcome::CouldNotRun => "failed (could not be run at all)".into(),
    }
}

#[cfg(test)]
mod tests;
