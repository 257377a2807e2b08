//! Who may come in, and do what.

use crate::draft::{Permits, Right, User, Who};
use crate::placeholder;
use crate::takes::policy;
use crate::uri::list;
use crate::walk::how_to_fill;
use crate::work::{NOT_THERE, Outcome, Said, Work};

pub(crate) fn named_users(work: &mut Work<'_>, _: &Said<'_>) -> Outcome {
    work.draft.who = Some(Who::Users);
    Outcome::kept("[[user]]")
}

pub(crate) fn elsewhere(work: &mut Work<'_>, _: &Said<'_>) -> Outcome {
    work.draft.who = Some(Who::Elsewhere);
    Outcome::missing("the files that say who may come in are not read: write a [[user]] for each, or nobody comes in")
}

pub(crate) fn security_enabled(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let who = match said.value.eq_ignore_ascii_case("false") {
        true => Who::Anybody,
        false => Who::Elsewhere,
    };
    work.draft.who = Some(who);
    match who {
        Who::Anybody => Outcome::kept("anonymous"),
        Who::Users | Who::Elsewhere => {
            Outcome::kept("anonymous, which is not there: nobody comes in without a [[user]]")
        }
    }
}

pub(crate) fn anonymous(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    match said.is_true() {
        true => {
            work.draft.lets_guests_in = true;
            Outcome::kept("anonymous")
        }
        false => Outcome::Implied,
    }
}

pub(crate) fn anonymous_group(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    work.draft.guests = Some(said.value.to_owned());
    Outcome::kept("anonymous-groups, if rights are told")
}

pub(crate) fn user(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let says = |name: &str| placeholder::fill(said.element.says(name).unwrap_or_default(), work.world);
    let (name, password, groups) = (says("username"), says("password"), says("groups"));
    let missing = [&name, &password, &groups]
        .into_iter()
        .find_map(|filled| filled.missing.as_deref());
    if let Some(missing) = missing {
        return Outcome::Wrong(format!("${{{missing}}} has no value here: {}", how_to_fill(missing)));
    }
    if name.text.is_empty() || work.draft.users.iter().any(|user| user.name == name.text) {
        return Outcome::Wrong("a user has a name, and is there once".to_owned());
    }
    if password.text.starts_with("ENC(") {
        return Outcome::missing("encrypted passwords are not read");
    }
    let Some(password_hash) = (work.world.hash)(&password.text) else {
        return Outcome::missing("its password could not be hashed");
    };
    let groups = list(&groups.text).into_iter().map(str::to_owned).collect();
    work.user = Some(User {
        name: name.text,
        password_hash,
        groups,
    });
    Outcome::kept("[[user]]")
}

pub(crate) fn user_ends(work: &mut Work<'_>, _: &Said<'_>) -> Option<Outcome> {
    let user = work.user.take();
    work.draft.users.extend(user);
    None
}

pub(crate) fn are_told(work: &mut Work<'_>, _: &Said<'_>) -> Outcome {
    work.draft.has_rights = true;
    Outcome::kept("[[group]]")
}

pub(crate) fn entry(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    work.permits = None;
    let (patterns, is_of_topics) = match policy::patterns(work, said.element) {
        Ok(found) => found,
        Err(why) => return Outcome::Wrong(why),
    };
    if is_of_topics && patterns.iter().all(|pattern| pattern.starts_with("ActiveMQ.Advisory")) {
        return Outcome::no_effect("there are no advisory topics");
    }
    work.permits = Some(Permits {
        patterns,
        grants: Vec::new(),
    });
    Outcome::kept("[[group]]")
}

/// Artemis's.
pub(crate) fn setting(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    work.permits = None;
    work.draft.has_rights = true;
    let text = work.filled(said.element.says("match").unwrap_or_default());
    match policy::pattern(&text) {
        Ok(pattern) => {
            work.permits = Some(Permits {
                patterns: vec![pattern],
                grants: Vec::new(),
            });
            Outcome::kept("[[group]]")
        }
        Err(why) => Outcome::Wrong(why),
    }
}

pub(crate) fn entry_ends(work: &mut Work<'_>, _: &Said<'_>) -> Option<Outcome> {
    let permits = work.permits.take();
    work.draft.permits.extend(permits);
    None
}

pub(crate) fn permit(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let right = match said.name {
        "read" => Right::Read,
        "write" => Right::Write,
        _ => Right::Configure,
    };
    grant(work, right, said.value, said.entry)
}

/// Artemis's: `type="send" roles="a, b"`.
pub(crate) fn permission(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let kind = said.element.says("type").unwrap_or_default();
    let right = match kind {
        "send" => Right::Write,
        "consume" | "browse" => Right::Read,
        "manage" | "view" | "edit" => return Outcome::no_effect("there is no management by messages"),
        _ if kind.starts_with("create") || kind.starts_with("delete") => Right::Configure,
        _ => return Outcome::Unknown(format!("{kind:?} is no permission that is known here")),
    };
    let roles = work.filled(said.element.says("roles").unwrap_or_default());
    grant(work, right, &roles, said.entry)
}

fn grant(work: &mut Work<'_>, right: Right, groups: &str, entry: usize) -> Outcome {
    let Some(permits) = &mut work.permits else {
        return Outcome::missing(NOT_THERE);
    };
    for group in list(groups) {
        permits.grants.push((right, group.to_owned(), entry));
    }
    Outcome::Kept(format!("[[group]] {}", right.name()))
}
