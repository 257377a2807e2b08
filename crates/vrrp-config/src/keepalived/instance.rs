//! `vrrp_instance`: who it is, how it speaks and what it holds. Its policy is in [`super::instance_policy`].

use std::net::IpAddr;

use tandem_text::{Diagnostic, Spanned};
use tandem_vrrp_core::settings::{Initial, Password, Peer, Priority, TtlRange, VirtualAddress, Vrid};

use super::args::{Args, Outcome};
use super::keyword::{Keyword, Kind, keyword, read_block};
use super::notify::{self, Notifies};
use super::section::Section;
use super::{garp, hmac, instance_policy, route, rule, top, track, vmac};
use crate::address::{self, Place};
use crate::code;
use crate::draft::{Auth, AuthKind, Draft, Instance, QuorumDraft, TrackKind};
use crate::plan::Notify;

impl Notifies for Instance {
    fn notify(&mut self) -> &mut Notify {
        &mut self.notify
    }
}

pub(super) fn block(draft: &mut Draft, args: &mut Args<'_>) -> Outcome {
    let name = top::block_name(args)?;
    top::unique(
        &name,
        draft.instances.iter().map(|instance| &instance.name),
        "the instance",
    )
    .inspect_err(|_| args.skip_all())?;
    let mut instance = Instance::new(name, args.origin());
    instance.notify.priority_changes = draft.global.scripts.priority_changes;
    instance.notify.smtp_alert = draft.defaults.alerts();
    let statements = args.block()?;
    read_block(
        TABLES,
        Section::Instance,
        &mut instance,
        statements,
        args.sources(),
        args.reporter(),
    );
    draft.instances.push(instance);
    Ok(())
}

pub(super) const TABLES: &[&[Keyword<Instance>]] = &[
    IDENTITY,
    ADDRESSES,
    TRACKING,
    NOTIFY,
    instance_policy::KEYWORDS,
    garp::INSTANCE,
    vmac::KEYWORDS,
];

const IDENTITY: &[Keyword<Instance>] = &[
    keyword(
        "state",
        Kind::Words,
        "MASTER or BACKUP to begin with",
        |instance, args| {
            let span = args.span();
            let state = args.choice("a state", &[("MASTER", Initial::Master), ("BACKUP", Initial::Backup)])?;
            instance.state = Some(Spanned::new(state, span));
            Ok(())
        },
    ),
    keyword(
        "interface",
        Kind::Words,
        "the interface it lives on",
        |instance, args| {
            instance.interface = Some(args.name("an interface")?);
            Ok(())
        },
    ),
    keyword(
        "virtual_router_id",
        Kind::Words,
        "its number on the network, 1 to 255",
        |instance, args| {
            let span = args.peek().map(|word| word.span);
            instance.vrid_is_wrong = true;
            let number: u8 = fatal(args.number(1..=255))?;
            instance.vrid_is_wrong = false;
            instance.vrid = Vrid::new(number).zip(span).map(|(vrid, span)| Spanned::new(vrid, span));
            Ok(())
        },
    ),
    keyword(
        "priority",
        Kind::Words,
        "1 to 255; the highest is master; 100",
        |instance, args| {
            let span = args.span();
            let number: u8 = args.number(1..=255)?;
            instance.priority = Priority::new(number).map(|priority| Spanned::new(priority, span));
            Ok(())
        },
    ),
    keyword(
        "advert_int",
        Kind::Words,
        "seconds between adverts; 1",
        |instance, args| {
            let span = args.span();
            instance.interval = Some(Spanned::new(args.seconds(0.01..=255.0)?, span));
            Ok(())
        },
    ),
    keyword("version", Kind::Words, "2 or 3", |instance, args| {
        let span = args.span();
        instance.version = Some(Spanned::new(args.number(2..=3)?, span));
        Ok(())
    }),
    keyword(
        "authentication",
        Kind::Block(Section::Authentication),
        "a password, version 2 only",
        |instance, args| {
            let span = args.keyword().span;
            let mut auth = Auth::default();
            let statements = args.block()?;
            read_block(
                &[AUTHENTICATION],
                Section::Authentication,
                &mut auth,
                statements,
                args.sources(),
                args.reporter(),
            );
            instance.auth = Some(Spanned::new(auth, span));
            Ok(())
        },
    ),
    keyword(
        "auth_hmac",
        Kind::Block(Section::Hmac),
        "the signed trailer of Keepalived 2.4",
        hmac::block,
    ),
    keyword(
        "native_ipv6",
        Kind::Flag,
        "IPv6 even without addresses; follows from the addresses",
        |instance, _| {
            instance.native_ipv6 = true;
            Ok(())
        },
    ),
    keyword(
        "mcast_src_ip",
        Kind::Words,
        "the source address of adverts",
        |instance, args| {
            instance.multicast_source = Some(args.ip()?);
            Ok(())
        },
    ),
    keyword(
        "unicast_src_ip",
        Kind::Words,
        "the source address of adverts to peers",
        |instance, args| {
            instance.unicast_source = Some(args.ip()?);
            Ok(())
        },
    ),
    keyword(
        "mcast_dst_ip",
        Kind::Words,
        "the group that adverts go to",
        |instance, args| {
            let group = args.ip()?;
            if !group.value.is_multicast() {
                let message = format!("`{}` is not a multicast address", group.value);
                return Err(Diagnostic::warning(code::BAD_ADDRESS, group.span, message));
            }
            instance.multicast_group = Some(group);
            Ok(())
        },
    ),
    keyword(
        "unicast_peer",
        Kind::Lines,
        "adverts go to these: IP [min_ttl N] [max_ttl N]",
        |instance, args| {
            let mut peers = Spanned::new(Vec::new(), args.keyword().span);
            args.lines(|line| {
                let span = line.span();
                peers.value.push(Spanned::new(peer(line)?, span));
                Ok(())
            })?;
            instance.peers = Some(peers);
            Ok(())
        },
    ),
    keyword(
        "unicast_ttl",
        Kind::Words,
        "the TTL of adverts to peers",
        |instance, args| {
            instance.unicast_ttl = Some(args.number(0..=255)?);
            Ok(())
        },
    ),
    keyword(
        "unicast_fault_no_peer",
        Kind::Flag,
        "without a peer it is at fault and does not turn to multicast",
        |instance, _| {
            instance.fault_without_peer = true;
            Ok(())
        },
    ),
    keyword(
        "track_src_ip",
        Kind::Flag,
        "at fault when its source address is gone",
        |instance, _| {
            instance.track_source = true;
            Ok(())
        },
    ),
];

