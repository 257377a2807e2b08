//! Who may come in, and what they may do here. Passwords are kept as argon2 hashes; checking one takes a processor for
//! some milliseconds, so at most two are checked at a time, away from the threads that carry messages.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::pending;
use std::io::Read;
use std::sync::Arc;

use anyhow::anyhow;
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, Salt};
use tandem_mq_core::Rights;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

/// How many passwords are checked at the same time.
const AT_ONCE: usize = 2;

/// All that the configuration says about who may come in.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Known {
    /// What those may do who say no name, if they may come in.
    pub(crate) anonymous: Option<Arc<Rights>>,
    pub(crate) accounts: BTreeMap<Box<str>, Account>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Account {
    pub(crate) hash: Box<str>,
    pub(crate) rights: Arc<Rights>,
}

/// Somebody who has come in.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    /// The account, unless it is nobody's.
    name: Option<Box<str>>,
    pub(crate) rights: Arc<Rights>,
}

impl Guest {
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// What became of a guest when the configuration was read again.
#[derive(Debug, PartialEq)]
pub(crate) enum Standing {
    AsBefore,
    /// It may do more.
    Better(Arc<Rights>),
    /// It has lost something, perhaps all: what it does already could be that. This is left.
    Worse(Arc<Rights>),
}

impl Known {
    /// Where nobody needs a name, a name that is not known is as good as none.
    fn account(&self, name: Option<&str>) -> Result<Option<&Account>, &'static str> {
        match name.filter(|name| !name.is_empty()) {
            None if self.anonymous.is_some() => Ok(None),
            None => Err("a name and a password are needed"),
            Some(name) => match self.accounts.get(name) {
                Some(account) => Ok(Some(account)),
                None if self.anonymous.is_some() && self.accounts.is_empty() => Ok(None),
                None => Err(WRONG),
            },
        }
    }

    fn rights(&self, name: Option<&str>) -> Option<&Arc<Rights>> {
        match name {
            Some(name) => self.accounts.get(name).map(|account| &account.rights),
            None => self.anonymous.as_ref(),
        }
    }

    fn standing(&self, guest: &Guest) -> Standing {
        match self.rights(guest.name.as_deref()) {
            Some(rights) if *rights == guest.rights => Standing::AsBefore,
            Some(rights) if rights.include(&guest.rights) => Standing::Better(rights.clone()),
            left => Standing::Worse(left.cloned().unwrap_or_default()),
        }
    }
}

/// Said in the same words whoever it is and whatever was wrong.
const WRONG: &str = "the name or the password is wrong";

#[derive(Clone, Debug)]
pub(crate) struct Users {
    known: watch::Receiver<Arc<Known>>,
    turns: Arc<Semaphore>,
}

