//! `tls` of listeners, servers and `global`: the tables, and what they say.

use serde::{Deserialize, Serialize};
use tandem_text::{Diagnostic, Span};
use toml::Spanned;

use super::lower::Lowering;
use super::value::{self, Number, Value, Word, Written, choose};
use crate::expr;
use crate::plan::{Authorities, Errors, Global, Shown, TlsVersion};
use crate::tls::{Defaults, Found, Verify, Versions, Words, curves, old_suites, signatures, suites};

/// What both ends can say.
macro_rules! tls {
    ($($name:ident { $($own:ident: $own_type:ty,)* })+) => {
        $(
            #[derive(Clone, Debug, Default, Deserialize, Serialize)]
            #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
            pub(super) struct $name {
                $(pub(super) $own: $own_type,)*
                pub(super) authorities: Option<String>,
                pub(super) revoked: Option<String>,
                pub(super) verify: Option<Value<Verify>>,
                pub(super) alpn: Option<Vec<String>>,
                pub(super) min_version: Option<Value<TlsVersion>>,
                pub(super) max_version: Option<Value<TlsVersion>>,
                /// As OpenSSL lists them.
                pub(super) ciphers: Option<Spanned<String>>,
                pub(super) ciphersuites: Option<Spanned<String>>,
                pub(super) curves: Option<Spanned<String>>,
                pub(super) signatures: Option<Spanned<String>>,
                pub(super) client_signatures: Option<Spanned<String>>,
                pub(super) tickets: Option<bool>,
            }

            impl $name {
                fn terms(&self, words: &mut Words, lowering: &mut Lowering<'_>) {
                    if let Some(path) = &self.authorities {
                        words.authorities = Some(match path.as_str() {
                            "system" => Authorities::System,
                            path => Authorities::Path(path.into()),
                        });
                    }
                    if let Some(path) = &self.revoked {
                        words.revoked = Some(path.into());
                    }
                    words.verify = self.verify.as_ref().map(|v| v.0).or(words.verify);
                    words.alpn = self.alpn.clone().or(words.alpn.take());
                    words.versions.least = self.min_version.as_ref().map(|v| v.0).or(words.versions.least);
                    words.versions.most = self.max_version.as_ref().map(|v| v.0).or(words.versions.most);
                    words.old_suites = lowering.named(&self.ciphers, "ciphers", old_suites).or(words.old_suites.take());
                    words.suites = lowering.named(&self.ciphersuites, "ciphers", suites).or(words.suites.take());
                    words.groups = lowering.named(&self.curves, "curves", curves).or(words.groups.take());
                    let signed = lowering.named(&self.signatures, "signatures", signatures);
                    words.signatures = signed.or(words.signatures.take());
                    let signed = lowering.named(&self.client_signatures, "signatures", signatures);
                    words.client_signatures = signed.or(words.client_signatures.take());
                    words.no_tickets = self.tickets.map_or(words.no_tickets, |tickets| !tickets);
                }

                /// What both ends can say, where it is otherwise than in `base`.
                fn terms_of(words: &Words, base: &Words) -> Self {
                    Self {
                        authorities: said(&words.authorities, &base.authorities).map(|authorities| match authorities {
                            Authorities::System => "system".to_owned(),
                            Authorities::Path(path) => path.display().to_string(),
                        }),
                        revoked: said(&words.revoked, &base.revoked).map(|path| path.display().to_string()),
                        verify: said(&words.verify, &base.verify).copied().map(Value),
                        alpn: said(&words.alpn, &base.alpn).cloned(),
                        min_version: said(&least(words.versions), &least(base.versions)).copied().map(Value),
                        max_version: said(&most(words.versions), &most(base.versions)).copied().map(Value),
                        ciphers: names(&words.old_suites, &base.old_suites),
                        ciphersuites: names(&words.suites, &base.suites),
                        curves: names(&words.groups, &base.groups),
                        signatures: names(&words.signatures, &base.signatures),
                        client_signatures: names(&words.client_signatures, &base.client_signatures),
                        tickets: (words.no_tickets != base.no_tickets).then_some(!words.no_tickets),
                        ..Self::default()
                    }
                }
            }
        )+
    };
}

tls! {
    OfBind {
        certificates: Option<Vec<Certificates>>,
        default_certificates: Option<Vec<String>>,
        hidden_authorities: Option<String>,
        names_authorities: Option<bool>,
        ticket_keys: Option<String>,
        strict_sni: Option<bool>,
        prefer_client_ciphers: Option<bool>,
        forgiven_authority_errors: Option<Value<Errors>>,
        forgiven_certificate_errors: Option<Value<Errors>>,
    }
    OfServer {
        enabled: Option<bool>,
        certificate: Option<String>,
        sni: Option<Spanned<String>>,
        verify_host: Option<String>,
        reuse: Option<bool>,
        check: Option<bool>,
        check_sni: Option<String>,
        check_alpn: Option<Vec<String>>,
    }
}

