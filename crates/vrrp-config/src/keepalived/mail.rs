//! Whom to write to, and by whom it is carried.

use std::time::Duration;

use super::args::Args;
use super::keyword::{Keyword, Kind, keyword};
use crate::draft::Draft;
use crate::plan::MailServer;

pub(super) const KEYWORDS: &[Keyword<Draft>] = &[
    keyword("notification_email", Kind::Lines, "whom to write to", |draft, args| {
        asked_for(draft, args);
        args.lines(|line| {
            while line.peek().is_some() {
                draft.global.mail.to.push(line.text("an address")?);
            }
            Ok(())
        })
    }),
    keyword(
        "notification_email_from",
        Kind::Words,
        "who writes; root at this host",
        |draft, args| {
            let mut from = args.text("an address")?.to_string();
            // A name may stand before the address.
            while let Some(word) = args.next() {
                from.push(' ');
                from.push_str(&word.text);
            }
            draft.global.mail.from = Some(from.into());
            Ok(())
        },
    ),
    keyword(
        "smtp_server",
        Kind::Words,
        "who carries mail: NAME|ADDRESS [PORT]; 25",
        |draft, args| {
            asked_for(draft, args);
            let host = args.text("a server")?;
            let port = if args.peek().is_some() {
                args.number(1..=65_535)?
            } else {
                MailServer::PORT
            };
            draft.global.mail.server = Some(MailServer { host, port });
            Ok(())
        },
    ),
    keyword(
        "smtp_helo_name",
        Kind::Words,
        "what it is greeted as; this host's name",
        |draft, args| {
            draft.global.mail.helo = Some(args.text("a name")?);
            Ok(())
        },
    ),
    keyword(
        "smtp_connect_timeout",
        Kind::Words,
        "seconds for the connection and for each answer; 30",
        |draft, args| {
            draft.global.mail.timeout = Duration::from_secs(args.number(1..=86_400)?);
            Ok(())
        },
    ),
    keyword("no_email_faults", Kind::Flag, "do not write of faults", |draft, _| {
        draft.global.mail.faults = false;
        Ok(())
    }),
    keyword(
        "smtp_alert",
        Kind::Words,
        "write of every instance and group that does not say otherwise",
        |draft, args| {
            draft.defaults.smtp_alert = Some(args.switch()?);
            Ok(())
        },
    ),
    keyword(
        "smtp_alert_vrrp",
        Kind::Words,
        "the same, and stronger than `smtp_alert`",
        |draft, args| {
            draft.defaults.smtp_alert_vrrp = Some(args.switch()?);
            Ok(())
        },
    ),
];

fn asked_for(draft: &mut Draft, args: &Args<'_>) {
    draft.first_mail.get_or_insert(args.keyword().span);
}