impl Users {
    pub(crate) fn new(known: watch::Receiver<Arc<Known>>) -> Users {
        Users {
            known,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Whether somebody could come in by a name.
    pub(crate) fn have_names(&self) -> bool {
        !self.known.borrow().accounts.is_empty()
    }

    pub(crate) async fn admit(&self, name: Option<&str>, password: Option<&str>) -> Result<Guest, Box<str>> {
        let known = self.known.borrow().clone();
        let Some(account) = known.account(name)? else {
            let rights = known.anonymous.clone().ok_or(WRONG)?;
            return Ok(Guest { name: None, rights });
        };
        let Ok(_turn) = self.turns.acquire().await else {
            return Err(WRONG.into());
        };
        let (hash, password) = (account.hash.clone(), password.unwrap_or_default().to_owned());
        let right = spawn_blocking(move || matches(&hash, &password)).await;
        match right.unwrap_or(false) {
            true => Ok(Guest {
                name: name.map(Into::into),
                rights: account.rights.clone(),
            }),
            false => Err(WRONG.into()),
        }
    }

    /// The configuration has been read again, perhaps with others in it.
    pub(crate) async fn changed(&mut self) {
        if self.known.changed().await.is_err() {
            // It will not be read any more.
            pending().await
        }
    }

    /// The same at once, until somebody asks for the standing: what comes between the two is not passed over.
    pub(crate) fn have_changed(&self) -> bool {
        self.known.has_changed().unwrap_or(false)
    }

    /// By what was read last, which has been seen with that.
    pub(crate) fn standing(&mut self, guest: &Guest) -> Standing {
        self.known.borrow_and_update().standing(guest)
    }
}

fn matches(hash: &str, password: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

/// Whether a hash can be one of ours.
pub(crate) fn check(hash: &str) -> anyhow::Result<()> {
    let parsed = PasswordHash::new(hash).map_err(|e| anyhow!("{e}: make one with `tandem-mq --hash-password`"))?;
    match parsed.algorithm.as_str().starts_with("argon2") && parsed.hash.is_some() {
        true => Ok(()),
        false => Err(anyhow!(
            "this is no argon2 hash: make one with `tandem-mq --hash-password`"
        )),
    }
}

pub(crate) fn hash(password: &str) -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let salt = Salt::from_b64(&text).map_err(|e| anyhow!("{e}"))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), salt);
    Ok(hash.map_err(|e| anyhow!("{e}"))?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_mq_core::Pattern;

    fn known(anonymous: bool, accounts: &[(&str, &str, Rights)]) -> Known {
        Known {
            anonymous: anonymous.then(Arc::default),
            accounts: accounts
                .iter()
                .map(|(name, hash, rights)| {
                    let account = Account {
                        hash: (*hash).into(),
                        rights: Arc::new(rights.clone()),
                    };
                    ((*name).into(), account)
                })
                .collect(),
        }
    }

    #[tokio::test]
    async fn the_right_password_opens_and_nothing_else() {
        let hash = hash("secret").unwrap();
        check(&hash).unwrap();
        assert!(check("secret").is_err());
        let some = [("a", &*hash, Rights::everything())];
        for (anonymous, users, name, password, opens) in [
            (false, &some[..], Some("a"), Some("secret"), true),
            (false, &some, Some("a"), Some("wrong"), false),
            (false, &some, Some("a"), None, false),
            (false, &some, Some("b"), Some("secret"), false),
            (false, &some, None, None, false),
            (true, &some, None, None, true),
            (true, &some, Some("b"), Some("x"), false),
            (true, &some, Some("a"), Some("wrong"), false),
            (true, &[], Some("guest"), Some("guest"), true),
        ] {
            let (_sender, receiver) = watch::channel(Arc::new(known(anonymous, users)));
            let guest = Users::new(receiver).admit(name, password).await;
            assert_eq!(guest.is_ok(), opens, "{anonymous} {name:?} {password:?}");
        }
    }

    #[test]
    fn a_guest_stays_unless_something_was_taken_from_it() {
        let reads = |texts: &[&str]| Rights {
            read: texts.iter().map(|text| Pattern::new(text)).collect(),
            ..Rights::default()
        };
        let guest = Guest {
            name: Some("a".into()),
            rights: Arc::new(reads(&["x"])),
        };
        for (now, standing) in [
            (known(false, &[("a", "", reads(&["x"]))]), Standing::AsBefore),
            (
                known(false, &[("a", "", reads(&["x", "y"]))]),
                Standing::Better(Arc::new(reads(&["x", "y"]))),
            ),
            (
                known(false, &[("a", "", reads(&["y"]))]),
                Standing::Worse(Arc::new(reads(&["y"]))),
            ),
            (
                known(true, &[("b", "", reads(&["x"]))]),
                Standing::Worse(Arc::default()),
            ),
        ] {
            assert_eq!(now.standing(&guest), standing);
        }
        let nobody = Guest {
            name: None,
            rights: Arc::default(),
        };
        assert_eq!(known(true, &[]).standing(&nobody), Standing::AsBefore);
        assert_eq!(known(false, &[]).standing(&nobody), Standing::Worse(Arc::default()));
    }

    #[test]
    fn what_was_read_again_is_news_until_it_has_been_looked_at() {
        let (sender, receiver) = watch::channel(Arc::new(known(true, &[])));
        let mut users = Users::new(receiver);
        let guest = Guest {
            name: None,
            rights: Arc::default(),
        };
        assert!(!users.have_changed());
        sender.send_replace(Arc::new(known(true, &[])));
        assert!(users.have_changed());
        // One more comes before anybody looks: that one is looked at, and none is left.
        sender.send_replace(Arc::new(known(false, &[])));
        assert!(users.have_changed(), "asking is not looking");
        assert_eq!(users.standing(&guest), Standing::Worse(Arc::default()));
        assert!(!users.have_changed());
    }
}
