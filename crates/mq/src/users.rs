//! Who may come in, and what they may do here. Passwords are kept as argon2 hashes; checking one takes a processor for
//! some milliseconds, so at most two are checked at a time, away from the threads that carry messages. What was right is known
//! for a minute: a script that asks for page after page costs no more than one check, and needs no turn.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::pending;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, Salt};
use tandem_mq_core::Rights;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

/// How many passwords are checked at the same time.
const AT_ONCE: usize = 2;
/// For so long a password that was right is right without being checked.
const LATELY: Duration = Duration::from_secs(60);

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
    lately: Arc<Lately>,
}

/// Which passwords were right for which hashes, not long ago. What is kept of them is worth nothing elsewhere, and an account
/// that gets another hash is not in it.
#[derive(Debug, Default)]
struct Lately {
    keys: [RandomState; 2],
    right: Mutex<BTreeMap<[u64; 2], Instant>>,
}

impl Lately {
    fn was_right(&self, hash: &str, password: &str, now: Instant) -> bool {
        let since = self.list().get(&self.print(hash, password)).copied();
        since.is_some_and(|since| now.duration_since(since) < LATELY)
    }

    fn is_right(&self, hash: &str, password: &str, now: Instant) {
        let mut right = self.list();
        right.retain(|_, since| now.duration_since(*since) < LATELY);
        right.insert(self.print(hash, password), now);
    }

    fn print(&self, hash: &str, password: &str) -> [u64; 2] {
        [0, 1].map(|key: usize| self.keys[key].hash_one((hash, password)))
    }

    /// Each thing that is done with the list is whole, so a panic elsewhere has not broken it.
    fn list(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u64; 2], Instant>> {
        self.right.lock().unwrap_or_else(|broken| broken.into_inner())
    }
}

impl Users {
    pub(crate) fn new(known: watch::Receiver<Arc<Known>>) -> Users {
        Users {
            known,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            lately: Arc::default(),
        }
    }

    /// Whether somebody could come in by a name.
    pub(crate) fn have_names(&self) -> bool {
        !self.known.borrow().accounts.is_empty()
    }

    pub(crate) async fn admit(&self, name: Option<&str>, password: Option<&str>) -> Result<Guest, Box<str>> {
        let known = self.known.borrow().clone();
        let account = match known.account(name) {
            Ok(Some(account)) => account,
            Ok(None) => {
                let rights = known.anonymous.clone().ok_or(WRONG)?;
                return Ok(Guest { name: None, rights });
            }
            Err(why) => {
                // Which names are known cannot be told by how long the answer takes.
                if let Some(other) = name.and(known.accounts.values().next()) {
                    self.check(&other.hash, password.unwrap_or_default()).await;
                }
                return Err(why.into());
            }
        };
        let (hash, password) = (&*account.hash, password.unwrap_or_default());
        let is_right = self.lately.was_right(hash, password, Instant::now()) || self.check(hash, password).await;
        if !is_right {
            return Err(WRONG.into());
        }
        Ok(Guest {
            name: name.map(Into::into),
            rights: account.rights.clone(),
        })
    }

    async fn check(&self, hash: &str, password: &str) -> bool {
        let Ok(turn) = self.turns.clone().acquire_owned().await else {
            return false;
        };
        let (lately, hash, password) = (self.lately.clone(), hash.to_owned(), password.to_owned());
        let check = move || {
            // Whoever asked may leave meanwhile; the work goes on, and so does its turn.
            let _turn = turn;
            let is_right = matches(&hash, &password);
            if is_right {
                lately.is_right(&hash, &password, Instant::now());
            }
            is_right
        };
        spawn_blocking(check).await.unwrap_or(false)
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
    use std::task::{Context, Poll, Waker};
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

    #[tokio::test]
    async fn whoever_leaves_early_does_not_give_its_turn_away() {
        let hash = hash("secret").unwrap();
        let some = [("a", &*hash, Rights::everything())];
        let (_sender, receiver) = watch::channel(Arc::new(known(false, &some)));
        let users = Users::new(receiver);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..AT_ONCE {
            let mut admitted = Box::pin(users.admit(Some("a"), Some("wrong")));
            assert!(admitted.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(users.turns.available_permits(), 0, "both are being checked");
    }

    #[tokio::test]
    async fn what_was_right_is_known_for_a_while_and_no_longer_than_it_is_right() {
        let hashes = ["secret", "other"].map(|password| hash(password).unwrap());
        let with = |hash: &str| Arc::new(known(false, &[("a", hash, Rights::everything())]));
        let (sender, receiver) = watch::channel(with(&hashes[0]));
        let users = Users::new(receiver);
        let now = async |password| {
            let mut admitted = Box::pin(users.admit(Some("a"), Some(password)));
            let mut context = Context::from_waker(Waker::noop());
            matches!(admitted.as_mut().poll(&mut context), Poll::Ready(Ok(_)))
        };
        assert!(!now("secret").await);
        users.admit(Some("a"), Some("secret")).await.unwrap();
        assert!(now("secret").await, "without a turn");
        assert!(!now("wrong").await);
        sender.send_replace(with(&hashes[1]));
        assert!(!now("secret").await, "it is another password");
        let (lately, began) = (Lately::default(), Instant::now());
        lately.is_right("h", "p", began);
        assert!(lately.was_right("h", "p", began) && !lately.was_right("hp", "", began));
        assert!(!lately.was_right("h", "p", began + LATELY));
    }

    /// Where a name that is not known is answered at once, names can be found out.
    #[tokio::test]
    async fn a_name_that_is_not_known_takes_as_long_as_a_wrong_password() {
        let hash = hash("secret").unwrap();
        let (_sender, receiver) = watch::channel(Arc::new(known(false, &[("a", &*hash, Rights::everything())])));
        let users = Users::new(receiver);
        let mut admitted = Box::pin(users.admit(Some("b"), Some("secret")));
        let mut context = Context::from_waker(Waker::noop());
        assert!(
            admitted.as_mut().poll(&mut context).is_pending(),
            "something is checked"
        );
        assert_eq!(admitted.await.unwrap_err().as_ref(), WRONG);
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
