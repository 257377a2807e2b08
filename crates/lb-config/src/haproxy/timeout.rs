//! `timeout …`. A time of 0 is for ever.

use super::keyword::Keyword;
use super::section::Sections;
use crate::draft::Proxy;

const FRONT: Sections = Sections::FRONT.and_defaults();
const BACK: Sections = Sections::BACK.and_defaults();

macro_rules! timeout {
    ($words:literal, $field:ident, $sections:expr, $summary:literal) => {
        Keyword {
            words: $words,
            sections: $sections,
            summary: $summary,
            parse: |proxy, args| {
                proxy.settings.timeouts.$field = args.limit()?;
                Ok(())
            },
        }
    };
}

pub(super) const KEYWORDS: &[Keyword<Proxy>] = &[
    timeout!("timeout client", client, FRONT, "the longest silence of a client"),
    timeout!(
        "timeout client-fin",
        client_fin,
        FRONT,
        "the longest silence of a client after one side has closed"
    ),
    timeout!(
        "timeout client-hs",
        client_hs,
        FRONT,
        "the longest wait for what comes before a client's first words, such as a PROXY header; `timeout client` if not given"
    ),
    timeout!(
        "timeout connect",
        connect,
        BACK,
        "the longest wait for a connection to a server"
    ),
    timeout!("timeout server", server, BACK, "the longest silence of a server"),
    timeout!(
        "timeout server-fin",
        server_fin,
        BACK,
        "the longest silence of a server after one side has closed"
    ),
    timeout!(
        "timeout tunnel",
        tunnel,
        BACK,
        "the longest silence once both sides are connected, instead of client and server"
    ),
    timeout!(
        "timeout check",
        check,
        BACK,
        "the longest wait for a check's answer after connecting"
    ),
    timeout!(
        "timeout queue",
        queue,
        BACK,
        "the longest wait for a free place on a server"
    ),
];