pub(super) const AUTHENTICATION: &[Keyword<Auth>] = &[
    keyword("auth_type", Kind::Words, "PASS", |auth, args| {
        const KINDS: [(&str, AuthKind); 4] = [
            ("PASS", AuthKind::Pass),
            ("simple", AuthKind::Pass),
            ("AH", AuthKind::Ah),
            ("ipsec-ah", AuthKind::Ah),
        ];
        let span = args.peek().map(|word| word.span);
        auth.kind = Some(args.choice("a kind of authentication", &KINDS)?);
        match span {
            Some(span) if auth.kind == Some(AuthKind::Ah) => {
                let message = "authentication by AH is not supported";
                Err(Diagnostic::error(code::UNSUPPORTED, span, message).help(
                    "RFC 3768 removed it and its peers complain about good packets; use PASS on all routers, or none",
                ))
            }
            _ => Ok(()),
        }
    }),
    keyword(
        "auth_pass",
        Kind::Words,
        "the password; eight bytes count",
        |auth, args| {
            let word = args.word("a password")?;
            let bytes = word.bytes();
            auth.password = Some(Password::cut(&bytes));
            if bytes.len() > 8 {
                let message = format!("this password has {} bytes; the first 8 are sent", bytes.len());
                let help = "every router cuts it there, even inside a letter; shorten it on all of them";
                args.report(Diagnostic::warning(code::ADJUSTED, word.span, message).help(help));
            }
            Ok(())
        },
    ),
];

fn peer(line: &mut Args<'_>) -> Result<Peer, Diagnostic> {
    let address = line.ip()?.value;
    let mut ttl = None;
    let unlimited = TtlRange { min: 0, max: u8::MAX };
    loop {
        if line.accept("min_ttl") {
            ttl.get_or_insert(unlimited).min = line.number(0..=255)?;
        } else if line.accept("max_ttl") {
            ttl.get_or_insert(unlimited).max = line.number(0..=255)?;
        } else {
            return Ok(Peer { address, ttl });
        }
    }
}

const ADDRESSES: &[Keyword<Instance>] = &[
    keyword(
        "virtual_ipaddress",
        Kind::Lines,
        "the addresses it advertises and holds",
        |instance, args| addresses(args, &mut instance.vips),
    ),
    keyword(
        "virtual_ipaddress_excluded",
        Kind::Lines,
        "addresses it holds without advertising them",
        |instance, args| addresses(args, &mut instance.excluded),
    ),
    keyword(
        "no_virtual_ipaddress",
        Kind::Flag,
        "that there is no address is meant so",
        |instance, _| {
            instance.no_vips_meant = true;
            Ok(())
        },
    ),
    keyword(
        "virtual_routes",
        Kind::Lines,
        "routes of the master, as iproute2 writes them",
        |instance, args| {
            args.lines(|line| {
                let (route, _) = route::parse(line)?;
                instance.routes.push(Spanned::new(route, line.span()));
                Ok(())
            })
        },
    ),
    keyword(
        "virtual_rules",
        Kind::Lines,
        "rules of the master, as iproute2 writes them",
        |instance, args| {
            args.lines(|line| {
                let (rule, _) = rule::parse(line)?;
                instance.rules.push(Spanned::new(rule, line.span()));
                Ok(())
            })
        },
    ),
    keyword(
        "promote_secondaries",
        Kind::Flag,
        "let addresses of a subnet stay when the first goes",
        |instance, _| {
            instance.promote_secondaries = true;
            Ok(())
        },
    ),
];

