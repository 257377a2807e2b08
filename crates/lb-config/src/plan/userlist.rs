//! Who may see a page: users with their passwords, and the groups that they are in.

use std::str::FromStr;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Userlist {
    pub name: Arc<str>,
    pub users: Vec<User>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: Box<str>,
    pub password: Password,
    pub groups: Vec<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// `insecure-password`: as it is.
    Plain(Box<str>),
    Crypted(Crypted),
}

/// What crypt(3) makes of a password with SHA-256 (`$5$`) or SHA-512 (`$6$`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypted(Box<str>);

/// It is none of these, or not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCrypted;

impl Crypted {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Crypted {
    type Err = NotCrypted;

    /// `$5$[rounds=N$]SALT$SUM`; the sums have 43 letters, or 86.
    fn from_str(text: &str) -> Result<Crypted, NotCrypted> {
        let (rest, length) = match text.split_at_checked(3) {
            Some(("$5$", rest)) => (rest, 43),
            Some(("$6$", rest)) => (rest, 86),
            _ => return Err(NotCrypted),
        };
        let mut fields: Vec<&str> = rest.split('$').collect();
        if let Some(rounds) = fields.first().and_then(|first| first.strip_prefix("rounds=")) {
            let rounds: u32 = rounds.parse().map_err(|_| NotCrypted)?;
            if !(1_000..=999_999_999).contains(&rounds) {
                return Err(NotCrypted);
            }
            fields.remove(0);
        }
        let is_sum = |sum: &str| {
            let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
            sum.len() == length && sum.bytes().all(is_letter)
        };
        match fields[..] {
            [salt, sum] if (1..=16).contains(&salt.len()) && is_sum(sum) => Ok(Crypted(text.into())),
            _ => Err(NotCrypted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_crypt_makes() {
        let sum = |letters: usize| "x".repeat(letters);
        for good in [
            format!("$5$salt${}", sum(43)),
            format!("$6$salt${}", sum(86)),
            format!("$6$rounds=5000$salt${}", sum(86)),
        ] {
            assert_eq!(good.parse::<Crypted>().map(|c| c.as_str().to_owned()), Ok(good));
        }
        for bad in [
            "",
            "secret",
            "$1$salt$aaaaaaaaaaaaaaaaaaaaaa",
            "$6$salt$short",
            &format!("$6$${}", sum(86)),
            &format!("$6$rounds=9$salt${}", sum(86)),
            &format!("$6$salt${}", sum(43)),
            &format!("$6$salt${}é", sum(84)),
        ] {
            assert_eq!(bad.parse::<Crypted>(), Err(NotCrypted), "{bad}");
        }
    }
}