/// What listeners and servers need not say.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct OfGlobal {
    authorities_base: Option<String>,
    certificates_base: Option<String>,
    bind: OfBind,
    server: OfServer,
    verify_servers: Option<bool>,
    sessions: Option<super::model::Count>,
    session_lifetime: Option<Value<value::Span>>,
}

/// `"a.pem"`, or `{ list = "certificates.list" }`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum Certificates {
    Path(String),
    List { list: String },
}

impl Word for Verify {
    const WHAT: &'static str = "none, optional or required";
    fn read(text: &str) -> Result<Self, String> {
        choose(text, &Verify::NAMES, "")
    }
    fn write(&self) -> Written {
        self.name().into()
    }
}

impl Word for TlsVersion {
    const WHAT: &'static str = "a version of TLS, such as \"1.2\"";
    fn read(text: &str) -> Result<Self, String> {
        choose(text, &[("1.2", TlsVersion::V12), ("1.3", TlsVersion::V13)], "")
    }
    fn write(&self) -> Written {
        match self {
            TlsVersion::V12 => "1.2",
            TlsVersion::V13 => "1.3",
        }
        .into()
    }
}

impl Word for Errors {
    const WHAT: &'static str = "numbers of errors with commas between, or \"all\"";
    fn read(text: &str) -> Result<Self, String> {
        Errors::read(text).map_err(|why| format!("`{text}` {why}"))
    }
    fn write(&self) -> Written {
        match self {
            Errors::None => "".into(),
            Errors::All => "all".into(),
            Errors::These(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(u8::to_string).collect();
                numbers.join(",").into()
            }
        }
    }
}

/// The value, if there is one and it is another.
fn said<'w, T: PartialEq>(value: &'w Option<T>, base: &Option<T>) -> Option<&'w T> {
    value.as_ref().filter(|_| value != base)
}

/// A version that is switched off is one beyond the limit.
fn least(versions: Versions) -> Option<TlsVersion> {
    if versions.no_12 {
        Some(TlsVersion::V13)
    } else {
        versions.least
    }
}

fn most(versions: Versions) -> Option<TlsVersion> {
    if versions.no_13 {
        Some(TlsVersion::V12)
    } else {
        versions.most
    }
}

fn names(names: &Option<Vec<&'static str>>, base: &Option<Vec<&'static str>>) -> Option<Spanned<String>> {
    said(names, base).map(|names| Spanned::new(0..0, names.join(":")))
}

impl OfBind {
    /// `None` where TLS is not spoken.
    pub(super) fn of(words: &Words) -> Option<OfBind> {
        words.on.then(|| OfBind::over(words, &Words::default()))
    }

    fn over(words: &Words, base: &Words) -> OfBind {
        let files = words.shown.iter().map(|shown| match shown {
            Shown::Path(path) => Certificates::Path(path.display().to_string()),
            Shown::List(path) => Certificates::List {
                list: path.display().to_string(),
            },
        });
        let usual = words.usual.iter().map(|path| path.display().to_string());
        let names = words.hides_authorities != base.hides_authorities;
        let errors = |errors: &Errors, base: &Errors| (errors != base).then(|| Value(errors.clone()));
        OfBind {
            certificates: (words.shown != base.shown).then(|| files.collect()),
            default_certificates: (words.usual != base.usual).then(|| usual.collect()),
            hidden_authorities: said(&words.hidden_authorities, &base.hidden_authorities)
                .map(|path| path.display().to_string()),
            names_authorities: names.then_some(!words.hides_authorities),
            ticket_keys: said(&words.ticket_keys, &base.ticket_keys).map(|path| path.display().to_string()),
            strict_sni: (words.strict_sni != base.strict_sni).then_some(words.strict_sni),
            prefer_client_ciphers: (words.client_order != base.client_order).then_some(words.client_order),
            forgiven_authority_errors: errors(&words.forgiven_authorities, &base.forgiven_authorities),
            forgiven_certificate_errors: errors(&words.forgiven_certificates, &base.forgiven_certificates),
            ..OfBind::terms_of(words, base)
        }
    }

    pub(super) fn words(&self, lowering: &mut Lowering<'_>) -> Words {
        let mut words = Words {
            on: true,
            ..Words::default()
        };
        self.onto(&mut words, lowering);
        words
    }

    fn onto(&self, words: &mut Words, lowering: &mut Lowering<'_>) {
        self.terms(words, lowering);
        let shown = self.certificates.iter().flatten().map(|shown| match shown {
            Certificates::Path(path) => Shown::Path(path.into()),
            Certificates::List { list } => Shown::List(list.into()),
        });
        words.shown = shown.collect();
        words.usual = self.default_certificates.iter().flatten().map(Into::into).collect();
        if let Some(path) = &self.hidden_authorities {
            words.hidden_authorities = Some(path.into());
        }
        if let Some(path) = &self.ticket_keys {
            words.ticket_keys = Some(path.into());
        }
        words.hides_authorities = self.names_authorities.map_or(words.hides_authorities, |names| !names);
        words.strict_sni = self.strict_sni.unwrap_or(words.strict_sni);
        words.client_order = self.prefer_client_ciphers.unwrap_or(words.client_order);
        if let Some(errors) = &self.forgiven_authority_errors {
            words.forgiven_authorities = errors.0.clone();
        }
        if let Some(errors) = &self.forgiven_certificate_errors {
            words.forgiven_certificates = errors.0.clone();
        }
    }
}

