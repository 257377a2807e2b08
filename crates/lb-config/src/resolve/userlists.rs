//! Lists of users: who is in which group.

use std::sync::Arc;

use tandem_text::{Diagnostic, Span};

use super::references::unless_known;
use crate::code;
use crate::draft::Userlist;
use crate::plan;

pub(super) fn check(lists: &[Userlist], report: &mut Vec<Diagnostic>) {
    for (at, list) in lists.iter().enumerate() {
        if lists[..at].iter().any(|other| other.name.value == list.name.value) {
            let message = format!("another userlist is `{}` already", list.name.value);
            let error = Diagnostic::error(code::DUPLICATE, list.name.span, message);
            report.push(error.help("give it another name"));
        }
        let users = || list.users.iter().map(|user| user.name.value.as_str());
        let groups = || list.groups.iter().map(|(name, _)| name.value.as_str());
        let in_users = list.users.iter().flat_map(|user| &user.groups);
        report.extend(in_users.filter_map(|name| unless_known("group", &name.value, groups(), name.span)));
        let in_groups = list.groups.iter().flat_map(|(_, users)| users);
        report.extend(in_groups.filter_map(|name| unless_known("user", &name.value, users(), name.span)));
    }
}

pub(super) fn all(lists: &[Userlist]) -> Vec<Arc<plan::Userlist>> {
    lists.iter().map(|list| Arc::new(one(list))).collect()
}

fn one(list: &Userlist) -> plan::Userlist {
    let users = list.users.iter().map(|user| {
        let is_in = |(group, users): &&(tandem_text::Spanned<String>, Vec<tandem_text::Spanned<String>>)| {
            let says_user = user.groups.iter().any(|said| said.value == group.value);
            says_user || users.iter().any(|said| said.value == user.name.value)
        };
        let groups = list.groups.iter().filter(is_in);
        plan::User {
            name: user.name.value.as_str().into(),
            password: user.password.clone(),
            groups: groups.map(|(name, _)| name.value.as_str().into()).collect(),
        }
    });
    plan::Userlist {
        name: list.name.value.clone(),
        users: users.collect(),
    }
}

/// What is wrong with a question about the password of whoever asks for a page.
pub(super) fn asked(name: &str, is_http: bool, lists: &[Userlist], at: Span) -> Option<Diagnostic> {
    if !is_http {
        let message = "who shows a password is only known where a page is asked for";
        let error = Diagnostic::error(code::UNSUPPORTED, at, message);
        return Some(error.help("ask in a section with `mode http`, for `stats http-request` and `stats admin`"));
    }
    unless_known("userlist", name, lists.iter().map(|list| &*list.name.value), at)
}
