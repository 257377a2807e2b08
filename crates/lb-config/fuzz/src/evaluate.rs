//! The first line is a test as it stands in braces, what follows are the bytes of a client. Any line is a condition or a
//! list of reasons why not, and any condition answers for any bytes; when there are no more to come, it never waits.

use tandem_lb_config::{Dialect, NamedText, load};
use tandem_lb_core::acl::Answer;
use tandem_lb_core::expr::content::Content;
use tandem_lb_core::expr::{Context, Fact, Sample, Variable};

struct Client<'a> {
    bytes: &'a [u8],
    is_final: bool,
}

impl Context for Client<'_> {
    fn content(&self) -> Option<Content<'_>> {
        Some(Content {
            bytes: self.bytes,
            is_final: self.is_final,
        })
    }

    fn fact(&self, fact: &Fact) -> Option<Sample<'_>> {
        match fact {
            Fact::Src => Some(Sample::Ip([192, 0, 2, 1].into())),
            Fact::Dst => Some(Sample::Ip([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into())),
            _ => Some(Sample::Int(7)),
        }
    }

    fn variable(&self, _: &Variable) -> Option<Sample<'_>> {
        Some(Sample::text("a:b"))
    }

    fn wall_micros(&self) -> i64 {
        1_795_262_622_795_000
    }

    fn local_offset(&self, _: i64) -> i32 {
        0
    }
}

pub fn check(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, bytes) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let text = [
        b"frontend f\n bind *:1\n tcp-request content reject if { ",
        line,
        b" }\n",
    ]
    .concat();
    let loaded = load(&[NamedText::new("t", text)], &|_| None, Some(Dialect::Haproxy));
    let Some(plan) = loaded.plan else {
        assert!(!loaded.diagnostics.is_empty());
        return;
    };
    let requests = &plan.frontends[0].requests;
    let rules = requests.content.rules.iter();
    for when in rules.filter_map(|rule| rule.when.as_ref()) {
        let at_last = when.eval(&requests.acls, &Client { bytes, is_final: true });
        assert_ne!(at_last, Answer::Unknown, "there is nothing to wait for");
        when.eval(&requests.acls, &Client { bytes, is_final: false });
    }
}
