//! Becoming who the configuration says, for good: chroot, group, user.
//!
//! Names are looked up while `/etc` is still in sight, and everything is given up in the only order that works: groups
//! before the user, because an ordinary user may not change them.

use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, chdir, chroot, getegid, geteuid, setgroups, setresgid, setresuid};
use tandem_sys::capabilities::LowPorts;
use thiserror::Error;

use crate::clock::Wall;

/// Who to become and where to stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privileges {
    user: Option<Uid>,
    group: Option<Gid>,
    root: Option<PathBuf>,
}

#[derive(Debug, Error)]
pub enum PrivilegeError {
    #[error("there is no user '{0}'")]
    NoUser(String),
    #[error("there is no group '{0}'")]
    NoGroup(String),
    #[error("cannot look up '{name}': {errno}")]
    Lookup { name: String, errno: Errno },
    #[error("cannot change the root directory to {}: {errno}", path.display())]
    Chroot { path: PathBuf, errno: Errno },
    #[error("cannot become group {gid}: {errno}")]
    Group { gid: Gid, errno: Errno },
    #[error("cannot keep the right to open ports below 1024: {0}")]
    Ports(io::Error),
    #[error("cannot become user {uid}: {errno}")]
    User { uid: Uid, errno: Errno },
}

impl Privileges {
    /// A user or group is a name or a number. A user without a group brings his own primary group along: keeping root's
    /// group would keep what root's group may read.
    pub fn resolve(
        user: Option<&str>,
        group: Option<&str>,
        root: Option<PathBuf>,
    ) -> Result<Privileges, PrivilegeError> {
        let user = user.map(find_user).transpose()?;
        let named = group.map(find_group).transpose()?;
        let group = named.or_else(|| user.as_ref().and_then(|(_, primary)| *primary));
        Ok(Privileges {
            user: user.map(|(uid, _)| uid),
            group,
            root,
        })
    }

    /// Who the process becomes, if it is not that user already.
    pub fn stranger(&self) -> Option<Uid> {
        self.user.filter(|uid| *uid != geteuid())
    }

    /// Whether files that can be read now may not be, or not be found, afterwards.
    pub fn hide_files(&self) -> bool {
        self.root.is_some() || self.stranger().is_some()
    }

    /// Gives up what is not needed any more. What is already so is not asked for again, so a configuration that names the
    /// user who starts it works without root.
    pub fn settle(self) -> Result<(), PrivilegeError> {
        if let Some(gid) = self.group.filter(|gid| *gid != getegid() || geteuid().is_root()) {
            become_group(gid).map_err(|errno| PrivilegeError::Group { gid, errno })?;
        }
        if let Some(path) = self.root {
            // The C library reads the time zone's file with the first question, and here is the last place to find it.
            Wall::now().local_offset();
            chroot(&path)
                .and_then(|()| chdir("/"))
                .map_err(|errno| PrivilegeError::Chroot { path, errno })?;
        }
        if let Some(uid) = self.user.filter(|uid| *uid != geteuid()) {
            let ports = LowPorts::keep();
            setresuid(uid, uid, uid).map_err(|errno| PrivilegeError::User { uid, errno })?;
            ports.settle().map_err(PrivilegeError::Ports)?;
        }
        Ok(())
    }
}

fn become_group(gid: Gid) -> Result<(), Errno> {
    if geteuid().is_root() {
        setgroups(&[gid])?;
    }
    setresgid(gid, gid, gid)
}

fn find_user(name: &str) -> Result<(Uid, Option<Gid>), PrivilegeError> {
    let failed = |errno| PrivilegeError::Lookup {
        name: name.to_owned(),
        errno,
    };
    if let Some(user) = User::from_name(name).map_err(failed)? {
        return Ok((user.uid, Some(user.gid)));
    }
    let number: u32 = name.parse().map_err(|_| PrivilegeError::NoUser(name.to_owned()))?;
    let uid = Uid::from_raw(number);
    let known = User::from_uid(uid).map_err(failed)?;
    Ok((uid, known.map(|user| user.gid)))
}

fn find_group(name: &str) -> Result<Gid, PrivilegeError> {
    let failed = |errno| PrivilegeError::Lookup {
        name: name.to_owned(),
        errno,
    };
    if let Some(group) = Group::from_name(name).map_err(failed)? {
        return Ok(group.gid);
    }
    let number: u32 = name.parse().map_err(|_| PrivilegeError::NoGroup(name.to_owned()))?;
    Ok(Gid::from_raw(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(user: Option<&str>, group: Option<&str>) -> Result<Privileges, PrivilegeError> {
        Privileges::resolve(user, group, None)
    }

    #[test]
    fn names_numbers_and_primary_groups() {
        let root = Privileges {
            user: Some(Uid::from_raw(0)),
            group: Some(Gid::from_raw(0)),
            root: None,
        };
        assert_eq!(resolve(Some("root"), None).expect("root exists"), root);
        assert_eq!(resolve(Some("0"), Some("0")).expect("numbers need no entry"), root);
        let unknown = resolve(Some("54321"), None).expect("numbers need no entry");
        assert_eq!((unknown.user, unknown.group), (Some(Uid::from_raw(54_321)), None));
    }

    #[test]
    fn unknown_names_are_named() {
        let user = resolve(Some("nobody-of-that-name"), None).expect_err("no such user");
        assert_eq!(user.to_string(), "there is no user 'nobody-of-that-name'");
        let group = resolve(None, Some("no-group-of-that-name")).expect_err("no such group");
        assert_eq!(group.to_string(), "there is no group 'no-group-of-that-name'");
    }
}
