//! Whose a file is, and who may do what with it: said in configurations, and given to a socket's file before anybody can
//! connect to it.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::unistd::{Group, User};

/// Whose the file is; what is not said stays as the system makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    pub mode: Option<u32>,
    pub user: Option<u32>,
    pub group: Option<u32>,
}

impl Ownership {
    /// It stays as the system makes it.
    pub const NOBODYS: Ownership = Ownership {
        mode: None,
        user: None,
        group: None,
    };

    /// Names or numbers, as in `/etc/passwd` and `/etc/group`.
    pub fn resolve(mode: Option<u32>, user: Option<&str>, group: Option<&str>) -> io::Result<Ownership> {
        let of_user = |name: &str| Ok::<_, io::Error>(User::from_name(name)?.map(|u| u.uid.as_raw()));
        let of_group = |name: &str| Ok::<_, io::Error>(Group::from_name(name)?.map(|g| g.gid.as_raw()));
        Ok(Ownership {
            mode,
            user: user.map(|name| known("user", name, of_user(name)?)).transpose()?,
            group: group.map(|name| known("group", name, of_group(name)?)).transpose()?,
        })
    }

    /// Gives the file away; what is not said stays. Nothing is asked for that is so already: the right to do it may be
    /// gone by now.
    pub fn give(&self, path: &Path) -> io::Result<()> {
        if *self == Ownership::default() {
            return Ok(());
        }
        let now = fs::metadata(path)?;
        let user = self.user.filter(|user| *user != now.uid());
        let group = self.group.filter(|group| *group != now.gid());
        let is_given = user.is_some() || group.is_some();
        if is_given {
            std::os::unix::fs::chown(path, user, group)?;
        }
        // Giving it away may take bits of the mode with it.
        if let Some(mode) = self.mode.filter(|mode| is_given || *mode != now.mode() & 0o7777) {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }
}

fn known(what: &str, name: &str, found: Option<u32>) -> io::Result<u32> {
    let number = found.or_else(|| name.parse().ok());
    number.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no {what} '{name}'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names() {
        let error = Ownership::resolve(None, Some("nobody-of-that-name"), None).expect_err("no such user");
        assert_eq!(error.to_string(), "there is no user 'nobody-of-that-name'");
    }
}
