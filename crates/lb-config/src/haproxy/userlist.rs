//! Sections `userlist`: users, their passwords and their groups.

use tandem_text::{Diagnostic, Spanned};

use super::args::{Args, Outcome};
use super::keyword::Keyword;
use super::section::Sections;
use crate::code;
use crate::draft::{User, Userlist};
use crate::plan::Password;

pub(super) const KEYWORDS: &[Keyword<Userlist>] = &[
    Keyword {
        words: "user",
        sections: Sections::USERLIST,
        summary: "NAME password CRYPTED, or insecure-password PLAIN; then the groups: groups A,B",
        parse: user,
    },
    Keyword {
        words: "group",
        sections: Sections::USERLIST,
        summary: "NAME, and who is in it: users A,B",
        parse: group,
    },
];

fn user(list: &mut Userlist, args: &mut Args<'_>) -> Outcome {
    let name = name(args, list.users.iter().map(|user| &user.name), "user")?;
    let mut password = None;
    let mut groups = Vec::new();
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "insecure-password" => password = Some(Password::Plain(args.text("a password")?.into())),
            "password" => {
                let word = args.word("a password")?;
                let crypted = word.text.parse().map_err(|_| {
                    let message = "this is not what crypt(3) makes of a password";
                    Diagnostic::error(code::BAD_VALUE, word.span, message)
                        .help("make one that begins with $5$ or $6$, for example by `mkpasswd -m sha-512`")
                })?;
                password = Some(Password::Crypted(crypted));
            }
            "groups" => groups.extend(names(args)?),
            other => {
                let message = format!("`{other}` is not part of a user");
                return Err(Diagnostic::error(code::UNKNOWN, word.span, message)
                    .help("write password, insecure-password or groups"));
            }
        }
    }
    let Some(password) = password else {
        let message = "a user without a password could not get in";
        return Err(Diagnostic::error(code::MISSING, name.span, message));
    };
    list.users.push(User { name, password, groups });
    Ok(())
}

fn group(list: &mut Userlist, args: &mut Args<'_>) -> Outcome {
    let name = name(args, list.groups.iter().map(|(name, _)| name), "group")?;
    let mut users = Vec::new();
    while let Some(word) = args.next() {
        if word.text != "users" {
            let message = format!("`{}` is not part of a group", word.text);
            return Err(Diagnostic::error(code::UNKNOWN, word.span, message).help("write users"));
        }
        users.extend(names(args)?);
    }
    list.groups.push((name, users));
    Ok(())
}

fn name<'a>(
    args: &mut Args<'_>,
    mut known: impl Iterator<Item = &'a Spanned<String>>,
    what: &str,
) -> Result<Spanned<String>, Diagnostic> {
    let word = args.word("a name")?;
    if known.any(|known| known.value == word.text) {
        let message = format!("another {what} of this list is `{}` already", word.text);
        return Err(Diagnostic::error(code::DUPLICATE, word.span, message).help("give it another name"));
    }
    Ok(Spanned::new(word.text.clone(), word.span))
}

fn names(args: &mut Args<'_>) -> Result<Vec<Spanned<String>>, Diagnostic> {
    let word = args.word("names with commas between them")?;
    let names = word.text.split(',').filter(|name| !name.is_empty());
    Ok(names.map(|name| Spanned::new(name.to_owned(), word.span)).collect())
}