fn addresses(args: &mut Args<'_>, into: &mut Vec<Spanned<VirtualAddress>>) -> Outcome {
    args.lines(|line| {
        let (address, _) = address::parse(line, Place::Virtual)?;
        into.push(address);
        Ok(())
    })
}

const TRACKING: &[Keyword<Instance>] = &[
    keyword(
        "track_interface",
        Kind::Lines,
        "interfaces that must be up",
        |instance, args| track::uses(args, TrackKind::Interface, &mut instance.tracks),
    ),
    keyword(
        "track_script",
        Kind::Lines,
        "scripts that must succeed",
        |instance, args| track::uses(args, TrackKind::Script, &mut instance.tracks),
    ),
    keyword(
        "track_file",
        Kind::Lines,
        "files whose number counts",
        |instance, args| track::uses(args, TrackKind::File, &mut instance.tracks),
    ),
    keyword(
        "track_process",
        Kind::Lines,
        "processes that must run",
        |instance, args| track::uses(args, TrackKind::Process, &mut instance.tracks),
    ),
    keyword(
        "track_bfd",
        Kind::Lines,
        "BFD sessions that must be up",
        |instance, args| track::uses(args, TrackKind::Bfd, &mut instance.tracks),
    ),
    keyword(
        "track_lb",
        Kind::Lines,
        "what must hold of the balancer",
        |instance, args| track::uses(args, TrackKind::Lb, &mut instance.tracks),
    ),
    keyword(
        "dont_track_primary",
        Kind::Flag,
        "its own interface may be down",
        |instance, _| {
            instance.track_primary = false;
            Ok(())
        },
    ),
    keyword(
        "quorum",
        Kind::Block(Section::Quorum),
        "who must answer before it takes over on silence",
        |instance, args| {
            let mut quorum = QuorumDraft::default();
            let statements = args.block()?;
            read_block(
                &[QUORUM],
                Section::Quorum,
                &mut quorum,
                statements,
                args.sources(),
                args.reporter(),
            );
            instance.quorum = Some(quorum);
            Ok(())
        },
    ),
];

pub(super) const QUORUM: &[Keyword<QuorumDraft>] = &[
    keyword("address", Kind::Words, "witnesses", |quorum, args| {
        let first: IpAddr = args.ip()?.value;
        quorum.witnesses.push(first);
        while args.peek().is_some() {
            quorum.witnesses.push(args.ip()?.value);
        }
        Ok(())
    }),
    keyword(
        "gateway",
        Kind::Flag,
        "the default gateway is a witness, too",
        |quorum, _| {
            quorum.gateway = true;
            Ok(())
        },
    ),
    keyword("need", Kind::Words, "how many must answer; 1", |quorum, args| {
        let span = args.span();
        quorum.need = Some(Spanned::new(args.number(1..=255)?, span));
        Ok(())
    }),
];

const NOTIFY: &[Keyword<Instance>] = &[
    keyword(
        "notify_master",
        Kind::Command,
        "run when it becomes master",
        notify::master,
    ),
    keyword(
        "notify_backup",
        Kind::Command,
        "run when it becomes backup",
        notify::backup,
    ),
    keyword("notify_fault", Kind::Command, "run when it is at fault", notify::fault),
    keyword("notify_stop", Kind::Command, "run when the daemon stops", notify::stop),
    keyword(
        "notify_deleted",
        Kind::Command,
        "run when a reload removed it",
        notify::deleted,
    ),
    keyword(
        "notify_master_rx_lower_pri",
        Kind::Command,
        "run when a master hears a rival of lower priority",
        notify::master_rx_lower,
    ),
    keyword(
        "notify_split_brain",
        Kind::Command,
        "run where one stays master when the pair link says that both are: it may fence the other host",
        notify::split_brain,
    ),
    keyword(
        "notify",
        Kind::Command,
        "run on every change, with four arguments more",
        notify::any,
    ),
    keyword(
        "notify_priority_changes",
        Kind::Words,
        "write priorities to the pipes",
        notify::priority_changes,
    ),
    keyword("smtp_alert", Kind::Words, "write of every change", notify::smtp_alert),
];

/// What must not be left out.
fn fatal<T>(result: Result<T, Diagnostic>) -> Result<T, Diagnostic> {
    result.map_err(|mut diagnostic| {
        diagnostic.severity = tandem_text::Severity::Error;
        diagnostic
    })
}
