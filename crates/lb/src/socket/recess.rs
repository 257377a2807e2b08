//! What is still done while a successor takes over, and after: looking, and ending what is here.
//!
//! Anything else would change what the successor has been told already. It would be confirmed here and lost, so it is
//! refused; a command that is not named here changes something until somebody says otherwise.

use tandem_ops::control::{Command, Level, Reply};

use super::Room;

/// How the names of commands begin that change nothing which crosses. `reload` has its own word about it.
const HARMLESS: [&str; 10] = [
    "_getsocks",
    "_handover",
    "drain",
    "dump ",
    "explain",
    "get ",
    "reload",
    "show ",
    "shutdown session",
    "wait",
];

/// The answer instead of an order that would be lost.
pub(super) fn objection(room: &Room, command: &Command<Room>) -> Option<Reply> {
    let recess = room.orders.recess()?;
    (!is_harmless(command)).then(|| Reply::error(recess))
}

fn is_harmless(command: &Command<Room>) -> bool {
    command.level == Level::User || HARMLESS.iter().any(|begin| command.name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::commands::COMMANDS;

    #[test]
    fn what_changes_something_is_refused() {
        let verbs = [
            "add",
            "clear",
            "commit",
            "del",
            "disable",
            "enable",
            "new",
            "prepare",
            "publish",
            "set",
            "unpublish",
        ];
        let changes = |name: &str| name.split(' ').next().is_some_and(|verb| verbs.contains(&verb));
        // Whoever may do nothing else may give these, and is told that they are not here.
        for command in COMMANDS.iter().filter(|command| command.level != Level::User) {
            let is_change = changes(command.name) || command.name == "shutdown frontend";
            assert!(!(is_change && is_harmless(command)), "{}", command.name);
        }
        let refused = COMMANDS.iter().filter(|command| !is_harmless(command)).count();
        assert!(refused > verbs.len());
    }
}
