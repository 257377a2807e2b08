//! What is written of a change, in Keepalived's words, so that whoever sorts mail by them goes on as before.

use std::time::{Duration, Instant};

use tandem_ops::clock::Wall;
use tandem_ops::syslog::Local;
use tandem_vrrp_config::{Mail, MailServer};
use tandem_vrrp_core::Notice;

use crate::notify::News;

/// RFC 5322 section 2.1.1 allows 998 bytes a line.
const LINE: usize = 900;

/// One mail, whole: nothing that changes later changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) server: MailServer,
    /// When it was written.
    pub(super) at: Instant,
    /// For the connection, and for each answer.
    pub(super) patience: Duration,
    pub(super) helo: String,
    pub(super) from: String,
    pub(super) to: Vec<String>,
    /// Lines, without what ends them.
    pub(super) text: Vec<String>,
}

impl Letter {
    /// `None` where there is nobody to write to or nothing to say.
    pub(super) fn of(news: &News, mail: &Mail, writer: Writer<'_>, now: Wall, at: Instant) -> Option<Letter> {
        let server = mail.server.clone().filter(|_| !mail.to.is_empty())?;
        let (subject, body) = words(news, mail.faults)?;
        let kind = if news.is_group { "Group" } else { "Instance" };
        let usual = format!("root@{}", writer.host);
        let from = mail.from.as_deref().unwrap_or(&usual);
        let text = [
            format!("Date: {}", date(Local::new(now, now.local_offset()))),
            format!("From: {from}"),
            format!("Subject: [{}] VRRP {kind} {} - {subject}", writer.router, news.name),
            "X-Mailer: Keepalived".to_owned(),
        ];
        let text = text.into_iter().chain(recipients(mail));
        let text = text.chain([String::new(), body.to_owned(), String::new()]);
        Some(Letter {
            server,
            at,
            patience: mail.timeout,
            helo: plain(mail.helo.as_deref().unwrap_or(writer.host)),
            from: path(from),
            to: mail.to.iter().map(|to| path(to)).collect(),
            text: text.map(|line| plain(&line)).collect(),
        })
    }
}

/// Who we are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer<'a> {
    pub(super) host: &'a str,
    /// `router_id`
    pub(super) router: &'a str,
}

/// What stands behind the dash of the subject, and what in the letter. Who is deleted is gone as by a fault.
fn words(news: &News, faults: bool) -> Option<(&'static str, &'static str)> {
    const GONE: &str = "=> VRRP Instance is no longer owning VRRP VIPs <=";
    let (subject, group, instance) = match news.notice {
        Notice::Master => (
            "Entering MASTER state",
            "=> All VRRP group instances are now in MASTER state <=",
            "=> VRRP Instance is now owning VRRP VIPs <=",
        ),
        Notice::Backup => (
            "Entering BACKUP state",
            "=> All VRRP group instances are now in BACKUP state <=",
            GONE,
        ),
        Notice::Fault | Notice::Deleted if faults => (
            "Entering FAULT state",
            "=> All VRRP group instances are now in FAULT state <=",
            GONE,
        ),
        Notice::Stop => (
            "Stopping",
            "=> All VRRP group instances are now stopping <=",
            "=> VRRP Instance stopping <=",
        ),
        Notice::Fault
        | Notice::Deleted
        | Notice::MasterRxLowerPriority
        | Notice::MasterPriority
        | Notice::BackupPriority
        | Notice::SplitBrain => return None,
    };
    Some((subject, if news.is_group { group } else { instance }))
}

/// `To:`, in several lines when there are many (RFC 5322 section 2.2.3).
fn recipients(mail: &Mail) -> Vec<String> {
    let mut lines = vec!["To: ".to_owned()];
    for (place, to) in mail.to.iter().enumerate() {
        let is_long = lines.last().is_some_and(|line| line.len() + to.len() > LINE);
        if is_long {
            lines.push(" ".to_owned());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(to);
            line.push_str(if place + 1 < mail.to.len() { ", " } else { "" });
        }
    }
    lines
}

/// The address alone: what stands between the angle brackets, if there are any.
fn path(written: &str) -> String {
    let inside = written.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    plain(inside.map_or(written, |(address, _)| address).trim())
}

