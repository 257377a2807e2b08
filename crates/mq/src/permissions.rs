//! What the configuration says about users, groups and their rights: RabbitMQ's three, by the patterns of addresses that
//! everything here knows. What ActiveMQ calls `admin` is `configure`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde::Deserialize;
use tandem_mq_core::{Pattern, Rights};

use crate::users::{self, Account, Known};

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct User {
    name: String,
    password_hash: String,
    groups: Option<Vec<String>>,
    #[serde(alias = "admin")]
    configure: Option<Vec<String>>,
    write: Option<Vec<String>>,
    read: Option<Vec<String>>,
}

/// Rights that several have.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Group {
    name: String,
    #[serde(default, alias = "admin")]
    configure: Vec<String>,
    #[serde(default)]
    write: Vec<String>,
    #[serde(default)]
    read: Vec<String>,
}

/// The parts of a configuration that this is about.
pub(crate) struct Said<'a> {
    pub(crate) anonymous: bool,
    pub(crate) anonymous_groups: Option<&'a [String]>,
    pub(crate) users: &'a [User],
    pub(crate) groups: &'a [Group],
}

impl Said<'_> {
    pub(crate) fn known(&self) -> anyhow::Result<Known> {
        let mut groups = BTreeMap::new();
        for group in self.groups {
            let rights = rights(Some(&group.configure), Some(&group.write), Some(&group.read));
            let rights = rights.with_context(|| format!("group {:?}", group.name))?;
            if groups.insert(&*group.name, rights).is_some() {
                bail!("group {:?} is there twice", group.name);
            }
        }
        let mut accounts = BTreeMap::new();
        for user in self.users {
            let account = user.account(&groups).with_context(|| format!("user {:?}", user.name))?;
            if accounts.insert(user.name.as_str().into(), account).is_some() {
                bail!("user {:?} is there twice", user.name);
            }
        }
        let anonymous = match (self.anonymous, self.anonymous_groups) {
            (false, Some(_)) => bail!(
                "anonymous-groups says what those may do who come without a name, but they may not come: add anonymous = true"
            ),
            (false, None) => None,
            (true, None) => Some(Rights::everything()),
            (true, Some(names)) => Some(together(names, &groups).context("anonymous-groups")?),
        };
        Ok(Known {
            anonymous: anonymous.map(Arc::new),
            accounts,
        })
    }
}

impl User {
    fn account(&self, groups: &BTreeMap<&str, Rights>) -> anyhow::Result<Account> {
        users::check(&self.password_hash).context("password-hash")?;
        let says_nothing =
            self.groups.is_none() && self.configure.is_none() && self.write.is_none() && self.read.is_none();
        let rights = match says_nothing {
            true => Rights::everything(),
            false => {
                let lists = [&self.configure, &self.write, &self.read].map(Option::as_deref);
                let mut all = rights(lists[0], lists[1], lists[2])?;
                all.extend([together(self.groups.as_deref().unwrap_or_default(), groups)?]);
                all
            }
        };
        Ok(Account {
            hash: self.password_hash.as_str().into(),
            rights: Arc::new(rights),
        })
    }
}

fn together(names: &[String], groups: &BTreeMap<&str, Rights>) -> anyhow::Result<Rights> {
    let mut all = Rights::default();
    for name in names {
        match groups.get(&**name) {
            Some(rights) => all.extend([rights.clone()]),
            None => bail!("there is no group {name:?}: add a [[group]] of that name"),
        }
    }
    Ok(all)
}

fn rights(configure: Option<&[String]>, write: Option<&[String]>, read: Option<&[String]>) -> anyhow::Result<Rights> {
    Ok(Rights {
        configure: patterns(configure).context("configure")?,
        write: patterns(write).context("write")?,
        read: patterns(read).context("read")?,
    })
}

fn patterns(texts: Option<&[String]>) -> anyhow::Result<Vec<Pattern>> {
    texts.unwrap_or_default().iter().map(|text| pattern(text)).collect()
}

pub(crate) fn pattern(text: &str) -> anyhow::Result<Pattern> {
    if text.is_empty() {
        bail!("a pattern is empty: write # for every name, or leave it out for none");
    }
    if text.starts_with('^') || text.ends_with('$') {
        bail!(
            "{text:?} looks like a regular expression: write names with * for a word and # for any number of words, such as orders.#"
        );
    }
    Ok(Pattern::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        user: Vec<User>,
        #[serde(default)]
        group: Vec<Group>,
    }

    fn known(text: &str, anonymous: bool, anonymous_groups: Option<&[String]>) -> Result<Known, String> {
        let hash = users::hash("x").unwrap();
        let text = text.replace("name = \"u\"", &format!("name = \"u\"\npassword-hash = \"{hash}\""));
        let file: File = toml::from_str(&text).map_err(|error| error.to_string())?;
        let said = Said {
            anonymous,
            anonymous_groups,
            users: &file.user,
            groups: &file.group,
        };
        said.known().map_err(|error| format!("{error:#}"))
    }

    fn of_user(text: &str) -> Result<Rights, String> {
        known(text, false, None).map(|known| Rights::clone(&known.accounts["u"].rights))
    }

    fn rights(configure: &[&str], write: &[&str], read: &[&str]) -> Rights {
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::new(text)).collect();
        Rights {
            configure: patterns(configure),
            write: patterns(write),
            read: patterns(read),
        }
    }

    #[test]
    fn a_user_has_what_is_said_of_it_and_of_its_groups() {
        let user = "[[user]]\nname = \"u\"\n";
        for (more, expect) in [
            ("", Rights::everything()),
            ("groups = []", rights(&[], &[], &[])),
            ("read = [\"a.#\"]", rights(&[], &[], &["a.#"])),
            ("admin = [\"a\", \"b.>\"]", rights(&["a", "b.#"], &[], &[])),
            (
                "write = [\"w\"]\ngroups = [\"g\"]\n[[group]]\nname = \"g\"\nread = [\"r\"]\nwrite = [\"x\"]",
                rights(&[], &["w", "x"], &["r"]),
            ),
        ] {
            assert_eq!(of_user(&format!("{user}{more}")), Ok(expect), "{more}");
        }
        let group = "[[group]]\nname = \"g\"\nread = [\"r\"]";
        let guests = known(group, true, Some(&["g".to_owned()])).unwrap().anonymous;
        assert_eq!(guests.as_deref(), Some(&rights(&[], &[], &["r"])));
        assert_eq!(
            known("", true, None).unwrap().anonymous.as_deref(),
            Some(&Rights::everything())
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let user = "[[user]]\nname = \"u\"\n";
        for (more, says) in [
            ("groups = [\"g\"]", "user \"u\": there is no group \"g\""),
            ("read = [\"\"]", "read: a pattern is empty"),
            ("write = [\"^orders\"]", "looks like a regular expression"),
            ("writes = []", "unknown field `writes`"),
            ("[[user]]\nname = \"u\"", "user \"u\" is there twice"),
            (
                "[[group]]\nname = \"g\"\n[[group]]\nname = \"g\"",
                "group \"g\" is there twice",
            ),
        ] {
            let error = of_user(&format!("{user}{more}")).unwrap_err();
            assert!(error.contains(says), "{more}: {error}");
        }
        let error = known("", false, Some(&[])).unwrap_err();
        assert!(error.contains("add anonymous = true"), "{error}");
    }
}
