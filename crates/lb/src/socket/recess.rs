//! What is still done while a successor takes over, and after: looking, and ending what is here.
//!
//! Anything else would change what the successor has been told already. It would be confirmed here and lost, so it is
//! refused; a command that is not named here changes something until somebody says otherwise.

use tandem_ops::control::{Command, Level, Reply};

use super::Room;

/// How the names of commands begin that change nothing which crosses. `reload` has its own word about it.
const HARMLESS: [&str; 11] = [
    "_getsocks",
    "_handover",
    "drain",
    "dump ",
    "explain",
    "get ",
    "reload",
    "show ",
    "shutdown session",
    "shutdown sessions",
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
        let refused: Vec<&str> = COMMANDS.iter().filter(|c| !is_harmless(c)).map(|c| c.name).collect();
        let first_words = [
            "add",
            "clear",
            "commit",
            "del",
            "disable",
            "enable",
            "prepare",
            "set",
            "shutdown frontend",
        ];
        for name in &refused {
            assert!(
                first_words.iter().any(|word| name.starts_with(word)),
                "{name}: harmless or not?"
            );
        }
        for name in [
            "set server",
            "set table",
            "clear table",
            "clear counters",
            "set var",
            "shutdown frontend",
        ] {
            assert!(refused.contains(&name), "{name}");
        }
    }
}