impl OfServer {
    /// A table switches TLS on, unless it says otherwise.
    pub(super) fn of(words: &Words, base: &Words) -> Option<OfServer> {
        if words == base {
            return None;
        }
        let found = OfServer::over(words, base);
        let is_empty = toml::Table::try_from(&found).is_ok_and(|table| table.is_empty());
        Some(OfServer {
            enabled: (!words.on || is_empty).then_some(words.on),
            ..found
        })
    }

    fn over(words: &Words, base: &Words) -> OfServer {
        let file = words
            .shown
            .first()
            .filter(|_| words.shown != base.shown)
            .map(Shown::path);
        OfServer {
            enabled: None,
            certificate: file.map(|path| path.display().to_string()),
            sni: said(&words.sni, &base.sni).map(|sni| Spanned::new(0..0, sni.text.clone())),
            verify_host: said(&words.host, &base.host).cloned(),
            reuse: (words.no_reuse != base.no_reuse).then_some(!words.no_reuse),
            check: said(&words.check, &base.check).copied(),
            check_sni: said(&words.check_sni, &base.check_sni).cloned(),
            check_alpn: said(&words.check_alpn, &base.check_alpn).cloned(),
            ..OfServer::terms_of(words, base)
        }
    }

    pub(super) fn onto(&self, words: &mut Words, lowering: &mut Lowering<'_>) {
        self.terms(words, lowering);
        words.on = self.enabled.unwrap_or(true);
        if let Some(path) = &self.certificate {
            words.shown = vec![Shown::Path(path.into())];
        }
        if let Some(text) = &self.sni {
            match expr::parse(text.get_ref(), lowering.world) {
                Ok(parsed) => {
                    words.sni = Some(expr::Spelled {
                        text: text.get_ref().clone(),
                        expr: parsed.expr,
                    });
                }
                Err(error) => {
                    let span = lowering.span(text.span());
                    lowering.report.push(Diagnostic::error(error.code, span, error.message));
                }
            }
        }
        words.host = self.verify_host.clone().or(words.host.take());
        words.no_reuse = self.reuse.map_or(words.no_reuse, |reuse| !reuse);
        words.check = self.check.or(words.check);
        words.check_sni = self.check_sni.clone().or(words.check_sni.take());
        words.check_alpn = self.check_alpn.clone().or(words.check_alpn.take());
    }
}

impl OfGlobal {
    pub(super) fn of(defaults: &Defaults) -> OfGlobal {
        let Defaults {
            of_binds,
            of_servers,
            // A key of `global` itself.
            base: _,
            beside: _,
            ca_base,
            crt_base,
            trusts_servers,
            sessions,
            lifetime,
        } = defaults;
        let text = |path: &std::path::PathBuf| path.display().to_string();
        OfGlobal {
            authorities_base: ca_base.as_ref().map(text),
            certificates_base: crt_base.as_ref().map(text),
            bind: OfBind::over(of_binds, &Words::default()),
            server: OfServer::over(of_servers, &Words::default()),
            verify_servers: trusts_servers.then_some(false),
            sessions: sessions.map(|sessions| Value(Number(sessions))),
            session_lifetime: lifetime.map(|lifetime| Value(value::Span(lifetime))),
        }
    }

    pub(super) fn onto(self, global: &mut Global, lowering: &mut Lowering<'_>) {
        let tls = &mut global.tls;
        tls.ca_base = self.authorities_base.map(Into::into).or(tls.ca_base.take());
        tls.crt_base = self.certificates_base.map(Into::into).or(tls.crt_base.take());
        self.bind.onto(&mut tls.of_binds, lowering);
        self.server.onto(&mut tls.of_servers, lowering);
        tls.trusts_servers = self.verify_servers.map_or(tls.trusts_servers, |verify| !verify);
        tls.sessions = self.sessions.map(|count| count.0.0).or(tls.sessions);
        tls.lifetime = self.session_lifetime.map(|time| time.0.0).or(tls.lifetime);
    }
}

impl Lowering<'_> {
    /// The names of a list that exist here; there must be one.
    fn named(
        &mut self,
        list: &Option<Spanned<String>>,
        what: &str,
        read: fn(&str) -> Found,
    ) -> Option<Vec<&'static str>> {
        let list = list.as_ref()?;
        let span: Span = self.span(list.span());
        let (found, complaint) = read(list.get_ref()).judged(what, span);
        self.report.extend(complaint);
        found
    }
}
