//! What the section of a statistics page may say of those who ask for it.

use tandem_lb_core::acl::Condition;
use tandem_lb_core::expr::{Fact, Fetch};
use tandem_text::{Diagnostic, Span};

use crate::code;
use crate::draft::{Mode, Proxy};

pub(super) fn check(proxy: &Proxy, report: &mut Vec<Diagnostic>) {
    visitors(proxy, report);
    if proxy.settings.mode == Mode::Http && proxy.settings.stats.is_some() {
        in_vain(proxy, report);
    }
}

/// What is about servers and their answers would be asked by nobody.
fn in_vain(proxy: &Proxy, report: &mut Vec<Diagnostic>) {
    let (rules, whole) = (&proxy.rules, proxy.name.span);
    let said: [(&str, Option<Span>); 5] = [
        ("use_backend", rules.routes.first().map(|route| route.span)),
        ("use-server", rules.servers.first().map(|rule| rule.span)),
        ("stick", proxy.stick_rules.first().map(|rule| rule.span)),
        ("tcp-response", (!rules.response.is_empty()).then_some(whole)),
        ("filter bwlim", (!rules.limiters.is_empty()).then_some(whole)),
    ];
    for (word, at) in said {
        let Some(at) = at else { continue };
        let message = format!("`{word}` means nothing to the statistics page `{}`", proxy.name.value);
        report.push(
            Diagnostic::error(code::UNSUPPORTED, at, message)
                .help("take it out of the section with the page: nothing is relayed there"),
        );
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
