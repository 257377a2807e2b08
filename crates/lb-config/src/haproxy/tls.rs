//! What `bind`, `server` and `global` lines say about TLS.

use tandem_text::Diagnostic;
use tandem_text::haproxy::Word;

use super::args::{Args, Outcome};
use super::bind;
use super::keyword::Keyword;
use super::option::WordOption;
use super::peers;
use super::ring;
use super::section::Sections;
use super::server;
use crate::expr::Spelled;
use crate::plan::{Authorities, BadVersion, Errors, Global, Shown, TlsVersion};
use crate::tls::{Found, Verify, Versions, Words, curves, old_suites, signatures, suites};
use crate::{code, expr};

/// A table of words, each a function of the [`Words`] that the line is about.
macro_rules! table {
    ($context:ty, $words:ident: $($word:literal, $summary:literal, $parse:expr;)*) => {
        &[$(WordOption {
            word: $word,
            summary: $summary,
            parse: |target: &mut $context, args| {
                let parse: fn(&mut Words, &mut Args<'_>) -> Outcome = $parse;
                parse(&mut target.$words, args)
            },
        },)*]
    };
}

/// What both ends can say, and then what one of them can.
macro_rules! with_terms {
    ($context:ty, $words:ident: $($more:tt)*) => {
        table! { $context, $words:
            "ssl", "speak TLS", |words, _| switch(&mut words.on, true);
            "ca-file", "whom to believe: a file or folder of authorities, or `@system-ca`", authorities;
            "crl-file", "certificates that are believed no more", |words, args| {
                words.revoked = Some(args.text("a path")?.into());
                Ok(())
            };
            "ciphers", "ciphers of TLS 1.2, as OpenSSL lists them", |words, args| {
                words.old_suites = Some(named(args, "ciphers", old_suites)?);
                Ok(())
            };
            "ciphersuites", "ciphers of TLS 1.3", |words, args| {
                words.suites = Some(named(args, "ciphers", suites)?);
                Ok(())
            };
            "curves", "curves of the key exchange", |words, args| {
                words.groups = Some(named(args, "curves", curves)?);
                Ok(())
            };
            "ecdhe", "the curve of the key exchange", |words, args| {
                words.groups = Some(named(args, "curves", curves)?);
                Ok(())
            };
            "sigalgs", "how servers sign, the best first: such as `ECDSA+SHA256:RSA-PSS+SHA256`; clients too, where nothing is said of them", |words, args| {
                words.signatures = Some(named(args, "signatures", signatures)?);
                Ok(())
            };
            "client-sigalgs", "how clients sign who show a certificate", |words, args| {
                words.client_signatures = Some(named(args, "signatures", signatures)?);
                Ok(())
            };
            "alpn", "what to talk, the best first: `h2,http/1.1`", |words, args| {
                words.alpn = Some(protocols(args)?);
                Ok(())
            };
            "ssl-min-ver", "the oldest version: TLSv1.2 or TLSv1.3", |words, args| least(&mut words.versions, args);
            "ssl-max-ver", "the newest version", |words, args| most(&mut words.versions, args);
            "no-sslv3", "always so", |_, _| Ok(());
            "no-tlsv10", "always so", |_, _| Ok(());
            "no-tlsv11", "always so", |_, _| Ok(());
            "no-tlsv12", "TLS 1.3 only", |words, _| switch(&mut words.versions.no_12, true);
            "no-tlsv13", "TLS 1.2 only", |words, _| switch(&mut words.versions.no_13, true);
            "force-tlsv12", "TLS 1.2 only", |words, _| force(&mut words.versions, TlsVersion::V12);
            "force-tlsv13", "TLS 1.3 only", |words, _| force(&mut words.versions, TlsVersion::V13);
            "no-tls-tickets", "no session tickets", |words, _| switch(&mut words.no_tickets, true);
            $($more)*
        }
    };
}

pub(super) const OF_BIND: &[WordOption<bind::Options>] = with_terms! { bind::Options, tls:
    "crt", "a certificate with its key to show, or a folder of them", |words, args| {
        words.shown.push(Shown::Path(args.text("a path")?.into()));
        Ok(())
    };
    "default-crt", "a certificate as of `crt`, for those whom no other fits; the first `crt` is it if there is none", |words, args| {
        words.usual.push(args.text("a path")?.into());
        Ok(())
    };
    "crt-list", "a file that lists certificates, each with words of its own and the hosts that it is for", |words, args| {
        words.shown.push(Shown::List(args.text("a path")?.into()));
        Ok(())
    };
    "tls-ticket-keys", "a file with three keys for session tickets, each 48 or 80 bytes in base 64 on a line; who has the same accepts them", |words, args| {
        words.ticket_keys = Some(args.text("a path")?.into());
        Ok(())
    };
    "ca-verify-file", "more authorities whom to believe, of which clients are not told", |words, args| {
        words.hidden_authorities = Some(args.text("a path")?.into());
        Ok(())
    };
    "no-ca-names", "clients are not told whom to have vouch for them", |words, _| {
        switch(&mut words.hides_authorities, true)
    };
    "verify", "`none`, `optional` or `required`: whether clients show a certificate", |words, args| {
        words.verify = Some(args.choice("a way to verify", &Verify::NAMES)?);
        Ok(())
    };
    "strict-sni", "no certificate for those who ask for a name that none has", |words, _| {
        switch(&mut words.strict_sni, true)
    };
    "prefer-client-ciphers", "the client's order of ciphers counts", |words, _| switch(&mut words.client_order, true);
    "ca-ignore-err", "faults of authorities that are forgiven: `9` (not valid yet), `10` (expired), or `all`", |words, args| {
        words.forgiven_authorities = errors(args)?;
        Ok(())
    };
    "crt-ignore-err", "faults of a client's certificate that are forgiven: `9`, `10`, or `all`", |words, args| {
        words.forgiven_certificates = errors(args)?;
        Ok(())
    };
};

/// What those can say who go to somebody.
macro_rules! of_server {
    ($context:ty) => {
        with_terms! { $context, tls:
            "no-ssl", "no TLS although the defaults say so", |words, _| switch(&mut words.on, false);
            "crt", "the certificate with its key that the server is shown", |words, args| {
                words.shown = vec![Shown::Path(args.text("a path")?.into())];
                Ok(())
            };
            "verify", "`none` or `required`: whether the server must prove who it is", |words, args| {
                let choices = [("none", Verify::None), ("required", Verify::Required)];
                words.verify = Some(args.choice("a way to verify", &choices)?);
                Ok(())
            };
            "verifyhost", "the name that the server's certificate must have", |words, args| {
                words.host = Some(args.text("a host name")?);
                Ok(())
            };
            "no-verifyhost", "no such name although the defaults say one", |words, _| {
                words.host = None;
                Ok(())
            };
            "sni", "the name that the server is asked for, as an expression", |words, args| {
                let word = args.word("an expression")?;
                words.sni = Some(expression(word, args)?);
                Ok(())
            };
            "no-ssl-reuse", "each connection begins with a full handshake", |words, _| switch(&mut words.no_reuse, true);
            "ssl-reuse", "sessions are gone on with although the defaults say not", |words, _| {
                switch(&mut words.no_reuse, false)
            };
            "tls-tickets", "session tickets although the defaults say none", |words, _| switch(&mut words.no_tickets, false);
            "check-ssl", "checks speak TLS", |words, _| {
                words.check = Some(true);
                Ok(())
            };
            "no-check-ssl", "checks speak no TLS", |words, _| {
                words.check = Some(false);
                Ok(())
            };
            "check-sni", "the name that checks ask for", |words, args| {
                words.check_sni = Some(args.text("a host name")?);
                Ok(())
            };
            "check-alpn", "what checks offer to talk", |words, args| {
                words.check_alpn = Some(protocols(args)?);
                Ok(())
            };
        }
    };
}

pub(super) const OF_SERVER: &[WordOption<server::Target>] = of_server!(server::Target);

pub(super) const OF_PEER: &[WordOption<peers::Options>] = of_server!(peers::Options);

pub(super) const OF_RING: &[WordOption<ring::Target>] = of_server!(ring::Target);

/// What `ssl-default-…-options` may list.
const OF_ALL: &[WordOption<Words>] = &[
    WordOption {
        word: "ssl-min-ver",
        summary: "",
        parse: |words, args| least(&mut words.versions, args),
    },
    WordOption {
        word: "ssl-max-ver",
        summary: "",
        parse: |words, args| most(&mut words.versions, args),
    },
    WordOption {
        word: "no-sslv3",
        summary: "",
        parse: |_, _| Ok(()),
    },
    WordOption {
        word: "no-tlsv10",
        summary: "",
        parse: |_, _| Ok(()),
    },
    WordOption {
        word: "no-tlsv11",
        summary: "",
        parse: |_, _| Ok(()),
    },
    WordOption {
        word: "no-tlsv12",
        summary: "",
        parse: |words, _| switch(&mut words.versions.no_12, true),
    },
    WordOption {
        word: "no-tlsv13",
        summary: "",
        parse: |words, _| switch(&mut words.versions.no_13, true),
    },
    WordOption {
        word: "force-tlsv12",
        summary: "",
        parse: |words, _| force(&mut words.versions, TlsVersion::V12),
    },
    WordOption {
        word: "force-tlsv13",
        summary: "",
        parse: |words, _| force(&mut words.versions, TlsVersion::V13),
    },
    WordOption {
        word: "no-tls-tickets",
        summary: "",
        parse: |words, _| switch(&mut words.no_tickets, true),
    },
    WordOption {
        word: "strict-sni",
        summary: "",
        parse: |words, _| switch(&mut words.strict_sni, true),
    },
    WordOption {
        word: "prefer-client-ciphers",
        summary: "",
        parse: |words, _| switch(&mut words.client_order, true),
    },
];

macro_rules! global {
    ($($word:literal, $summary:literal, $parse:expr;)*) => {
        &[$(Keyword {
            words: $word,
            sections: Sections::GLOBAL,
            summary: $summary,
            parse: $parse,
        },)*]
    };
}

pub(super) const OF_GLOBAL: &[Keyword<Global>] = global! {
    "ca-base", "where authorities are whose path does not begin with /", |global, args| {
        global.tls.ca_base = Some(args.text("a path")?.into());
        Ok(())
    };
    "crt-base", "where certificates are whose path does not begin with /", |global, args| {
        global.tls.crt_base = Some(args.text("a path")?.into());
        Ok(())
    };
    "ssl-default-bind-ciphers", "`ciphers` of listeners that do not say", |global, args| {
        global.tls.of_binds.old_suites = Some(named(args, "ciphers", old_suites)?);
        Ok(())
    };
    "ssl-default-bind-ciphersuites", "`ciphersuites` of listeners that do not say", |global, args| {
        global.tls.of_binds.suites = Some(named(args, "ciphers", suites)?);
        Ok(())
    };
    "ssl-default-server-curves", "`curves` of servers that do not say", |global, args| {
        global.tls.of_servers.groups = Some(named(args, "curves", curves)?);
        Ok(())
    };
    "ssl-default-bind-curves", "`curves` of listeners that do not say", |global, args| {
        global.tls.of_binds.groups = Some(named(args, "curves", curves)?);
        Ok(())
    };
    "ssl-default-bind-options", "versions and the like of listeners that do not say", |global, args| {
        options(&mut global.tls.of_binds, "ssl-default-bind-options", args)
    };
    "ssl-default-server-ciphers", "`ciphers` of servers that do not say", |global, args| {
        global.tls.of_servers.old_suites = Some(named(args, "ciphers", old_suites)?);
        Ok(())
    };
    "ssl-default-server-ciphersuites", "`ciphersuites` of servers that do not say", |global, args| {
        global.tls.of_servers.suites = Some(named(args, "ciphers", suites)?);
        Ok(())
    };
    "ssl-default-server-options", "versions and the like of servers that do not say", |global, args| {
        options(&mut global.tls.of_servers, "ssl-default-server-options", args)
    };
    "ssl-server-verify", "`none` or `required`: of servers that do not say", |global, args| {
        global.tls.trusts_servers = args.choice("a way to verify", &[("none", true), ("required", false)])?;
        Ok(())
    };
    "ssl-default-bind-sigalgs", "`sigalgs` of listeners that do not say", |global, args| {
        global.tls.of_binds.signatures = Some(named(args, "signatures", signatures)?);
        Ok(())
    };
    "ssl-default-bind-client-sigalgs", "`client-sigalgs` of listeners that do not say", |global, args| {
        global.tls.of_binds.client_signatures = Some(named(args, "signatures", signatures)?);
        Ok(())
    };
    "ssl-default-server-sigalgs", "`sigalgs` of servers that do not say", |global, args| {
        global.tls.of_servers.signatures = Some(named(args, "signatures", signatures)?);
        Ok(())
    };
    "ssl-default-server-client-sigalgs", "`client-sigalgs` of servers that do not say", |global, args| {
        global.tls.of_servers.client_signatures = Some(named(args, "signatures", signatures)?);
        Ok(())
    };
    "tune.ssl.lifetime", "how long after a handshake clients may go on with their TLS session; 300 seconds if not given", |global, args| {
        global.tls.lifetime = Some(args.time_in_seconds()?);
        Ok(())
    };
    "tune.ssl.cachesize", "TLS sessions kept for clients that come back", |global, args| {
        global.tls.sessions = Some(args.number(0..=u32::MAX)?);
        Ok(())
    };
};

fn switch(switch: &mut bool, to: bool) -> Outcome {
    *switch = to;
    Ok(())
}

fn options(words: &mut Words, place: &str, args: &mut Args<'_>) -> Outcome {
    if args.peek().is_none() {
        let message = format!("`{place}` alone says nothing");
        return Err(Diagnostic::error(code::MISSING, args.last_span(), message)
            .help(format!("write for example `{place} ssl-min-ver TLSv1.2`")));
    }
    super::option::read(&[OF_ALL], &[], place, words, args);
    Ok(())
}

fn authorities(words: &mut Words, args: &mut Args<'_>) -> Outcome {
    words.authorities = Some(Authorities::read(&args.text("a path")?));
    Ok(())
}

/// The names of a list that exist here; there must be one.
fn named(args: &mut Args<'_>, what: &str, read: fn(&str) -> Found) -> Result<Vec<&'static str>, Diagnostic> {
    let word = args.word("a list of names")?;
    match read(&word.text).judged(what, word.span) {
        (Some(names), complaint) => {
            complaint.into_iter().for_each(|complaint| args.report(complaint));
            Ok(names)
        }
        (None, Some(complaint)) => Err(complaint),
        (None, None) => Ok(Vec::new()),
    }
}

pub(super) fn protocols(args: &mut Args<'_>) -> Result<Vec<String>, Diagnostic> {
    let word = args.word("a list of protocols")?;
    let names: Vec<String> = word.text.split(',').map(str::to_owned).collect();
    if names.iter().any(|name| name.is_empty() || name.len() > 255) {
        let message = format!("`{}` is not a list of protocols", word.text);
        return Err(Diagnostic::error(code::BAD_VALUE, word.span, message).help("write names with commas between"));
    }
    Ok(names)
}

fn version(args: &mut Args<'_>) -> Result<TlsVersion, Diagnostic> {
    let word = args.word("a version")?;
    TlsVersion::read(&word.text).map_err(|why| {
        let code = match why {
            BadVersion::Broken(_) => code::UNSUPPORTED,
            BadVersion::Unknown(_) => code::BAD_VALUE,
        };
        Diagnostic::error(code, word.span, why.to_string()).help("write TLSv1.2 or TLSv1.3")
    })
}

fn least(versions: &mut Versions, args: &mut Args<'_>) -> Outcome {
    versions.least = Some(version(args)?);
    Ok(())
}

fn most(versions: &mut Versions, args: &mut Args<'_>) -> Outcome {
    versions.most = Some(version(args)?);
    Ok(())
}

fn force(versions: &mut Versions, to: TlsVersion) -> Outcome {
    (versions.least, versions.most) = (Some(to), Some(to));
    Ok(())
}

fn errors(args: &mut Args<'_>) -> Result<Errors, Diagnostic> {
    let word = args.word("numbers of errors, or `all`")?;
    Errors::read(&word.text).map_err(|why| {
        let message = format!("`{}` {why}", word.text);
        let help = "write `9` (not valid yet), `10` (expired), `9,10`, or `all`";
        Diagnostic::error(code::BAD_VALUE, word.span, message).help(help)
    })
}

fn expression(word: &Word, args: &mut Args<'_>) -> Result<Spelled, Diagnostic> {
    let parsed = expr::parse(&word.text, args.world).map_err(|error| crate::acl::at_word(word, 0, error))?;
    Ok(Spelled {
        text: word.text.clone(),
        expr: parsed.expr,
    })
}
