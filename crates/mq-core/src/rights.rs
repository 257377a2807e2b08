//! What somebody may do with which addresses: RabbitMQ's three rights, each for the names that patterns stand for.

use std::borrow::Cow;
use std::fmt::{self, Display};

use crate::Pattern;

/// One thing that can be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Make and remove what has a name.
    Configure,
    /// Send to it, or lead messages there.
    Write,
    /// Take from it, or have messages led away.
    Read,
}

impl Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Right::Configure => "configure",
            Right::Write => "write",
            Right::Read => "read",
        })
    }
}

/// What a right is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope<'a> {
    Name(Cow<'a, str>),
    /// All names that it stands for.
    Names(Pattern),
}

/// All that somebody may do; the default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    pub configure: Vec<Pattern>,
    pub write: Vec<Pattern>,
    pub read: Vec<Pattern>,
}

impl Rights {
    pub fn everything() -> Rights {
        let all = || vec![Pattern::new("#")];
        Rights {
            configure: all(),
            write: all(),
            read: all(),
        }
    }

    /// Whether these are all that the others are. Where that is hard to say, they are not.
    pub fn include(&self, others: &Rights) -> bool {
        let within = |all: &[Pattern], some: &[Pattern]| some.iter().all(|one| all.iter().any(|own| own.covers(one)));
        within(&self.configure, &others.configure)
            && within(&self.write, &others.write)
            && within(&self.read, &others.read)
    }

    /// Whether it is allowed with what has this name.
    pub fn may(&self, right: Right, name: &str) -> bool {
        self.allow(right, &Scope::Name(name.into()))
    }

    /// Whether it is with every name.
    pub fn may_all(&self, right: Right) -> bool {
        self.allow(right, &Scope::Names(Pattern::new("#")))
    }

    /// Whether anything at all is.
    pub(crate) fn concern(&self, name: &str) -> bool {
        [Right::Configure, Right::Write, Right::Read]
            .into_iter()
            .any(|right| self.may(right, name))
    }

    pub(crate) fn allow(&self, right: Right, scope: &Scope<'_>) -> bool {
        let patterns = match right {
            Right::Configure => &self.configure,
            Right::Write => &self.write,
            Right::Read => &self.read,
        };
        patterns.iter().any(|pattern| match scope {
            Scope::Name(name) => pattern.covers_name(name),
            Scope::Names(names) => pattern.covers(names),
        })
    }
}

impl Extend<Rights> for Rights {
    fn extend<T: IntoIterator<Item = Rights>>(&mut self, more: T) {
        for rights in more {
            self.configure.extend(rights.configure);
            self.write.extend(rights.write);
            self.read.extend(rights.read);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(configure: &[&str], write: &[&str], read: &[&str]) -> Rights {
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::new(text)).collect();
        Rights {
            configure: patterns(configure),
            write: patterns(write),
            read: patterns(read),
        }
    }

    #[test]
    fn each_right_is_for_its_own_patterns() {
        let some = rights(&[], &["orders.*", "x"], &["orders.#"]);
        for (right, name, allowed) in [
            (Right::Configure, "x", false),
            (Right::Write, "x", true),
            (Right::Write, "orders.new", true),
            (Right::Write, "orders.new.one", false),
            (Right::Read, "orders.new.one", true),
            (Right::Read, "x", false),
        ] {
            assert_eq!(some.allow(right, &Scope::Name(name.into())), allowed, "{right} {name}");
        }
        let names = |text: &str| Scope::Names(Pattern::new(text));
        assert!(some.allow(Right::Read, &names("orders.*.#")));
        assert!(
            !some.allow(Right::Read, &names("#")),
            "more than is allowed is not half of it"
        );
        assert!(Rights::everything().allow(Right::Configure, &Scope::Name("$SYS.x".into())));
    }

    #[test]
    fn rights_that_only_grow_include_what_they_were() {
        let before = rights(&["a"], &["b.*"], &[]);
        let mut after = before.clone();
        after.extend([rights(&[], &[], &["c"])]);
        assert!(after.include(&before) && !before.include(&after));
        assert!(Rights::everything().include(&after));
        assert!(!rights(&["a"], &["b"], &[]).include(&before));
    }
}
