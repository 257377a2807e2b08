//! Any bytes are a TLS client's hello, the beginning of one, or none. What a condition on it says before the end it also
//! says when more has come, and at the end it says something.

use std::sync::OnceLock;

use tandem_lb_config::{Dialect, NamedText, load};
use tandem_lb_core::acl::Answer;
use tandem_lb_core::expr::content::Content;
use tandem_lb_core::expr::{Context, Fact, Sample, Variable};
use tandem_lb_core::rules::Requests;

const CONDITIONS: [&str; 8] = [
    "req.ssl_hello_type 1",
    "req.ssl_sni -m found",
    "req.ssl_sni -i -m end example.org",
    "req.ssl_alpn h2 mqtt",
    "req.ssl_ver 3.3:3.4",
    "req.ssl_ec_ext 1",
    "req.ssl_st_ext 1:2",
    "req.ssl_sni,lower,field(1,.) -m len 1:63",
];
/// Beyond this many bytes not every place is cut at.
const CUTS: usize = 128;

struct Client<'a>(Content<'a>);

impl Context for Client<'_> {
    fn content(&self) -> Option<Content<'_>> {
        Some(self.0)
    }

    fn fact(&self, _: &Fact) -> Option<Sample<'_>> {
        None
    }

    fn variable(&self, _: &Variable) -> Option<Sample<'_>> {
        None
    }

    fn wall_micros(&self) -> i64 {
        0
    }

    fn local_offset(&self, _: i64) -> i32 {
        0
    }
}

fn requests() -> &'static Requests {
    static REQUESTS: OnceLock<Requests> = OnceLock::new();
    REQUESTS.get_or_init(|| {
        let rules = CONDITIONS.map(|one| format!(" tcp-request content reject if {{ {one} }}\n"));
        let text = format!("frontend f\n bind *:1\n{}", rules.concat());
        let loaded = load(&[NamedText::new("t", text)], &|_| None, Some(Dialect::Haproxy));
        let mut plan = loaded.plan.expect("the conditions are right");
        plan.frontends.remove(0).requests
    })
}

pub fn check(data: &[u8]) {
    let said = |bytes, is_final| {
        let requests = requests();
        let client = Client(Content { bytes, is_final });
        let when = requests.content.rules.iter().filter_map(|rule| rule.when.as_ref());
        when.map(|when| when.eval(&requests.acls, &client)).collect::<Vec<_>>()
    };
    let (whole, end) = (said(data, false), said(data, true));
    assert!(
        end.iter().all(|answer| *answer != Answer::Unknown),
        "there is nothing to wait for"
    );
    let agree =
        |early: &[Answer], late: &[Answer]| early.iter().zip(late).all(|(e, l)| *e == Answer::Unknown || e == l);
    assert!(agree(&whole, &end), "{whole:?} {end:?}");
    let cuts = (0..data.len().min(CUTS)).chain((CUTS..data.len()).step_by(37));
    for cut in cuts {
        let early = said(&data[..cut], false);
        assert!(agree(&early, &whole), "{cut}: {early:?} {whole:?}");
    }
}
