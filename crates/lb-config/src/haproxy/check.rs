//! `option …chk`, `tcp-check` and `http-check`: what the servers of a proxy are asked.
//!
//! HAProxy knows no check that speaks a broker's protocol; ours are spelled as its others are.

mod http;
mod script;

use tandem_lb_core::probe::{HttpRequest, Login, Protocol};
use tandem_text::Diagnostic;

use super::args::{Args, Outcome};
use super::keyword::Keyword;
use super::section::Sections;
use crate::checking::Kind;
use crate::code;
use crate::draft::Proxy;

use http::{http_expect, http_send};
use script::{binary, connect, expect, send, send_made, variable};

const BACK: Sections = Sections::BACK.and_defaults();

macro_rules! kind {
    ($words:literal, $summary:literal, $parse:expr) => {
        Keyword {
            words: $words,
            sections: BACK,
            summary: $summary,
            parse: |proxy, args| {
                let parse: fn(&mut Args<'_>) -> Result<Kind, Diagnostic> = $parse;
                switch(proxy, args, parse)
            },
        }
    };
}

macro_rules! of_variables {
    ($words:literal, $summary:literal, $of_http:literal) => {
        Keyword {
            words: $words,
            sections: BACK,
            summary: $summary,
            parse: |proxy, args| variable(proxy, args, $of_http),
        }
    };
}

pub(super) const KEYWORDS: &[Keyword<Proxy>] = &[
    kind!(
        "option tcp-check",
        "servers are asked what the tcp-check lines say",
        |_| Ok(Kind::Tcp)
    ),
    kind!(
        "option httpchk",
        "servers are asked by HTTP: [METHOD] [URI] [VERSION]",
        http
    ),
    kind!("option redis-check", "servers answer PING", |_| Ok(Kind::Redis)),
    kind!("option ldap-check", "servers answer an LDAP bind", |_| Ok(Kind::Ldap)),
    kind!("option ssl-hello-chk", "servers answer a TLS hello", |_| Ok(
        Kind::SslHello
    )),
    kind!("option smtpchk", "servers greet by SMTP: [HELO|EHLO DOMAIN]", smtp),
    kind!("option mysql-check", "servers greet, or let `user NAME` in", mysql),
    kind!(
        "option pgsql-check",
        "servers answer the startup of `user NAME`",
        postgres
    ),
    kind!("option amqp-check", "brokers begin an AMQP 0-9-1 connection", |_| {
        broker(Protocol::Amqp091)
    }),
    kind!("option amqp10-check", "brokers answer the header of AMQP 1.0", |_| {
        broker(Protocol::Amqp10)
    }),
    kind!(
        "option openwire-check",
        "brokers say the wire format of OpenWire",
        |_| broker(Protocol::OpenWire)
    ),
    kind!(
        "option mqtt-check",
        "brokers answer an MQTT CONNECT [user NAME [password WORD]]",
        |args| { Ok(Kind::Broker(Protocol::Mqtt, login(args)?)) }
    ),
    kind!(
        "option stomp-check",
        "brokers answer a STOMP CONNECT [user NAME [password WORD]]",
        |args| { Ok(Kind::Broker(Protocol::Stomp, login(args)?)) }
    ),
    kind!(
        "option external-check",
        "servers are checked by a program of one's own; `global` must allow it",
        |_| Ok(Kind::External)
    ),
    Keyword {
        words: "external-check command",
        sections: BACK,
        summary: "the program that checks: it gets the proxy's address and port and the server's, and ends with 0",
        parse: |proxy, args| {
            proxy.settings.external.command = Some(args.text("a program")?.into());
            Ok(())
        },
    },
    Keyword {
        words: "external-check path",
        sections: BACK,
        summary: "the PATH of that program",
        parse: |proxy, args| {
            proxy.settings.external.path = Some(args.text("folders, as in PATH")?.into());
            Ok(())
        },
    },
    Keyword {
        words: "tcp-check connect",
        sections: BACK,
        summary: "a new connection: [default] [addr A] [port N] [send-proxy] [linger] [comment TEXT]",
        parse: |proxy, args| {
            let step = connect(args)?;
            proxy.settings.checking.steps.push(step);
            Ok(())
        },
    },
    Keyword {
        words: "tcp-check send-lf",
        sections: BACK,
        summary: "say this text, with %[expressions] in it",
        parse: |proxy, args| send_made(proxy, args, false),
    },
    Keyword {
        words: "tcp-check send-binary-lf",
        sections: BACK,
        summary: "say these bytes, in hex, with %[expressions] in it",
        parse: |proxy, args| send_made(proxy, args, true),
    },
    of_variables!(
        "tcp-check set-var(",
        "set-var(check.NAME) EXPRESSION: for later lines of the check",
        false
    ),
    of_variables!(
        "tcp-check set-var-fmt(",
        "the same of a text with %[expressions]",
        false
    ),
    of_variables!(
        "tcp-check unset-var(",
        "unset-var(check.NAME): as if it had not been set",
        false
    ),
    of_variables!(
        "http-check set-var(",
        "set-var(check.NAME) EXPRESSION: for later lines of the check",
        true
    ),
    of_variables!(
        "http-check set-var-fmt(",
        "the same of a text with %[expressions]",
        true
    ),
    of_variables!(
        "http-check unset-var(",
        "unset-var(check.NAME): as if it had not been set",
        true
    ),
    Keyword {
        words: "tcp-check send",
        sections: BACK,
        summary: "say this text",
        parse: |proxy, args| {
            let text = args.text("what to send")?;
            send(proxy, args, text.into_bytes())
        },
    },
    Keyword {
        words: "tcp-check send-binary",
        sections: BACK,
        summary: "say these bytes, in hex",
        parse: |proxy, args| {
            let bytes = binary(args.word("bytes in hex")?)?;
            send(proxy, args, bytes.into_vec())
        },
    },
    Keyword {
        words: "tcp-check comment",
        sections: BACK,
        summary: "a word for the log if one of the next steps fails",
        parse: |proxy, args| {
            proxy.settings.checking.steps.comment(args.text("a comment")?);
            Ok(())
        },
    },
    Keyword {
        words: "tcp-check expect",
        sections: BACK,
        summary: "hear this: [!] string|rstring|binary|rbinary PATTERN, and what follows from it",
        parse: expect,
    },
    Keyword {
        words: "http-check expect",
        sections: BACK,
        summary: "the answer must be: [!] status|rstatus|string|rstring|hdr|fhdr PATTERN, and what follows from it",
        parse: http_expect,
    },
    Keyword {
        words: "http-check connect",
        sections: BACK,
        summary: "a new connection, as of `tcp-check connect`",
        parse: |proxy, args| {
            let step = connect(args)?;
            proxy.settings.checking.http.push(step);
            Ok(())
        },
    },
    Keyword {
        words: "http-check comment",
        sections: BACK,
        summary: "a word for the log if one of the next steps fails",
        parse: |proxy, args| {
            proxy.settings.checking.http.comment(args.text("a comment")?);
            Ok(())
        },
    },
    Keyword {
        words: "http-check disable-on-404",
        sections: BACK,
        summary: "a server that answers 404 keeps whom it has and takes nobody new",
        parse: |proxy, args| args.switch(&mut proxy.settings.checking.gone_is_drained),
    },
    Keyword {
        words: "http-check send-state",
        sections: BACK,
        summary: "requests tell the server in a header what is thought of it",
        parse: |proxy, args| args.switch(&mut proxy.settings.checking.tells_state),
    },
    Keyword {
        words: "http-check send",
        sections: BACK,
        summary: "the request: meth M uri U ver V hdr NAME VALUE body TEXT",
        parse: http_send,
    },
];

/// Sets the kind of check. Like HAProxy, nothing but another kind takes it away.
fn switch(proxy: &mut Proxy, args: &mut Args<'_>, parse: fn(&mut Args<'_>) -> Result<Kind, Diagnostic>) -> Outcome {
    if args.negated() {
        let span = args.line_span();
        return Err(
            Diagnostic::error(code::UNSUPPORTED, span, "a kind of check cannot be switched off")
                .help("leave `option` out of the defaults, and write it where it is meant"),
        );
    }
    proxy.settings.checking.kind = parse(args)?;
    Ok(())
}

