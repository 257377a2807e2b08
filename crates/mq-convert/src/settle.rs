//! What only the whole says: who may come in, which policies count where, whether the console asks for a password.

mod policies;

use tandem_mq_core::Pattern;

use crate::draft::{Draft, Permits, Right, Who};
use crate::ledger::Ledger;
use crate::work::Outcome;

pub(crate) fn settle(draft: &mut Draft, is_artemis: bool, ledger: &mut Ledger) {
    let usual = if is_artemis { Who::Elsewhere } else { Who::Anybody };
    let mut who = draft.who.unwrap_or(usual);
    let rights_alone = draft.has_rights && !is_artemis && draft.who.is_none();
    if rights_alone {
        // Whoever has no name has no right there.
        who = Who::Elsewhere;
    }
    draft.who = Some(who);
    rights(draft, is_artemis, ledger);
    console(draft, ledger);
    policies::settle(draft, is_artemis, ledger);
}

/// The group that stands for everybody who has a name.
const EVERYBODY: &str = "everybody";

fn rights(draft: &mut Draft, is_artemis: bool, ledger: &mut Ledger) {
    let permits = std::mem::take(&mut draft.permits);
    let is_off = is_artemis && draft.who == Some(Who::Anybody);
    for (place, own) in permits.iter().enumerate() {
        for (right, group, entry) in &own.grants {
            if is_off {
                ledger.amend(*entry, Outcome::no_effect("security-enabled is false"));
                continue;
            }
            let others = permits.iter().enumerate().filter(|(other, _)| *other != place);
            let mut others = others.map(|(_, other)| other);
            if is_artemis && others.any(|other| takes_away(own, other, *right, group)) {
                let why =
                    "a setting for fewer names takes that away, which rights do not do here: write them for each name";
                ledger.amend(*entry, Outcome::missing(why));
                continue;
            }
            let name = if group == "*" && !is_artemis {
                EVERYBODY
            } else {
                group.as_str()
            };
            let rights = draft.groups.entry(name.to_owned()).or_default();
            let list = rights.list(*right);
            let new = own.patterns.iter().filter(|pattern| !list.contains(pattern)).cloned();
            let new: Vec<String> = new.collect();
            list.extend(new);
        }
    }
    draft.has_rights &= !is_off;
    if !draft.has_rights {
        draft.users.iter_mut().for_each(|user| user.groups.clear());
        draft.guests = None;
        return;
    }
    let is_for_all = draft.groups.contains_key(EVERYBODY);
    for user in &mut draft.users {
        if is_for_all {
            user.groups.push(EVERYBODY.to_owned());
        }
        for group in &user.groups {
            draft.groups.entry(group.clone()).or_default();
        }
    }
    if draft.lets_guests_in {
        let guests = draft.guests.get_or_insert_with(|| "anonymous".to_owned());
        draft.groups.entry(guests.clone()).or_default();
    }
}

/// In Artemis the setting that says most of a name counts alone; rights here are added up.
fn takes_away(own: &Permits, other: &Permits, right: Right, group: &str) -> bool {
    let covers = own.patterns.iter().any(|pattern| {
        let pattern = Pattern::new(pattern);
        other.patterns.iter().any(|other| pattern.covers(&Pattern::new(other)))
    });
    let has_it = other
        .grants
        .iter()
        .any(|(other, name, _)| *other == right && name == group);
    covers && own.patterns != other.patterns && !has_it
}

fn console(draft: &Draft, ledger: &mut Ledger) {
    let is_open = draft.who == Some(Who::Anybody) || draft.lets_guests_in;
    for (entry, asks) in &draft.console.login {
        match (*asks, is_open) {
            (true, true) => {
                let why = "who may come in without a name may use the console without one: have it on an address that only \
                           you reach, or write a [[user]] and leave anonymous out";
                ledger.amend(*entry, Outcome::missing(why));
            }
            (false, false) => ledger.amend(*entry, Outcome::missing("the console asks for the broker's users")),
            (true, false) | (false, true) => {}
        }
    }
}
