//! Tickets by keys from a file (`tls-ticket-keys`): whoever has the same file takes up the sessions of the others.
//!
//! Each key of the file is one of AES-256-GCM here, drawn from all of its bytes and from the rules by which clients are let
//! in: who came by others does not come back by these. The last but one encrypts, so that a new key can be given to all
//! before anybody uses it, as in HAProxy.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::server::ProducesTickets;
use thiserror::Error;

/// So many keys of a file count, the last ones.
const COUNT: usize = 3;

/// A key begins with its name, by which a ticket finds it again.
const NAME: usize = 16;

/// How long clients may keep a ticket, as with keys that nobody else has.
const LIFETIME: u32 = 60 * 60 * 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TicketKeysError {
    #[error("a key has 48 or 80 bytes, and this one {0}")]
    Length(usize),
    #[error("keys of 48 and of 80 bytes do not go together")]
    Mixed,
    #[error("there are {0} keys, and three are needed: one that was, one that is, and one that will be")]
    TooFew(usize),
}

/// The keys of one file, as they stand there.
#[derive(Clone, PartialEq, Eq)]
pub struct TicketKeys(Vec<Vec<u8>>);

impl TicketKeys {
    pub fn new(keys: Vec<Vec<u8>>) -> Result<TicketKeys, TicketKeysError> {
        if let Some(odd) = keys.iter().find(|key| !matches!(key.len(), 48 | 80)) {
            return Err(TicketKeysError::Length(odd.len()));
        }
        if keys.windows(2).any(|pair| pair[0].len() != pair[1].len()) {
            return Err(TicketKeysError::Mixed);
        }
        let spare = keys
            .len()
            .checked_sub(COUNT)
            .ok_or(TicketKeysError::TooFew(keys.len()))?;
        Ok(TicketKeys(keys.into_iter().skip(spare).collect()))
    }

    /// For those who are let in by these rules.
    pub(crate) fn for_those(&self, rules: Rules) -> Arc<Ticketer> {
        let keys = ArcSwap::from_pointee(Drawn::of(self, rules));
        Arc::new(Ticketer { rules, keys })
    }
}

/// By what clients are let in: different wherever anything else is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rules([u8; SHA256_OUTPUT_LEN]);

impl Rules {
    /// Nothing that is put together otherwise comes to the same: each piece stands behind its length.
    pub fn of<'a, L: IntoIterator<Item = &'a [u8]>>(kind: u8, lists: impl IntoIterator<Item = L>) -> Rules {
        let mut all = Context::new(&SHA256);
        all.update(&[kind]);
        for list in lists {
            let pieces: Vec<&[u8]> = list.into_iter().collect();
            all.update(&(pieces.len() as u64).to_be_bytes());
            for piece in pieces {
                all.update(&(piece.len() as u64).to_be_bytes());
                all.update(piece);
            }
        }
        let digest = all.finish();
        Rules(digest.as_ref().try_into().expect("it is as long as it says"))
    }
}

/// Keys are shown to nobody.
impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKeys")
    }
}

struct Key {
    name: [u8; NAME],
    cipher: LessSafeKey,
}

impl Key {
    fn of(bytes: &[u8], rules: Rules) -> Key {
        let drawn = Salt::new(HKDF_SHA256, b"tandem session tickets").extract(bytes);
        let info = [&rules.0[..]];
        let cipher = drawn.expand(&info, &AES_256_GCM).map(UnboundKey::from);
        Key {
            name: *bytes.first_chunk().expect("a key is longer than its name"),
            cipher: LessSafeKey::new(cipher.expect("32 bytes are no more than can be drawn")),
        }
    }
}

/// Makes tickets and takes them. Its keys come and go while clients do.
#[derive(Debug)]
pub(crate) struct Ticketer {
    rules: Rules,
    keys: ArcSwap<Drawn>,
}

/// What was drawn from the keys of a file.
#[derive(Debug)]
struct Drawn {
    of: TicketKeys,
    /// The last but one encrypts.
    keys: Vec<Key>,
}

impl Drawn {
    fn of(keys: &TicketKeys, rules: Rules) -> Drawn {
        Drawn {
            of: keys.clone(),
            keys: keys.0.iter().map(|key| Key::of(key, rules)).collect(),
        }
    }
}

