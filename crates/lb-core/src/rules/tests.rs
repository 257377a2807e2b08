//! Sets of rules: who decides, who waits, what is done on the way.

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::acl::{Acl, How, List, Method, Patterns, Term, Test};
use crate::conn::Side;
use crate::expr::content::{Content, Part};
use crate::expr::{Expr, Fact, Fetch, Sample, Scope, Variable};

#[derive(Default)]
struct Client {
    bytes: Vec<u8>,
    is_final: bool,
    variables: Vec<(Variable, Sample<'static>)>,
    done: Vec<String>,
    /// What it asked for last, and what that has come to.
    question: Option<Question>,
    found: Option<Option<IpAddr>>,
    /// How often it was asked for a number that is another each time.
    numbers: Cell<i64>,
}

impl Context for Client {
    fn content(&self) -> Option<Content<'_>> {
        Some(Content {
            bytes: &self.bytes,
            is_final: self.is_final,
        })
    }

    fn fact(&self, fact: &Fact) -> Option<Sample<'_>> {
        match fact {
            Fact::Src => Some(Sample::Ip(IpAddr::from([10, 0, 0, 1]))),
            Fact::Rand(None) => {
                self.numbers.set(self.numbers.get() + 1);
                Some(Sample::Int(self.numbers.get()))
            }
            _ => None,
        }
    }

    fn variable(&self, variable: &Variable) -> Option<Sample<'_>> {
        let found = self.variables.iter().find(|(known, _)| known == variable);
        found.map(|(_, value)| value.borrow())
    }

    fn wall_micros(&self) -> i64 {
        0
    }

    fn local_offset(&self, _: i64) -> i32 {
        0
    }
}

impl Actor for Client {
    fn perform(&mut self, effect: Effect<'_>) {
        self.done.push(format!("{effect:?}"));
        if let Effect::Variable(variable, VariableChange::Set(value)) = effect {
            self.variables.push((variable.clone(), value));
        }
    }

    fn look_up(&mut self, question: Question) {
        self.question = Some(question);
    }

    fn looked_up(&mut self) -> Poll<Option<IpAddr>> {
        self.found.take().map_or(Poll::Pending, Poll::Ready)
    }

    fn context(&self) -> &dyn Context {
        self
    }
}

fn number(number: i64) -> Expr {
    Expr::of(Fetch::Constant(Sample::Int(number)))
}

fn length() -> Expr {
    Expr::of(Fetch::Part(Part::Length))
}

/// One ACL: at least `n` bytes have come.
fn at_least(n: i64) -> Acls {
    let how = How {
        method: Method::Int,
        any_case: false,
    };
    let patterns = Patterns::new(how, Arc::new(List::of([(format!("{n}:").as_str(), None)])));
    Acls(vec![Acl {
        tests: vec![Test {
            expr: length(),
            any: vec![Arc::new(patterns.expect("a range of numbers"))],
        }],
    }])
}

fn when(unless: bool) -> Option<Condition> {
    Some(Condition {
        unless,
        any: vec![vec![Term { negated: false, acl: 0 }]],
    })
}

fn rules(rules: impl IntoIterator<Item = (Action, Option<Condition>)>) -> Ruleset {
    Ruleset {
        rules: rules
            .into_iter()
            .map(|(action, when)| Rule {
                action,
                when,
                spot: Spot::default(),
            })
            .collect(),
    }
}

fn variable(name: &str) -> Variable {
    Variable {
        scope: Scope::Session,
        name: name.into(),
    }
}

/// `do-resolve` of this name.
fn resolve(name: Expr) -> Action {
    Action::Resolve {
        variable: variable("ip"),
        resolvers: "names".into(),
        first: Kind::V4,
        name,
    }
}

fn text(text: &'static str) -> Expr {
    Expr::of(Fetch::Constant(Sample::text(text)))
}