/// A name from a configuration must not begin a line of its own.
fn plain(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// `Sat, 21 Nov 2026 20:56:00 +0000` (RFC 5322 section 3.3)
fn date(local: Local) -> String {
    let zone = local.zone().to_string().replace(':', "");
    format!("{}, {} {zone}", local.time.weekday_name(), local.rfc5322())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITER: Writer<'_> = Writer {
        host: "vm.example",
        router: "the_router",
    };

    fn mail() -> Mail {
        Mail {
            to: vec!["ops@example.org".into(), "Second <second@example.org>".into()],
            server: Some(MailServer {
                host: "127.0.0.1".into(),
                port: 25,
            }),
            ..Mail::default()
        }
    }

    fn news(notice: Notice, is_group: bool) -> News {
        News {
            is_group,
            name: "VI_1".into(),
            notice,
            priority: 150,
        }
    }

    fn letter(news: &News, mail: &Mail) -> Option<Letter> {
        Letter::of(
            news,
            mail,
            WRITER,
            Wall::from_micros(1_795_294_560_000_000),
            Instant::now(),
        )
    }

    /// As Keepalived 2.2.7 wrote it, but for the angle brackets in its envelope.
    #[test]
    fn keepalived_s_letter() {
        let mail = Mail {
            from: Some("Keep Alived <ka@example.org>".into()),
            ..mail()
        };
        let letter = letter(&news(Notice::Master, false), &mail).expect("there is a server");
        assert_eq!((&*letter.helo, &*letter.from), ("vm.example", "ka@example.org"));
        assert_eq!(letter.to, ["ops@example.org", "second@example.org"]);
        assert!(
            letter.text[0].starts_with("Date: ") && letter.text[0].contains(" Nov 2026 "),
            "{}",
            letter.text[0]
        );
        assert_eq!(
            letter.text[1..],
            [
                "From: Keep Alived <ka@example.org>",
                "Subject: [the_router] VRRP Instance VI_1 - Entering MASTER state",
                "X-Mailer: Keepalived",
                "To: ops@example.org, Second <second@example.org>",
                "",
                "=> VRRP Instance is now owning VRRP VIPs <=",
                "",
            ]
        );
    }

    #[test]
    fn each_change_of_each_kind() {
        let said = |notice, is_group| {
            let letter = letter(&news(notice, is_group), &mail()).expect("a change of state");
            let about = letter.text[2].split_once("VRRP ").expect("a subject").1.to_owned();
            (about, letter.text[6].clone())
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            said(Notice::Backup, true),
            pair(
                "Group VI_1 - Entering BACKUP state",
                "=> All VRRP group instances are now in BACKUP state <="
            )
        );
        let fault = pair(
            "Instance VI_1 - Entering FAULT state",
            "=> VRRP Instance is no longer owning VRRP VIPs <=",
        );
        assert_eq!(said(Notice::Fault, false), fault);
        assert_eq!(said(Notice::Deleted, false), fault, "measured: it looks like a fault");
        assert_eq!(
            said(Notice::Stop, false),
            pair("Instance VI_1 - Stopping", "=> VRRP Instance stopping <=")
        );
    }

    #[test]
    fn nobody_is_written_to_in_vain() {
        let fault = news(Notice::Fault, false);
        assert!(
            letter(
                &fault,
                &Mail {
                    faults: false,
                    ..mail()
                }
            )
            .is_none(),
            "no_email_faults"
        );
        assert!(letter(&fault, &Mail { server: None, ..mail() }).is_none());
        assert!(
            letter(
                &fault,
                &Mail {
                    to: Vec::new(),
                    ..mail()
                }
            )
            .is_none()
        );
        assert!(letter(&news(Notice::MasterPriority, false), &mail()).is_none());
        let own = letter(&fault, &mail()).expect("all is there");
        assert_eq!(
            (&*own.from, &*own.text[1]),
            ("root@vm.example", "From: root@vm.example")
        );
    }

    #[test]
    fn names_stay_in_their_line_and_lines_are_bounded() {
        let named = News {
            name: "VI\r\nBcc: x@y".into(),
            ..news(Notice::Master, false)
        };
        let to = (0..100)
            .map(|n| format!("somebody-number-{n}@example.org").into())
            .collect();
        let letter = letter(&named, &Mail { to, ..mail() }).expect("all is there");
        assert!(
            letter
                .text
                .iter()
                .all(|line| line.len() < 998 && !line.contains(['\r', '\n']))
        );
        assert_eq!(letter.to.len(), 100);
        assert!(letter.text.iter().filter(|line| line.starts_with(' ')).count() >= 3);
    }
}
