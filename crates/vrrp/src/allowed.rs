//! The commands that a configuration names, and whom they are run as.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tandem_vrrp_config::{Command, Notify, Plan, User};
use tandem_vrrp_core::Notice;
use tandem_vrrp_core::settings::TrackerKind;

/// A command as it may be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    words: Vec<Arc<str>>,
    more: More,
    user: Option<User>,
}

/// Words that the daemon adds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum More {
    Nothing,
    /// What has happened: to whom, the new state, the priority.
    News {
        kind: &'static str,
        name: Arc<str>,
    },
    /// The pipe to read.
    Pipe(PathBuf),
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
                more: More::Nothing,
                user: own.or_else(|| usual.clone()),
            });
        }
    }
    let mut add = |command: &Command, more: More| {
        all.push(Allowed {
            words: command.words.clone(),
            more,
            user: command.user.clone().or_else(|| usual.clone()),
        });
    };
    for (instance, settings) in plan.instances.iter().zip(&plan.router.instances) {
        of_notify(&instance.notify, INSTANCE, &settings.name, &mut add);
    }
    for (group, settings) in plan.groups.iter().zip(&plan.router.groups) {
        of_notify(&group.notify, GROUP, &settings.name, &mut add);
    }
    let scripts = &plan.global.scripts;
    let readers = [
        (&scripts.notify_fifo, &scripts.notify_fifo_script),
        (&scripts.vrrp_notify_fifo, &scripts.vrrp_notify_fifo_script),
    ];
    for (fifo, reader) in readers {
        if let (Some(fifo), Some(reader)) = (fifo, reader) {
            add(reader, More::Pipe(fifo.path.clone()));
        }
    }
    for once in [&scripts.startup, &scripts.shutdown] {
        once.iter().for_each(|once| add(&once.command, More::Nothing));
    }
    all
}

fn of_notify(notify: &Notify, kind: &'static str, name: &Arc<str>, add: &mut impl FnMut(&Command, More)) {
    let plain = [
        &notify.master,
        &notify.backup,
        &notify.fault,
        &notify.stop,
        &notify.deleted,
        &notify.master_rx_lower,
        &notify.split_brain,
    ];
    plain
        .into_iter()
        .flatten()
        .for_each(|command| add(command, More::Nothing));
    let name = name.clone();
    notify.any.iter().for_each(|command| {
        let name = name.clone();
        add(command, More::News { kind, name });
    });
}

impl Allowed {
    /// Whether this is what is asked for. What names no user is for who asks.
    pub fn covers(&self, words: &[String], user: &str, group: Option<&str>, asker: Option<&str>) -> bool {
        let same_user = match &self.user {
            Some(own) => *own.name == *user && own.group.as_deref() == group,
            None => asker == Some(user) && group.is_none(),
        };
        let Some((own, more)) = words.split_at_checked(self.words.len()) else {
            return false;
        };
        let same = self.words.iter().zip(own).all(|(own, asked)| **own == **asked);
        same_user && same && self.more.covers(more)
    }

    pub fn words(&self) -> &[Arc<str>] {
        &self.words
    }

    /// `None` is who the daemon is.
    pub fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }
}

/// What `notify` and the pipes call what they tell of.
pub const INSTANCE: &str = "INSTANCE";
pub const GROUP: &str = "GROUP";

impl More {
    fn covers(&self, words: &[String]) -> bool {
        match (self, words) {
            (More::Nothing, []) => true,
            (More::Pipe(own), [path]) => *own == *Path::new(path),
            (More::News { kind, name }, [what, who, state, priority]) => {
                what == kind && **who == **name && is_state(state) && is_priority(priority)
            }
            _ => false,
        }
    }
}

fn is_state(word: &str) -> bool {
    const ALL: [Notice; 5] = [
        Notice::Master,
        Notice::Backup,
        Notice::Fault,
        Notice::Stop,
        Notice::Deleted,
    ];
    ALL.iter().any(|notice| notice.to_string() == word)
}

fn is_priority(word: &str) -> bool {
    word.parse().is_ok_and(|number: u8| number.to_string() == word)
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
        let text = "global_defs {\n script_user daemon\n enable_script_security\n notify_fifo /run/news\n \
             notify_fifo_script /bin/read\n}\n\
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
            ("/bin/tell all GROUP VI_1 MASTER 100", "daemon", None, false),
            ("/bin/tell all INSTANCE VI_2 MASTER 100", "daemon", None, false),
            ("/bin/tell all INSTANCE VI_1 $(reboot) 100", "daemon", None, false),
            ("/bin/tell all INSTANCE VI_1 MASTER 256", "daemon", None, false),
            ("/bin/tell all INSTANCE VI_1 MASTER +1", "daemon", None, false),
            ("/bin/tell all", "daemon", None, false),
            ("/bin/tell all a b c d e", "daemon", None, false),
            ("/bin/read /run/news", "daemon", None, true),
            ("/bin/read /etc/shadow", "daemon", None, false),
            ("/bin/read", "daemon", None, false),
            ("/bin/rise", "daemon", None, true),
            ("/bin/rise and", "daemon", None, false),
            ("/bin/sh", "daemon", None, false),
        ];
        for (line, user, group, expected) in table {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let covered = all
                .iter()
                .any(|allowed| allowed.covers(&words, user, group, Some("root")));
            assert_eq!(covered, expected, "{line} as {user} {group:?}");
        }
    }

    #[test]
    fn what_names_no_user_is_for_who_asks() {
        let allowed = Allowed {
            words: vec!["/bin/check".into()],
            more: More::Nothing,
            user: None,
        };
        let words = ["/bin/check".to_owned()];
        assert!(allowed.covers(&words, "root", None, Some("root")));
        assert!(!allowed.covers(&words, "root", None, Some("nobody")));
        assert!(!allowed.covers(&words, "root", None, None));
        assert!(!allowed.covers(&words, "root", Some("root"), Some("root")));
    }
}
