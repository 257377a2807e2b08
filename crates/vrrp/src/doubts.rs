//! What is well written and will not work on this host as this user: said by `-t`, at the start and at a reload.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::unistd::geteuid;
use tandem_sys::capabilities::{Capability, holds};
use tandem_vrrp::allowed::{self, Allowed};
use tandem_vrrp::safety;
use tandem_vrrp_config::Plan;

use crate::launcher;
use crate::runner::{is_us, unsafe_for_root};
use crate::track::answers_itself;

pub(crate) fn of(plan: &Plan) -> Vec<String> {
    let careful = plan.global.scripts.security;
    let all = allowed::all(plan);
    let mut doubts: Vec<String> = all.iter().filter_map(|allowed| script(allowed, careful)).collect();
    doubts.dedup();
    doubts.extend(capabilities());
    doubts
}

/// Why it could only pretend to be a router: it would be master without an advert that others hear, or without the
/// addresses that it says it has.
pub(crate) fn cannot_run(plan: &Plan) -> Option<String> {
    let lacks = |capability| !holds(capability).unwrap_or(true);
    let instances = &plan.router.instances;
    let holder = instances.iter().any(|i| i.addresses().next().is_some());
    let what = if !instances.is_empty() && lacks(Capability::NetRaw) {
        "CAP_NET_RAW: no advert can be sent"
    } else if holder && lacks(Capability::NetAdmin) {
        "CAP_NET_ADMIN: no address can be added"
    } else {
        return None;
    };
    Some(format!("missing permission {what}"))
}

fn script(allowed: &Allowed, careful: bool) -> Option<String> {
    let words: Vec<&str> = allowed.words().iter().map(|word| &**word).collect();
    let word = words.first()?;
    // Nothing is run for these.
    if answers_itself(&words) {
        return None;
    }
    let line = words.join(" ");
    let Some(program) = safety::program(word) else {
        return Some(format!("`{line}` cannot run: there is no program {word}"));
    };
    let runnable = fs::metadata(&program).map(|data| data.is_file() && data.permissions().mode() & 0o111 != 0);
    match runnable {
        Ok(true) => {}
        Ok(false) => {
            return Some(format!(
                "`{line}` cannot run: {} is no executable file",
                program.display()
            ));
        }
        Err(error) => return Some(format!("`{line}` cannot run: {}: {error}", program.display())),
    }
    let by_us = || {
        // A launcher is always careful.
        let why = (careful || launcher::runs_ours())
            .then(|| unsafe_for_root(word))
            .flatten()?;
        Some(format!("`{line}` cannot run: {why}"))
    };
    let Some(user) = allowed.user() else { return by_us() };
    match is_us(&user.name, user.group.as_deref()) {
        Ok(true) => by_us(),
        Ok(false) => launcher::why_absent().map(|why| format!("`{line}` cannot run as {}: {why}", user.name)),
        Err(error) => Some(format!("`{line}` cannot run: {error}")),
    }
}

/// An ordinary user who tests a configuration is not who will run it.
fn capabilities() -> Vec<String> {
    if !geteuid().is_root() {
        return Vec::new();
    }
    let needed = [
        (Capability::NetAdmin, "CAP_NET_ADMIN: no address can be added"),
        (Capability::NetRaw, "CAP_NET_RAW: no advert can be sent"),
        (
            Capability::SysNice,
            "CAP_SYS_NICE: on a busy host adverts may come late",
        ),
        (Capability::IpcLock, "CAP_IPC_LOCK: a host that pages may delay adverts"),
    ];
    let missing = needed
        .into_iter()
        .filter(|(capability, _)| !holds(*capability).unwrap_or(false));
    missing.map(|(_, what)| format!("this user has no {what}")).collect()
}
