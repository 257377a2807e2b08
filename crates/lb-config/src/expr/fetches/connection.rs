//! The two connections: with the client (`src`, `fc_…`) and with the server (`bc_…`).

use std::sync::Arc;

use tandem_lb_core::expr::{End, Fact, Fetch, Segments, Trip};

use super::{Args, Built, Known, fact, fetch};
use crate::expr::{ExprError, Reference};

pub(super) const TABLE: &[Known] = &[
    fetch("src", "the client's address", |_| fact(Fact::Src)),
    fetch("src_port", "the client's port", |_| fact(Fact::SrcPort)),
    fetch("dst", "the address that the client connected to", |_| fact(Fact::Dst)),
    fetch("dst_port", "the port that the client connected to", |_| {
        fact(Fact::DstPort)
    }),
    fetch("fc_src", "the client's address", |_| fact(Fact::Src)),
    fetch("fc_src_port", "the client's port", |_| fact(Fact::SrcPort)),
    fetch("fc_dst", "the address that the client connected to", |_| {
        fact(Fact::Dst)
    }),
    fetch("fc_dst_port", "the port that the client connected to", |_| {
        fact(Fact::DstPort)
    }),
    fetch(
        "src_is_local",
        "whether the client's address is one of this host",
        |_| fact(Fact::SrcIsLocal),
    ),
    fetch(
        "dst_is_local",
        "whether the client connected to an address of this host",
        |_| fact(Fact::DstIsLocal),
    ),
    fetch("dst_conn", "connections of the listener that this one came by", |_| {
        fact(Fact::DstConn)
    }),
    fetch(
        "fc_rcvd_proxy",
        "whether the client's connection began with a PROXY header",
        |_| fact(Fact::ProxyHeader),
    ),
    fetch(
        "fc_pp_authority",
        "the host name that the PROXY header says the client asked for",
        |_| fact(Fact::ProxyAuthority),
    ),
    fetch(
        "fc_pp_tlv",
        "what the PROXY header says under this number: authority, or 0 to 255",
        |args| {
            let number = args.number("the number of a TLV", 0..=255)?;
            fact(Fact::Tlv(u8::try_from(number).unwrap_or_default()))
        },
    ),
    fetch(
        "http_auth",
        "whether whoever asks for the page has shown a password of this userlist",
        |args| userlist(args).map(Fetch::Authenticated),
    ),
    fetch(
        "http_auth_group",
        "the groups of whoever has shown a password of this userlist",
        |args| userlist(args).map(Fetch::Group),
    ),
    fetch(
        "prio_class",
        "the class that a rule has put it in, for when it waits",
        |_| fact(Fact::PriorityClass),
    ),
    fetch(
        "prio_offset",
        "how much later than it came it counts, for when it waits",
        |_| fact(Fact::PriorityOffset),
    ),
    fetch(
        "fc_rtt",
        "how long a packet to the client and its answer take: ms, or us",
        |args| trip(args, false, Trip::Usual),
    ),
    fetch("fc_rttvar", "how much that varies", |args| {
        trip(args, false, Trip::Variance)
    }),
    fetch("bc_rtt", "the same of the server", |args| trip(args, true, Trip::Usual)),
    fetch("bc_rttvar", "how much that varies", |args| {
        trip(args, true, Trip::Variance)
    }),
    fetch("fc_pp_unique_id", "the unique id that the PROXY header says", |_| {
        fact(Fact::ProxyUniqueId)
    }),
    fetch("unique-id", "what `unique-id-format` makes of the connection", |_| {
        fact(Fact::Identity)
    }),
    fetch(
        "last_rule_file",
        "the file of the content rule that decided last",
        |args| {
            args.refer(Reference::LastRule);
            fact(Fact::LastRuleFile)
        },
    ),
    fetch("last_rule_line", "its line there", |args| {
        args.refer(Reference::LastRule);
        fact(Fact::LastRuleLine)
    }),
    fetch("fc_src_is_local", "the same as `src_is_local`", |_| {
        fact(Fact::SrcIsLocal)
    }),
    fetch("fc_dst_is_local", "the same as `dst_is_local`", |_| {
        fact(Fact::DstIsLocal)
    }),
    fetch(
        "fc_err",
        "HAProxy's number for why a client comes to be no session, for `error-log-format`; 0 is nothing",
        |_| trouble(false, false),
    ),
    fetch("fc_err_str", "the same in words", |_| trouble(false, true)),
    fetch(
        "bc_err",
        "0: of a server that is not reached nothing can be asked",
        |_| trouble(true, false),
    ),
    fetch("bc_err_str", "the same in words", |_| trouble(true, true)),
    fetch("bc_src", "our address on the connection to the server", |_| {
        fact(Fact::ServerSide(End::Ours))
    }),
    fetch("bc_src_port", "our port on the connection to the server", |_| {
        fact(Fact::ServerSidePort(End::Ours))
    }),
    fetch("bc_dst", "the address that the server is connected at", |_| {
        fact(Fact::ServerSide(End::Theirs))
    }),
    fetch("bc_dst_port", "the port that the server is connected at", |_| {
        fact(Fact::ServerSidePort(End::Theirs))
    }),
    fetch(
        "fc_unacked",
        "segments to the client that are not acknowledged",
        |args| segments(args, false, Segments::Unacknowledged),
    ),
    fetch(
        "fc_sacked",
        "segments to the client that are acknowledged selectively",
        |args| segments(args, false, Segments::Selected),
    ),
    fetch("fc_lost", "segments to the client that are taken for lost", |args| {
        segments(args, false, Segments::Lost)
    }),
    fetch(
        "fc_retrans",
        "segments to the client that are on their way again",
        |args| segments(args, false, Segments::Retransmitted),
    ),
    fetch(
        "fc_fackets",
        "segments to the client behind the first that is missing",
        |args| segments(args, false, Segments::Forward),
    ),
    fetch(
        "fc_reordering",
        "how far segments to the client may change places",
        |args| segments(args, false, Segments::Reordering),
    ),
    fetch(
        "bc_unacked",
        "segments to the server that are not acknowledged",
        |args| segments(args, true, Segments::Unacknowledged),
    ),
    fetch(
        "bc_sacked",
        "segments to the server that are acknowledged selectively",
        |args| segments(args, true, Segments::Selected),
    ),
    fetch("bc_lost", "segments to the server that are taken for lost", |args| {
        segments(args, true, Segments::Lost)
    }),
    fetch(
        "bc_retrans",
        "segments to the server that are on their way again",
        |args| segments(args, true, Segments::Retransmitted),
    ),
    fetch(
        "bc_fackets",
        "segments to the server behind the first that is missing",
        |args| segments(args, true, Segments::Forward),
    ),
    fetch(
        "bc_reordering",
        "how far segments to the server may change places",
        |args| segments(args, true, Segments::Reordering),
    ),
];

fn userlist(args: &mut Args<'_>) -> Result<Arc<str>, ExprError> {
    let name = args.text("the name of a userlist")?;
    args.refer(Reference::Userlist(name.to_owned()));
    Ok(name.into())
}

fn trip(args: &mut Args<'_>, of_server: bool, what: Trip) -> Built {
    let in_micros = match args.filled() {
        None | Some("ms") => false,
        Some("us") => true,
        Some(other) => return Err(args.bad(format!("`{other}` is no unit")).help("write ms or us")),
    };
    fact(Fact::RoundTrip {
        of_server,
        what,
        in_micros,
    })
}

/// A unit may be written, as for times, and says nothing.
fn segments(args: &mut Args<'_>, of_server: bool, what: Segments) -> Built {
    match args.filled() {
        None | Some("ms" | "us") => fact(Fact::Segments { of_server, what }),
        Some(other) => Err(args.bad(format!("`{other}` is no unit")).help("leave it out")),
    }
}

fn trouble(of_server: bool, in_words: bool) -> Built {
    fact(Fact::Trouble { of_server, in_words })
}