#[test]
fn a_look_up_is_waited_for_and_gone_on_with() {
    let acls = at_least(4);
    let mark = Action::SetMark(Side::Client, number(1));
    let set = rules([
        (mark.clone(), None),
        (resolve(text("a.test")), when(false)),
        (mark, None),
    ]);
    let mut client = after(b"abcd", false);
    assert_eq!(set.run(&acls, &mut client), Verdict::LookUp { rule: 1 });
    let question = Question {
        resolvers: "names".into(),
        name: Name::parse("a.test").expect("a name"),
        first: Kind::V4,
    };
    assert_eq!((client.question.take(), client.done.len()), (Some(question), 1));
    // Whether it applies is not asked again, and what came before is not done again.
    client.bytes.clear();
    assert_eq!(set.go_on(Some(1), &acls, &mut client), Verdict::LookUp { rule: 1 });
    client.found = Some(Some([10, 0, 0, 7].into()));
    assert_eq!(set.go_on(Some(1), &acls, &mut client), Verdict::Pass);
    assert_eq!(client.variables, [(variable("ip"), Sample::Ip([10, 0, 0, 7].into()))]);
    assert_eq!((client.question, client.done.len()), (None, 3));
}

#[test]
fn a_name_that_is_another_each_time_is_asked_for_once() {
    let acls = Acls::default();
    let fickle = || resolve(Expr::of(Fetch::Fact(Fact::Rand(None))));
    let set = rules([(fickle(), None), (fickle(), None)]);
    let mut client = after(b"", false);
    let mut at = None;
    for (rule, name) in [(0, "1"), (1, "2")] {
        assert_eq!(set.go_on(at, &acls, &mut client), Verdict::LookUp { rule });
        let asked = client.question.take().map(|question| question.name);
        assert_eq!(asked, Name::parse(name), "the name of this moment");
        client.found = Some(Some([10, 0, 0, 7].into()));
        at = Some(rule);
    }
    assert_eq!(set.go_on(at, &acls, &mut client), Verdict::Pass);
    assert_eq!((client.question, client.variables.len()), (None, 2));
}

#[test]
fn what_has_no_address_leaves_the_variable_as_it_was() {
    let acls = Acls::default();
    let set = rules([(resolve(text("a.test")), None)]);
    let mut client = after(b"", false);
    assert_eq!(set.run(&acls, &mut client), Verdict::LookUp { rule: 0 });
    client.found = Some(None);
    assert_eq!(set.go_on(Some(0), &acls, &mut client), Verdict::Pass);
    assert!(client.done.is_empty());
    // What is no name is not asked for.
    for name in ["", "a..b"] {
        let mut client = after(b"", false);
        let verdict = rules([(resolve(text(name)), None)]).run(&acls, &mut client);
        assert_eq!((verdict, client.question), (Verdict::Pass, None), "{name}");
        assert!(client.done.is_empty(), "{name}");
    }
}

fn after(bytes: &[u8], is_final: bool) -> Client {
    Client {
        bytes: bytes.to_vec(),
        is_final,
        ..Client::default()
    }
}

#[test]
fn the_first_that_fits_decides() {
    let acls = at_least(4);
    let sets = [
        (rules([]), Verdict::Pass, Verdict::Pass),
        (rules([(Action::Reject, None)]), Verdict::Reject, Verdict::Reject),
        (
            rules([(Action::Accept, when(false)), (Action::Reject, None)]),
            Verdict::Reject,
            Verdict::Pass,
        ),
        (
            rules([(Action::Reject, when(true)), (Action::SilentDrop { ttl: None }, None)]),
            Verdict::Reject,
            Verdict::Drop { ttl: None },
        ),
    ];
    for (set, short, long) in sets {
        assert_eq!(set.run(&acls, &mut after(b"ab", true)), short);
        assert_eq!(set.run(&acls, &mut after(b"abcd", true)), long);
    }
}

#[test]
fn what_cannot_be_decided_waits_and_nothing_behind_it_runs() {
    let acls = at_least(4);
    let note = |name| {
        (
            Action::SetVar(variable(name), Box::default(), Made::Value(length())),
            None,
        )
    };
    let set = rules([
        note("before"),
        (Action::Accept, when(false)),
        note("behind"),
        (Action::Reject, None),
    ]);
    let mut client = after(b"ab", false);
    assert_eq!(set.run(&acls, &mut client), Verdict::Wait);
    assert_eq!(client.done.len(), 1, "{:?}", client.done);
    let mut client = after(b"ab", true);
    assert_eq!((set.run(&acls, &mut client), client.done.len()), (Verdict::Reject, 2));
    let mut client = after(b"abcd", false);
    assert_eq!((set.run(&acls, &mut client), client.done.len()), (Verdict::Pass, 1));
}

