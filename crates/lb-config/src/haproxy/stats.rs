//! `stats …` of proxies: the statistics page. Each of these words switches it on. Metrics may also be served alone.

use super::args::{Args, Outcome};
use super::global::sentence;
use super::keyword::Keyword;
use super::section::Sections;
use super::{quote, rules};
use crate::code;
use crate::draft::{Proxy, Said};
use crate::plan::{PageRule, Stats, Verdict};
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Span, Spanned};

const HERE: Sections = Sections::PROXIES.and_defaults();

pub(super) const KEYWORDS: &[Keyword<Proxy>] = &[
    Keyword {
        words: "stats enable",
        sections: HERE,
        summary: "serve the statistics page",
        parse: |proxy, args| {
            page(proxy, args);
            Ok(())
        },
    },
    Keyword {
        words: "stats uri",
        sections: HERE,
        summary: "the page's path; /haproxy?stats if not given",
        parse: |proxy, args| {
            page(proxy, args).uri = args.text("a path")?;
            Ok(())
        },
    },
    Keyword {
        words: "stats refresh",
        sections: HERE,
        summary: "how often the browser loads the page again; bare numbers are seconds",
        parse: refresh,
    },
    Keyword {
        words: "stats realm",
        sections: HERE,
        summary: "the name that the browser shows when it asks for a password",
        parse: |proxy, args| {
            page(proxy, args).realm = Some(args.text("a name")?);
            Ok(())
        },
    },
    Keyword {
        words: "stats auth",
        sections: HERE,
        summary: "USER:PASSWORD that may see the page; may stand several times",
        parse: auth,
    },
    Keyword {
        words: "stats hide-version",
        sections: HERE,
        summary: "do not show the version",
        parse: |proxy, args| {
            page(proxy, args).hide_version = true;
            Ok(())
        },
    },
    Keyword {
        words: "stats show-version",
        sections: HERE,
        summary: "show the version",
        parse: |proxy, args| {
            page(proxy, args).hide_version = false;
            Ok(())
        },
    },
    Keyword {
        words: "stats scope",
        sections: HERE,
        summary: "show only this proxy, `.` for the one with the page; may stand several times",
        parse: |proxy, args| {
            let scope = args.text("the name of a proxy")?;
            page(proxy, args).scopes.push(scope);
            Ok(())
        },
    },
    Keyword {
        words: "stats show-node",
        sections: HERE,
        summary: "show the node's name, or the given one",
        parse: |proxy, args| {
            let node = args.next().map(|word| word.text.clone()).unwrap_or_default();
            page(proxy, args).show_node = Some(node);
            Ok(())
        },
    },
    Keyword {
        words: "stats show-desc",
        sections: HERE,
        summary: "show the description of `global`, or the given one",
        parse: |proxy, args| {
            let text = args
                .peek()
                .is_some()
                .then(|| sentence(args))
                .transpose()?
                .unwrap_or_default();
            page(proxy, args).show_desc = Some(text);
            Ok(())
        },
    },
    Keyword {
        words: "stats show-legends",
        sections: HERE,
        summary: "show addresses and settings as tooltips",
        parse: |proxy, args| {
            page(proxy, args).show_legends = true;
            Ok(())
        },
    },
    Keyword {
        words: "http-request use-service prometheus-exporter",
        sections: HERE,
        summary: "serve metrics: at the path of `if { path /metrics }`, or everywhere; also at /metrics of every page",
        parse: exporter,
    },
];

/// What a condition may decide.
pub(super) const RULES: &[Keyword<Proxy>] = &[
    Keyword {
        words: "stats admin",
        sections: Sections::PROXIES,
        summary: "`if TRUE` allows changes through the page, another condition to who fits it",
        parse: admin,
    },
    Keyword {
        words: "stats http-request",
        sections: Sections::PROXIES,
        summary: "who sees the page, the first that fits: allow, deny, or auth [realm NAME]; then a condition",
        parse: request,
    },
];

fn page<'a>(proxy: &'a mut Proxy, args: &Args<'_>) -> &'a mut Stats {
    let stats = proxy.settings.stats_at(args.line_span());
    stats.page = true;
    stats
}

fn refresh(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let time = args.time_in_seconds()?;
    page(proxy, args).refresh = Some(time).filter(|time| !time.is_zero());
    Ok(())
}