fn http(args: &mut Args<'_>) -> Result<Kind, Diagnostic> {
    let usual = HttpRequest::default();
    let words: Vec<Box<str>> = args.take_rest().iter().map(|word| word.text.as_str().into()).collect();
    let request = match words.as_slice() {
        [] => usual,
        [uri] => HttpRequest {
            uri: uri.as_ref().into(),
            ..usual
        },
        [method, uri] => HttpRequest {
            method: method.clone(),
            uri: uri.as_ref().into(),
            ..usual
        },
        [method, uri, version @ ..] => HttpRequest {
            method: method.clone(),
            uri: uri.as_ref().into(),
            version: version.join(" ").into(),
            ..usual
        },
    };
    Ok(Kind::Http(request))
}

fn smtp(args: &mut Args<'_>) -> Result<Kind, Diagnostic> {
    let mut word = || args.next().map(|word| Box::<str>::from(word.text.as_str()));
    let (hello, domain) = (word(), word());
    let asked = hello.filter(|hello| matches!(&**hello, "HELO" | "EHLO")).zip(domain);
    let (hello, domain) = asked.unwrap_or_else(|| ("HELO".into(), "localhost".into()));
    Ok(Kind::Smtp { hello, domain })
}

fn mysql(args: &mut Args<'_>) -> Result<Kind, Diagnostic> {
    if !args.accept("user") {
        return Ok(Kind::Mysql(None));
    }
    let user = args.text("a user")?;
    // Both name the same packet here: the one that servers of today understand.
    let _either = args.accept("post-41") || args.accept("pre-41");
    Ok(Kind::Mysql(Some(user.into())))
}

fn postgres(args: &mut Args<'_>) -> Result<Kind, Diagnostic> {
    if !args.accept("user") {
        let span = args.line_span();
        return Err(Diagnostic::error(code::MISSING, span, "this check needs a user")
            .help("write `option pgsql-check user NAME`"));
    }
    Ok(Kind::Postgres(args.text("a user")?.into()))
}

fn broker(protocol: Protocol) -> Result<Kind, Diagnostic> {
    Ok(Kind::Broker(protocol, Login::default()))
}

fn login(args: &mut Args<'_>) -> Result<Login, Diagnostic> {
    let mut login = Login::default();
    if args.accept("user") {
        login.user = Some(args.text("a user")?.into());
        if args.accept("password") {
            login.password = Some(args.text("a password")?.into());
        }
    }
    Ok(login)
}
