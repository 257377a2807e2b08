//! Who may come in. Passwords are kept as argon2 hashes; checking one takes a processor for some milliseconds, so at most
//! two are checked at a time, away from the threads that carry messages.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use anyhow::anyhow;
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, Salt};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::configuration::User;

/// How many passwords are checked at the same time.
const AT_ONCE: usize = 2;

#[derive(Clone, Debug)]
pub(crate) struct Users {
    anonymous: bool,
    hashes: Arc<BTreeMap<String, String>>,
    turns: Arc<Semaphore>,
}

impl Users {
    pub(crate) fn new(anonymous: bool, users: Vec<User>) -> Users {
        let hashes = users.into_iter().map(|user| (user.name, user.password_hash)).collect();
        Users {
            anonymous,
            hashes: Arc::new(hashes),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Says no in the same words whoever it is and whatever was wrong.
    pub(crate) async fn admit(&self, name: Option<&str>, password: Option<&str>) -> Result<(), Box<str>> {
        let no = || Err("the name or the password is wrong".into());
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return if self.anonymous {
                Ok(())
            } else {
                Err("a name and a password are needed".into())
            };
        };
        // Where nobody needs a name, a name that is not known is as good as none.
        let Some(hash) = self.hashes.get(name).cloned() else {
            return if self.anonymous && self.hashes.is_empty() {
                Ok(())
            } else {
                no()
            };
        };
        let Ok(_turn) = self.turns.acquire().await else {
            return no();
        };
        let password = password.unwrap_or_default().to_owned();
        let right = spawn_blocking(move || matches(&hash, &password)).await;
        if right.unwrap_or(false) { Ok(()) } else { no() }
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

    #[tokio::test]
    async fn the_right_password_opens_and_nothing_else() {
        let hash = hash("secret").unwrap();
        check(&hash).unwrap();
        assert!(check("secret").is_err());
        let user = || {
            vec![User {
                name: "a".to_owned(),
                password_hash: hash.clone(),
            }]
        };
        for (anonymous, users, name, password, opens) in [
            (false, user(), Some("a"), Some("secret"), true),
            (false, user(), Some("a"), Some("wrong"), false),
            (false, user(), Some("a"), None, false),
            (false, user(), Some("b"), Some("secret"), false),
            (false, user(), None, None, false),
            (true, user(), None, None, true),
            (true, user(), Some("b"), Some("x"), false),
            (true, user(), Some("a"), Some("wrong"), false),
            (true, Vec::new(), Some("guest"), Some("guest"), true),
        ] {
            let users = Users::new(anonymous, users);
            assert_eq!(
                users.admit(name, password).await.is_ok(),
                opens,
                "{anonymous} {name:?} {password:?}"
            );
        }
    }
}