impl Ticketer {
    /// Goes on with these.
    pub(crate) fn take_keys(&self, keys: &TicketKeys) {
        if self.keys.load().of != *keys {
            self.keys.store(Arc::new(Drawn::of(keys, self.rules)));
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let drawn = self.keys.load();
        let key = drawn.keys.iter().nth_back(1)?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = plain.to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        let tag = key
            .cipher
            .seal_in_place_separate_tag(unique, Aad::from(key.name), &mut sealed);
        Some([&key.name[..], &nonce, &sealed, tag.ok()?.as_ref()].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let drawn = self.keys.load();
        let key = drawn.keys.iter().find(|key| key.name == *name)?;
        let mut sealed = sealed.to_vec();
        let unique = Nonce::assume_unique_for_key(*nonce);
        let plain = key.cipher.open_in_place(unique, Aad::from(key.name), &mut sealed);
        plain.ok().map(|plain| plain.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(firsts: impl IntoIterator<Item = u8>) -> TicketKeys {
        TicketKeys::new(firsts.into_iter().map(|first| vec![first; 48]).collect()).expect("they are whole")
    }

    fn anyone() -> Rules {
        Rules::of(b'*', [[]])
    }

    #[test]
    fn what_is_no_set_of_keys() {
        for (lengths, why) in [
            (&[48, 48][..], TicketKeysError::TooFew(2)),
            (&[], TicketKeysError::TooFew(0)),
            (&[48, 48, 80], TicketKeysError::Mixed),
            (&[48, 48, 48, 47], TicketKeysError::Length(47)),
        ] {
            let keys = lengths.iter().map(|length| vec![1; *length]).collect();
            assert_eq!(TicketKeys::new(keys), Err(why), "{lengths:?}");
        }
        let long = (0..3).map(|first| vec![first; 80]).collect();
        assert!(TicketKeys::new(long).is_ok());
    }

    #[test]
    fn keys_come_are_used_and_go() {
        let rules = anyone();
        let ticket = keys([1, 2, 3]).for_those(rules).encrypt(b"session").expect("a ticket");
        assert_eq!(ticket[..NAME], [2; NAME], "the last but one encrypts");
        for (there, taken) in [
            ([1, 2, 3], true),
            ([2, 3, 4], true),
            ([0, 1, 2], true),
            ([3, 4, 5], false),
        ] {
            let plain = keys(there).for_those(rules).decrypt(&ticket);
            assert_eq!(plain.as_deref(), taken.then_some(&b"session"[..]), "{there:?}");
        }
        // More than three: the last ones.
        let fourth = keys([9, 1, 2, 3]).for_those(rules);
        assert_eq!(fourth.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
    }

    #[test]
    fn keys_are_replaced_in_place() {
        let ours = keys([1, 2, 3]).for_those(anyone());
        let ticket = ours.encrypt(b"session").expect("a ticket");
        ours.take_keys(&keys([2, 3, 4]));
        assert_eq!(ours.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        let next = ours.encrypt(b"session").expect("a ticket");
        assert_eq!(next[..NAME], [3; NAME]);
        ours.take_keys(&keys([3, 4, 5]));
        assert_eq!(ours.decrypt(&ticket), None, "its key is forgotten");
        assert_eq!(ours.decrypt(&next).as_deref(), Some(&b"session"[..]));
        let same = keys([3, 4, 5]).for_those(anyone());
        assert_eq!(same.decrypt(&next).as_deref(), Some(&b"session"[..]), "the rules stay");
    }

    #[test]
    fn what_was_changed_or_is_anothers_is_taken_for_nothing() {
        let ours = keys([1, 2, 3]).for_those(anyone());
        let ticket = ours.encrypt(b"session").expect("a ticket");
        assert_eq!(
            keys([1, 2, 3])
                .for_those(Rules::of(b'!', [[&b"known"[..]]]))
                .decrypt(&ticket),
            None
        );
        for place in 0..ticket.len() {
            let mut spoilt = ticket.clone();
            spoilt[place] ^= 1;
            assert_eq!(ours.decrypt(&spoilt), None, "{place}");
            assert_eq!(ours.decrypt(&ticket[..place]), None, "{place}");
        }
        assert_ne!(ours.encrypt(b"session"), Some(ticket), "no two are alike");
    }
}