#[test]
fn values_travel_in_variables() {
    let read = Expr::of(Fetch::Variable(variable("a")));
    let set = rules([
        (
            Action::SetVar(variable("a"), Box::default(), Made::Value(length())),
            None,
        ),
        (Action::SetDstPort(read), None),
        (Action::SetSrc(Expr::of(Fetch::Variable(variable("none")))), None),
        (Action::SetTos(Side::Server, number(16)), None),
        (Action::SetLogLevel(Loudness::Silent), None),
    ]);
    let mut client = after(b"abc", true);
    assert_eq!(set.run(&Acls::default(), &mut client), Verdict::Pass);
    // What has no value does nothing.
    assert_eq!(client.done[1..], ["DstPort(3)", "Tos(Server, 16)", "LogLevel(Silent)"]);
}

#[test]
fn conditions_of_variables() {
    use crate::expr::{Scope, When};
    let of = |scope, name: &str| Variable {
        scope,
        name: name.into(),
    };
    // The process has every variable that a rule names, also one that was not set.
    for (scope, name, when, is_set) in [
        (Scope::Transaction, "new", When::Exists, false),
        (Scope::Transaction, "new", When::ExistsNot, true),
        (Scope::Process, "new", When::Exists, true),
        (Scope::Process, "new", When::ExistsNot, false),
        (Scope::Process, "new", When::Set, false),
        (Scope::Process, "new", When::SetNot, true),
        (Scope::Transaction, "known", When::Exists, true),
        (Scope::Transaction, "known", When::SetNot, false),
        // What is known is 4, and 3 is new.
        (Scope::Transaction, "known", When::Greater, true),
        (Scope::Transaction, "known", When::Less, false),
    ] {
        let mut client = after(b"abc", true);
        client.variables.push((of(scope, "known"), Sample::Int(4)));
        let set = rules([(
            Action::SetVar(of(scope, name), [when].into(), Made::Value(length())),
            None,
        )]);
        assert_eq!(set.run(&Acls::default(), &mut client), Verdict::Pass);
        assert_eq!(client.done.len(), usize::from(is_set), "{scope:?} {name} {when:?}");
    }
}

#[test]
fn a_text_is_made_of_pieces() {
    let none = Expr::of(Fetch::Variable(variable("none")));
    let pieces = vec![
        Piece::Literal("<".into()),
        Piece::Value(length()),
        Piece::Value(none),
        Piece::Literal(">".into()),
    ];
    let made = Made::Text(pieces).value(&after(b"abc", true));
    assert_eq!(made, Some(Sample::text("<3>")));
}

#[test]
fn routes() {
    let acls = at_least(4);
    let named = |name: &str, when| Route {
        target: Target::Named(name.into()),
        when,
    };
    let made = Route {
        target: Target::Made(vec![Piece::Literal("be-".into()), Piece::Value(length())]),
        when: None,
    };
    let routes = Routes(vec![named("long", when(false)), made]);
    assert_eq!(
        routes.choose(&acls, &after(b"abcd", true), |_| true).as_deref(),
        Some("long")
    );
    assert_eq!(
        routes.choose(&acls, &after(b"ab", true), |_| true).as_deref(),
        Some("be-2")
    );
    let closed = |name: &str| name != "long";
    assert_eq!(
        routes.choose(&acls, &after(b"abcd", true), closed).as_deref(),
        Some("be-4")
    );
    assert_eq!(Routes::default().choose(&acls, &after(b"", true), |_| true), None);
    let waits = Routes(vec![named("long", when(false))]);
    assert_eq!(
        waits.choose(&acls, &after(b"ab", false), |_| true),
        None,
        "routes do not wait"
    );
}
