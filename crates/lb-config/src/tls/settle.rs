//! Words and defaults to what the Plan says.

use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::expr::Place;
use tandem_text::{Diagnostic, Span, Spanned};

use super::{Defaults, Verify, Versions, Words, ciphers};
use crate::code;
use crate::plan::{
    Authorities, CheckTls, ClientTrust, Clients, Forgiven, Origination, Said, Shown, Termination, Terms, TlsVersion,
    Trust,
};

/// One line with what is said for all of them, and where complaints go.
pub(crate) struct Settling<'a> {
    defaults: &'a Defaults,
    words: &'a Words,
    at: Span,
    report: &'a mut Vec<Diagnostic>,
}

impl<'a> Settling<'a> {
    pub(crate) fn new(
        line: &'a Spanned<Words>,
        defaults: &'a Defaults,
        report: &'a mut Vec<Diagnostic>,
    ) -> Settling<'a> {
        Settling {
            defaults,
            words: &line.value,
            at: line.span,
            report,
        }
    }

    /// `None` when the line does not say `ssl`.
    pub(crate) fn termination(mut self) -> Option<Termination> {
        let words = self.words;
        let names_one = !(words.shown.is_empty() && words.usual.is_empty());
        if !words.on {
            if names_one {
                self.warn("a certificate is named, but TLS is not spoken here", "add `ssl`");
            }
            return None;
        }
        if !names_one {
            self.complain(
                code::MISSING,
                "this listener has no certificate to show",
                "add `crt FILE` or `crt-list FILE`",
            );
        }
        let usual = &self.defaults.of_binds;
        let shown = words.usual.iter().cloned().map(Shown::Path);
        let shown = shown.chain(words.shown.iter().cloned());
        Some(Termination {
            certificates: shown.map(|shown| self.found(&shown)).collect(),
            usual: words.usual.len(),
            strict_sni: words.strict_sni || usual.strict_sni,
            terms: self.terms(usual, End::Server),
            clients: self.clients(),
            tickets: !(words.no_tickets || usual.no_tickets),
            ticket_keys: words.ticket_keys.as_ref().map(|path| self.defaults.place(path)),
            client_order: words.client_order || usual.client_order,
            sessions: self.defaults.sessions.unwrap_or(SESSIONS),
            lifetime: self.defaults.lifetime.unwrap_or(LIFETIME),
            said: self.said(),
        })
    }

    /// The rules for those who are shown what one line of a list names.
    pub(crate) fn of_line(mut self) -> (Terms, Clients) {
        let usual = &self.defaults.of_binds;
        (self.terms(usual, End::Server), self.clients())
    }

    /// The defaults are laid under it here, so that the same is the same however it was said.
    fn said(&self) -> Arc<Said> {
        let (words, usual) = (self.words, &self.defaults.of_binds);
        let left = words.versions.over(usual.versions).left();
        Arc::new(Said {
            words: Words {
                authorities: words.authorities.clone(),
                hidden_authorities: words.hidden_authorities.clone(),
                hides_authorities: words.hides_authorities,
                revoked: words.revoked.clone(),
                verify: Some(words.verify.unwrap_or(Verify::None)),
                forgiven_authorities: words.forgiven_authorities.clone(),
                forgiven_certificates: words.forgiven_certificates.clone(),
                old_suites: words.old_suites.clone().or_else(|| usual.old_suites.clone()),
                suites: words.suites.clone().or_else(|| usual.suites.clone()),
                groups: words.groups.clone().or_else(|| usual.groups.clone()),
                signatures: words.signatures.clone().or_else(|| usual.signatures.clone()),
                client_signatures: words
                    .client_signatures
                    .clone()
                    .or_else(|| usual.client_signatures.clone()),
                versions: Versions {
                    least: left.first().copied(),
                    most: left.last().copied(),
                    ..Versions::default()
                },
                alpn: words.alpn.clone(),
                ..Words::default()
            },
            defaults: Defaults {
                base: self.defaults.base.clone(),
                ca_base: self.defaults.ca_base.clone(),
                crt_base: self.defaults.crt_base.clone(),
                ..Defaults::default()
            },
            at: self.at,
        })
    }

    pub(crate) fn origination(mut self) -> Option<Origination> {
        let sni = self.words.sni.as_ref().map(|sni| &sni.expr);
        if let Some(origin) = sni.and_then(|sni| sni.out_of_place(&[Place::Connect])) {
            let message = format!(
                "`sni` asks for {}, which is not there before a server is reached",
                origin.words()
            );
            self.report.push(
                Diagnostic::error(code::CONFLICT, self.at, message)
                    .help("ask for what is there, such as `req.ssl_sni`"),
            );
        }
        self.words.on.then(|| self.origin())
    }

    /// How checks speak it; `checked_elsewhere`: at another port or address than the server's; `asked_for`: by a step.
    pub(crate) fn check(mut self, checked_elsewhere: bool, asked_for: bool) -> Option<CheckTls> {
        let words = self.words;
        // As HAProxy does, checks of a server with TLS speak it too, unless they go elsewhere.
        let is_usual = words.check.unwrap_or(words.on && !checked_elsewhere);
        if !is_usual && !asked_for {
            return None;
        }
        let origination = Origination {
            sni: None,
            ..self.origin()
        };
        let terms = Terms {
            alpn: words.check_alpn.clone().unwrap_or_default(),
            ..origination.terms
        };
        Some(CheckTls {
            origination: Origination { terms, ..origination },
            is_usual,
            sni: words.check_sni.clone(),
        })
    }

    fn origin(&mut self) -> Origination {
        let words = self.words;
        let usual = &self.defaults.of_servers;
        Origination {
            terms: self.terms(usual, End::Client),
            trust: self.servers(),
            host: words.host.clone(),
            certificate: words.shown.first().map(|shown| self.defaults.certificate(shown.path())),
            sni: words.sni.as_ref().map(|sni| sni.expr.clone()),
            reuses: !(words.no_reuse || words.no_tickets || usual.no_tickets),
        }
    }

    fn servers(&mut self) -> Option<Trust> {
        let is_trusted = self
            .words
            .verify
            .map_or(self.defaults.trusts_servers, |v| v == Verify::None);
        if is_trusted {
            return None;
        }
        let trust = self.trust();
        if trust.is_none() {
            let message = "what the server says is to be verified, but no authority is named";
            let help = "add `ca-file FILE` or `ca-file @system-ca`; or `verify none` if anybody may answer";
            self.complain(code::MISSING, message, help);
        }
        trust
    }

    fn clients(&mut self) -> Clients {
        let verify = self.words.verify.unwrap_or(Verify::None);
        if verify == Verify::None {
            return Clients::Anyone;
        }
        let Some(trust) = self.trust() else {
            let message = "clients are to be verified, but no authority is named";
            self.complain(code::MISSING, message, "add `ca-file FILE`");
            return Clients::Anyone;
        };
        let trust = ClientTrust {
            trust,
            hidden: self
                .words
                .hidden_authorities
                .as_ref()
                .map(|path| self.defaults.authority(path)),
            hides_all: self.words.hides_authorities,
            forgiven: Forgiven {
                of_authorities: self.words.forgiven_authorities.clone(),
                of_certificates: self.words.forgiven_certificates.clone(),
            },
        };
        match verify {
            Verify::Required => Clients::Known(trust),
            Verify::None | Verify::Optional => Clients::Asked(trust),
        }
    }

    fn trust(&self) -> Option<Trust> {
        let authorities = match self.words.authorities.as_ref()? {
            Authorities::Path(path) => Authorities::Path(self.defaults.authority(path)),
            Authorities::System => Authorities::System,
        };
        Some(Trust {
            authorities,
            revoked: self.words.revoked.as_ref().map(|path| self.defaults.authority(path)),
        })
    }

    fn terms(&mut self, usual: &Words, end: End) -> Terms {
        let words = self.words;
        let old = words.old_suites.as_deref().or(usual.old_suites.as_deref());
        let new = words.suites.as_deref().or(usual.suites.as_deref());
        let versions = words.versions.over(usual.versions).left();
        if versions.is_empty() {
            let help = "1.2 and 1.3 are spoken; allow one of them";
            self.complain(code::CONFLICT, "no version of TLS is left", help);
        }
        let of_servers = words.signatures.as_ref().or(usual.signatures.as_ref());
        let of_clients = words.client_signatures.as_ref().or(usual.client_signatures.as_ref());
        // As OpenSSL does it: what is said of all counts for clients, too.
        let of_clients = of_clients.or(of_servers).cloned().unwrap_or_default();
        let of_servers = of_servers.cloned().unwrap_or_default();
        let (own_signatures, their_signatures) = match end {
            End::Server => (of_servers, of_clients),
            End::Client => (of_clients, of_servers),
        };
        Terms {
            versions,
            suites: ciphers::all(old, new),
            own_signatures,
            their_signatures,
            groups: words
                .groups
                .clone()
                .or_else(|| usual.groups.clone())
                .unwrap_or_default(),
            alpn: words.alpn.clone().unwrap_or_default(),
        }
    }

    /// A list is where it says.
    fn found(&self, shown: &Shown) -> Shown {
        match shown {
            Shown::Path(path) => Shown::Path(self.defaults.certificate(path)),
            Shown::List(path) => Shown::List(self.defaults.place(path)),
        }
    }

    fn complain(&mut self, code: tandem_text::Code, message: &str, help: &str) {
        self.report.push(Diagnostic::error(code, self.at, message).help(help));
    }

    fn warn(&mut self, message: &str, help: &str) {
        self.report
            .push(Diagnostic::warning(code::INCOMPLETE, self.at, message).help(help));
    }
}

/// Which end this is.
#[derive(Clone, Copy, Debug)]
enum End {
    Server,
    Client,
}

/// HAProxy's `tune.ssl.lifetime`.
const LIFETIME: Duration = Duration::from_secs(300);

/// HAProxy's `tune.ssl.cachesize`.
const SESSIONS: u32 = 20_000;

impl Versions {
    fn over(self, usual: Versions) -> Versions {
        Versions {
            least: self.least.or(usual.least),
            most: self.most.or(usual.most),
            no_12: self.no_12 || usual.no_12,
            no_13: self.no_13 || usual.no_13,
        }
    }

    fn left(self) -> Vec<TlsVersion> {
        let is_left = |version: &TlsVersion| {
            let is_off = match version {
                TlsVersion::V12 => self.no_12,
                TlsVersion::V13 => self.no_13,
            };
            !is_off && self.least.is_none_or(|least| least <= *version) && self.most.is_none_or(|most| *version <= most)
        };
        [TlsVersion::V12, TlsVersion::V13].into_iter().filter(is_left).collect()
    }
}
