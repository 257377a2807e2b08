//! The commands that a configuration names, and whom they are run as.

use std::sync::Arc;

use tandem_vrrp_config::{Command, Notify, Plan, User};
use tandem_vrrp_core::settings::TrackerKind;

/// A command as it may be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    words: Vec<Arc<str>>,
    /// Words that the daemon may add: what has happened, or the pipe to read.
    more: usize,
    user: Option<User>,
}

/// All of them.
pub fn all(plan: &Plan) -> Vec<Allowed> {
    let usual = default_user(plan);
    let mut all = Vec::new();
    for tracker in &plan.router.trackers {
        if let TrackerKind::Script(script) = &tracker.kind {
            let own = script.user.clone().map(|name| User {
                name,
                group: script.group.clone(),
            });
            all.push(Allowed {
                words: script.command.clone(),
                more: 0,
                user: own.or_else(|| usual.clone()),
            });
        }
    }
    let mut add = |command: &Command, more: usize| {
        all.push(Allowed {
            words: command.words.clone(),
            more,
            user: command.user.clone().or_else(|| usual.clone()),
        });
    };
    let instances = plan.instances.iter().map(|instance| &instance.notify);
    for notify in instances.chain(plan.groups.iter().map(|group| &group.notify)) {
        of_notify(notify, &mut add);
    }
    let scripts = &plan.global.scripts;
    for reader in [&scripts.notify_fifo_script, &scripts.vrrp_notify_fifo_script] {
        reader.iter().for_each(|command| add(command, 1));
    }
    for once in [&scripts.startup, &scripts.shutdown] {
        once.iter().for_each(|once| add(&once.command, 0));
    }
    all
}

fn of_notify(notify: &Notify, add: &mut impl FnMut(&Command, usize)) {
    /// What, name, state and priority.
    const NEWS: usize = 4;
    let plain = [
        &notify.master,
        &notify.backup,
        &notify.fault,
        &notify.stop,
        &notify.deleted,
        &notify.master_rx_lower,
    ];
    plain.into_iter().flatten().for_each(|command| add(command, 0));
    notify.any.iter().for_each(|command| add(command, NEWS));
}

impl Allowed {
    /// Whether this is what is asked for.
    pub fn covers(&self, words: &[String], user: &str, group: Option<&str>) -> bool {
        let same_user = self
            .user
            .as_ref()
            .is_some_and(|own| *own.name == *user && own.group.as_deref() == group);
        let begins = self.words.iter().zip(words).all(|(own, asked)| **own == **asked);
        let length = self.words.len();
        same_user && begins && (length..=length + self.more).contains(&words.len())
    }

    pub fn words(&self) -> &[Arc<str>] {
        &self.words
    }

    /// `None` is who the daemon is.
    pub fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }
}

/// Keepalived's: `script_user`, or a user of this very name, or who we are.
pub fn default_user(plan: &Plan) -> Option<User> {
    const NAME: &str = "keepalived_script";
    let configured = plan.global.scripts.user.clone();
    configured.or_else(|| {
        let exists = nix::unistd::User::from_name(NAME).is_ok_and(|user| user.is_some());
        exists.then(|| User {
            name: NAME.into(),
            group: None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_configuration_says() {
        let text = "global_defs {\n script_user daemon\n enable_script_security\n}\n\
             vrrp_script chk {\n script \"/bin/check one\"\n user nobody nogroup\n}\n\
             vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n notify \"/bin/tell all\"\n \
             notify_master /bin/rise\n virtual_ipaddress {\n 10.9.0.100\n }\n track_script {\n chk\n }\n}\n";
        let context = tandem_text::keepalived::Context {
            files: &tandem_text::keepalived::NoFiles,
            env: &|_| None,
            config_id: "x",
            seed: 0,
        };
        let machine = tandem_vrrp_config::Machine::new(context);
        let loaded = tandem_vrrp_config::load("k.conf", text.to_owned(), &machine, None);
        let plan = loaded.plan.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let all = all(&plan);
        let table = [
            ("/bin/check one", "nobody", Some("nogroup"), true),
            ("/bin/check one", "nobody", None, false),
            ("/bin/check one", "root", Some("nogroup"), false),
            ("/bin/check one two", "nobody", Some("nogroup"), false),
            ("/bin/check", "nobody", Some("nogroup"), false),
            ("/bin/tell all INSTANCE VI_1 MASTER 100", "daemon", None, true),
            ("/bin/tell all", "daemon", None, true),
            ("/bin/tell all a b c d e", "daemon", None, false),
            ("/bin/rise", "daemon", None, true),
            ("/bin/rise and", "daemon", None, false),
            ("/bin/sh", "daemon", None, false),
        ];
        for (line, user, group, expected) in table {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let covered = all.iter().any(|allowed| allowed.covers(&words, user, group));
            assert_eq!(covered, expected, "{line} as {user} {group:?}");
        }
    }
}