fn auth(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let word = args.word("USER:PASSWORD")?;
    let Some((user, password)) = word.text.split_once(':').filter(|(user, _)| !user.is_empty()) else {
        let message = "this is not USER:PASSWORD";
        return Err(Diagnostic::error(code::BAD_VALUE, word.span, message).help("a colon separates the two"));
    };
    if !proxy.rules.page.is_empty() {
        return Err(contradiction(word.span));
    }
    page(proxy, args).auth.push((user.to_owned(), password.to_owned()));
    Ok(())
}

/// `if { path /metrics }` says where they are; without a condition they are everywhere.
fn exporter(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let words: Vec<&str> = args.rest().iter().map(|word| word.text.as_str()).collect();
    let path = match words.as_slice() {
        [] => "",
        ["if", "{", "path", path, "}"] if path.starts_with('/') => path,
        _ => {
            let message = "metrics are served at one path, or everywhere";
            let diagnostic = Diagnostic::error(code::UNSUPPORTED, args.line_span(), message);
            return Err(diagnostic.help("write `http-request use-service prometheus-exporter if { path /metrics }`"));
        }
    };
    let stats = proxy.settings.stats_at(args.line_span());
    stats.metrics = Some(path.to_owned());
    args.skip(words.len());
    Ok(())
}

fn admin(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let (at, text) = (args.line_span(), quote::joined(args.rest()));
    args.word("`if` or `unless`, and a condition")?;
    let (how, name) = match text.split_once(' ') {
        Some(("if", name)) => (true, name),
        Some(("unless", name)) => (false, name),
        _ => {
            let message = "a condition is missing";
            return Err(Diagnostic::error(code::MISSING, at, message).help("write `stats admin if TRUE`"));
        }
    };
    match name {
        "TRUE" | "FALSE" => {
            args.skip(1);
            page(proxy, args).admin |= (name == "TRUE") == how;
            Ok(())
        }
        _ => {
            let words: Vec<_> = args.take_rest().to_vec();
            let how = Word {
                text: if how { "if" } else { "unless" }.to_owned(),
                span: at,
            };
            let when = proxy.rules.book.condition(&how, &words, args.world)?;
            page(proxy, args);
            proxy.rules.page_changers.push(Spanned::new(when, at));
            note(proxy, "admin", text);
            Ok(())
        }
    }
}

fn request(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let (at, text) = (args.line_span(), quote::joined(args.rest()));
    if proxy
        .settings
        .stats
        .as_ref()
        .is_some_and(|stats| !stats.value.auth.is_empty())
    {
        return Err(contradiction(at));
    }
    let verdicts = [("allow", Asked::Allow), ("deny", Asked::Deny), ("auth", Asked::Auth)];
    let verdict = match args.choice("what comes of a request", &verdicts)? {
        Asked::Allow => Verdict::Allow,
        Asked::Deny => Verdict::Deny,
        Asked::Auth => Verdict::Auth { realm: realm(args)? },
    };
    let when = rules::condition(proxy, args)?;
    page(proxy, args);
    proxy.rules.page.push(Spanned::new(PageRule { verdict, when }, at));
    note(proxy, "http-request", text);
    Ok(())
}

/// Both would say who is let in; HAProxy refuses that, too.
fn contradiction(at: Span) -> Diagnostic {
    let message = "`stats auth` and `stats http-request` cannot both say who sees the page";
    Diagnostic::error(code::CONFLICT, at, message)
        .help("name the users in a section `userlist`, and write `stats http-request auth unless { http_auth(LIST) }`")
}

#[derive(Clone, Copy)]
enum Asked {
    Allow,
    Deny,
    Auth,
}

fn realm(args: &mut Args<'_>) -> Result<Option<Box<str>>, Diagnostic> {
    if args.peek().is_none_or(|word| word.text != "realm") {
        return Ok(None);
    }
    args.skip(1);
    args.text("a name").map(|name| Some(name.into()))
}

/// Keeps a line for the other dialect.
fn note(proxy: &mut Proxy, keyword: &str, text: String) {
    proxy.rules.lines.push(Said {
        keyword: "stats".to_owned(),
        text: format!("{keyword} {text}"),
    });
}
