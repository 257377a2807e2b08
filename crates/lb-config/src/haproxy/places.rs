//! What asks for something where it is not there yet, or not any more: HAProxy refuses such an expression, and warns of such
//! a condition.

use tandem_lb_core::acl::{Acls, Condition};
use tandem_lb_core::expr::{Expr, Origin, Place};
use tandem_text::{Diagnostic, Span};

use super::args::{Args, Outcome};
use crate::code;
use crate::draft::Role;

/// Where the content rules of such a proxy stand: a `listen` is both.
pub(super) const fn content(role: Role) -> &'static [Place] {
    match role {
        Role::Frontend => &[Place::Content],
        Role::Backend => &[Place::BackendContent],
        Role::Listen | Role::Defaults => &[Place::Content, Place::BackendContent],
    }
}

/// The first that can never be answered at any of these places is a mistake.
pub(super) fn fit<'a>(exprs: impl IntoIterator<Item = &'a Expr>, places: &[Place], at: Span) -> Outcome {
    let mut odd = exprs.into_iter().filter_map(|expr| expr.out_of_place(places));
    match odd.next() {
        None => Ok(()),
        Some(origin) => Err(said(Diagnostic::error, "this", origin, places, at)),
    }
}

/// Warns of a condition that never holds there.
pub(super) fn ask(when: Option<&Condition>, acls: &Acls, places: &[Place], args: &mut Args<'_>) {
    let at = args.line_span();
    if let Some(origin) = when.and_then(|when| when.out_of_place(acls, places)) {
        args.report(said(Diagnostic::warning, "this condition", origin, places, at));
    }
}

type Make = fn(tandem_text::Code, Span, String) -> Diagnostic;

fn said(make: Make, what: &str, origin: Origin, places: &[Place], at: Span) -> Diagnostic {
    let is_late = places.iter().all(|place| origin.was_there(*place));
    let when = if is_late {
        "which is gone"
    } else {
        "which is not there yet"
    };
    let message = format!("{what} asks for {}, {when}", origin.words());
    make(code::CONFLICT, at, message).help(help(origin, is_late))
}

fn help(origin: Origin, is_late: bool) -> &'static str {
    match origin {
        _ if is_late => {
            "keep it where it is there: `tcp-request content set-var(txn.name) FETCH`, and ask for `var(txn.name)` here"
        }
        Origin::Anywhere | Origin::ClientTls => "write it as a `tcp-request session` rule, or a later one",
        Origin::Request | Origin::Kept | Origin::Either => "write it as a `tcp-request content` rule",
        Origin::Backend => "write it in the backend",
        Origin::Response | Origin::Server | Origin::ServerConnection => {
            "write it as a `tcp-response content` rule, or into the line"
        }
    }
}
