//! What the section of a statistics page may say of those who ask for it.

use tandem_lb_core::acl::Condition;
use tandem_lb_core::expr::{Fact, Fetch};
use tandem_text::Diagnostic;

use crate::code;
use crate::draft::{Mode, Proxy};

pub(super) fn check(proxy: &Proxy, report: &mut Vec<Diagnostic>) {
    visitors(proxy, report);
    if proxy.settings.mode == Mode::Http && proxy.settings.stats.is_some() {
        in_vain(proxy, report);
    }
}

/// Nothing is relayed for a page. What would change that is refused; what only looks at servers and their answers is asked by
/// nobody, as in HAProxy.
fn in_vain(proxy: &Proxy, report: &mut Vec<Diagnostic>) {
    let (rules, name) = (&proxy.rules, &proxy.name.value);
    let message = |word: &str| format!("`{word}` means nothing to the statistics page `{name}`");
    let elsewhere = rules.routes.iter().map(|route| ("use_backend", route.span));
    let limits = rules.limiters.iter().map(|limiter| ("filter bwlim", limiter.span));
    for (word, at) in elsewhere.chain(limits) {
        report.push(
            Diagnostic::error(code::UNSUPPORTED, at, message(word))
                .help("take it out of the section with the page: nothing is relayed there"),
        );
    }
    let choices = rules.servers.iter().map(|rule| ("use-server", rule.span));
    let keys = proxy.stick_rules.iter().map(|rule| ("stick", rule.span));
    let answers = rules.response.iter().map(|rule| ("tcp-response", rule.span));
    for (word, at) in choices.chain(keys).chain(answers) {
        report
            .push(Diagnostic::warning(code::IGNORED, at, message(word)).help("leave it out: nothing is relayed there"));
    }
}

/// Whoever asks for a page has an address and perhaps a password; there is no session that more could be known of. An
/// `acl` line may stand behind the rule that names it, so this is looked at when all is read.
fn visitors(proxy: &Proxy, report: &mut Vec<Diagnostic>) {
    let acls = &proxy.rules.book.acls.0;
    let is_known = |fetch: &Fetch| match fetch {
        Fetch::Constant(_) | Fetch::Nothing | Fetch::Date { .. } | Fetch::DateMicros => true,
        Fetch::Authenticated(_) | Fetch::Group(_) => true,
        Fetch::Fact(fact) => matches!(
            fact,
            Fact::Src | Fact::SrcPort | Fact::Dst | Fact::DstPort | Fact::FrontendName | Fact::FrontendId
        ),
        _ => false,
    };
    let can_be_asked = |when: &Condition| {
        let terms = when.any.iter().flatten().filter_map(|term| acls.get(term.acl));
        terms
            .flat_map(|acl| &acl.tests)
            .all(|test| is_known(&test.expr.fetch) && test.expr.uses().is_empty())
    };
    let rules = proxy.rules.page.iter();
    let rules = rules.filter_map(|rule| Some((rule.value.when.as_ref()?, rule.span)));
    let changers = proxy.rules.page_changers.iter().map(|when| (&when.value, when.span));
    for (_, at) in rules.chain(changers).filter(|(when, _)| !can_be_asked(when)) {
        let message = "the page knows nothing of this about who asks for it";
        report.push(
            Diagnostic::error(code::UNSUPPORTED, at, message).help("ask for src, dst, their ports, or http_auth(LIST)"),
        );
    }
}
