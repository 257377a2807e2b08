//! Commands: one quoted text that is cut into words again, and whom to become for it.

use std::sync::Arc;

use tandem_text::Diagnostic;
use tandem_text::keepalived::Word;

use super::args::Args;
use crate::code;
use crate::plan::{Command, User};

/// Cuts the text of a command at blanks; apostrophes keep words together.
pub(super) fn words(text: &str) -> Vec<Arc<str>> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut started, mut quoted) = (false, false);
    for c in text.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                started = true;
            }
            c if c.is_ascii_whitespace() && !quoted => {
                if std::mem::take(&mut started) {
                    words.push(std::mem::take(&mut word).into());
                }
            }
            c => {
                word.push(c);
                started = true;
            }
        }
    }
    if started {
        words.push(word.into());
    }
    words
}

/// `COMMAND [USER [GROUP]]`
pub(super) fn with_user(args: &mut Args<'_>) -> Result<Command, Diagnostic> {
    let given = args.command()?;
    let (command, user) = given
        .split_first()
        .map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
    let words = command.map(|word| words(&word.text)).unwrap_or_default();
    Ok(Command {
        words,
        user: user_of(user)?,
    })
}

/// `USER [GROUP]`
pub(super) fn user_of(words: &[Word]) -> Result<Option<User>, Diagnostic> {
    let text = |word: &Word| Arc::from(word.text.as_str());
    match words {
        [] => Ok(None),
        [name] => Ok(Some(User {
            name: text(name),
            group: None,
        })),
        [name, group] => Ok(Some(User {
            name: text(name),
            group: Some(text(group)),
        })),
        [_, _, extra, ..] => {
            let message = format!("`{}` is too much here", extra.text);
            Err(Diagnostic::warning(code::EXTRA, extra.span, message)
                .help("put a command with its arguments into quotes; behind it stand a user and a group"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apostrophes_keep_words_together() {
        for (text, cut) in [
            ("killall -0 haproxy", &["killall", "-0", "haproxy"][..]),
            ("/bin/sh -c 'exit 0'", &["/bin/sh", "-c", "exit 0"]),
            ("  a  '' b'c d'e ", &["a", "", "bc de"]),
            ("a 'open end", &["a", "open end"]),
            ("", &[]),
        ] {
            let words = words(text);
            let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
            assert_eq!(words, cut, "{text}");
        }
    }
}
