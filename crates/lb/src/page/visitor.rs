//! Who asks for a page, as the conditions of `stats http-request` and `stats admin` see it.

use std::net::SocketAddr;
use std::sync::Arc;

use sha_crypt::{PasswordVerifier, ShaCrypt};
use tandem_lb_config::{self as plan, Password, Userlist, Verdict};
use tandem_lb_core::acl::{Answer, Condition};
use tandem_lb_core::expr::{Content, Context, Fact, Sample, Variable};
use tandem_ops::clock::Wall;
use tandem_text::secret;

use crate::rules::local_offset;

/// The ends of a connection, where they have addresses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
}

/// Somebody with what is known of him.
pub(super) struct Visitor<'a> {
    pub(super) ends: Ends,
    pub(super) frontend: &'a plan::Frontend,
    /// The lists that his password is in, with his groups there.
    pub(super) known: Vec<(Arc<str>, Vec<Arc<str>>)>,
}

impl Visitor<'_> {
    /// What the first rule says that fits; without one everybody is let in.
    pub(super) fn verdict<'s>(&self, settings: &'s plan::Stats) -> &'s Verdict {
        let fits = |rule: &&plan::PageRule| match rule.when.as_ref().map(|when| self.asked(when)) {
            None | Some(Answer::Yes) => true,
            Some(Answer::No) => false,
            // Who cannot be told from those who are kept out is kept out.
            Some(Answer::Unknown) => !matches!(rule.verdict, Verdict::Allow),
        };
        let rule = settings.rules.iter().find(fits);
        rule.map_or(&Verdict::Allow, |rule| &rule.verdict)
    }

    pub(super) fn may_change(&self, settings: &plan::Stats) -> bool {
        settings.admin || settings.changers.iter().any(|when| self.asked(when) == Answer::Yes)
    }

    fn asked(&self, when: &Condition) -> Answer {
        when.eval(&self.frontend.requests.acls, self)
    }
}

impl Context for Visitor<'_> {
    /// There is none, and what would be in it is not known.
    fn content(&self) -> Option<Content<'_>> {
        Some(Content {
            bytes: &[],
            is_final: false,
        })
    }

    fn fact(&self, fact: &Fact) -> Option<Sample<'_>> {
        let port = |end: SocketAddr| Sample::Int(end.port().into());
        match fact {
            Fact::Src => self.ends.peer.map(|peer| Sample::Ip(peer.ip().to_canonical())),
            Fact::SrcPort => self.ends.peer.map(port),
            Fact::Dst => self.ends.local.map(|local| Sample::Ip(local.ip().to_canonical())),
            Fact::DstPort => self.ends.local.map(port),
            Fact::FrontendName => Some(Sample::text(&self.frontend.name)),
            Fact::FrontendId => Some(Sample::Int(self.frontend.id.into())),
            _ => None,
        }
    }

    fn variable(&self, _: &Variable) -> Option<Sample<'_>> {
        None
    }

    fn groups(&self, list: &str) -> Option<&[Arc<str>]> {
        let (_, groups) = self.known.iter().find(|(name, _)| **name == *list)?;
        Some(groups)
    }

    fn wall_micros(&self) -> i64 {
        Wall::now().as_micros()
    }

    fn local_offset(&self, at: i64) -> i32 {
        local_offset(at)
    }
}

/// Of a password whose sum is known.
const LONGEST: usize = 511;

/// The lists that have this user with this password. It may take a while: such sums are made to be slow.
pub(super) fn known_in(lists: &[Arc<Userlist>], credentials: &[u8]) -> Vec<(Arc<str>, Vec<Arc<str>>)> {
    let Some(colon) = credentials.iter().position(|byte| *byte == b':') else {
        return Vec::new();
    };
    let (name, password) = (&credentials[..colon], &credentials[colon + 1..]);
    let groups = |list: &Arc<Userlist>| {
        let user = list.users.iter().find(|user| user.name.as_bytes() == name)?;
        is_it(&user.password, password).then(|| (list.name.clone(), user.groups.clone()))
    };
    lists.iter().filter_map(groups).collect()
}

fn is_it(known: &Password, given: &[u8]) -> bool {
    match known {
        Password::Plain(known) => secret::same(known.as_bytes(), given),
        // The sum takes a time that grows with the square of this; the system's own refuses as much.
        Password::Crypted(_) if given.len() > LONGEST => false,
        Password::Crypted(known) => {
            let verifier: &dyn PasswordVerifier<str> = &ShaCrypt::SHA512;
            verifier.verify_password(given, known.as_str()).is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use tandem_lb_config::{NamedText, User};
    use tandem_lb_core::acl::Term;

    use super::*;

    fn list(password: Password) -> Arc<Userlist> {
        Arc::new(Userlist {
            name: "l".into(),
            users: vec![User {
                name: "a".into(),
                password,
                groups: vec!["g".into()],
            }],
        })
    }

    #[test]
    fn whose_password_it_is() {
        // The examples of the specification of SHA-crypt.
        let crypted = |text: &str| Password::Crypted(text.parse().expect("it is whole"));
        let of_256 = crypted("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5");
        let of_512 = crypted(
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        );
        let plain = Password::Plain("Hello world!".into());
        for password in [of_256, of_512, plain] {
            let lists = [list(password)];
            let known = known_in(&lists, b"a:Hello world!");
            assert_eq!(known, [(Arc::from("l"), vec![Arc::from("g")])]);
            for wrong in ["a:Hello world", "a:", "a", "b:Hello world!", ":"] {
                assert!(known_in(&lists, wrong.as_bytes()).is_empty(), "{wrong}");
            }
        }
    }
    /// The configuration refuses what cannot be asked; whoever comes here all the same is not let in by it.
    #[test]
    fn what_cannot_be_known_keeps_out() {
        let unknown = "frontend f\n bind :1\n tcp-request content accept if { payload(0,1) -m str a }\n";
        let loaded = tandem_lb_config::load(&[NamedText::new("t", unknown)], &|_| None, None);
        let plan = loaded.plan.expect("it is whole");
        let frontend = &plan.frontends[0];
        let when = Condition {
            unless: false,
            any: vec![vec![Term { negated: false, acl: 0 }]],
        };
        let visitor = Visitor {
            ends: Ends::default(),
            frontend,
            known: Vec::new(),
        };
        for verdict in [Verdict::Deny, Verdict::Auth { realm: None }, Verdict::Allow] {
            let rule = |verdict: &Verdict, when| plan::PageRule {
                verdict: verdict.clone(),
                when,
            };
            let settings = plan::Stats {
                rules: vec![rule(&verdict, Some(when.clone())), rule(&Verdict::Deny, None)],
                changers: vec![when.clone()],
                ..plan::Stats::default()
            };
            let wanted = if verdict == Verdict::Allow {
                Verdict::Deny
            } else {
                verdict
            };
            assert_eq!(*visitor.verdict(&settings), wanted);
            assert!(!visitor.may_change(&settings));
        }
    }
}
