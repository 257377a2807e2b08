//! A unix socket in the file system: made under another name, given its owner and mode, and only then put in its place.
//!
//! So nobody can connect before the permissions hold, and whoever connects during the change meets the old or the new.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use socket2::{Domain, SockAddr, Socket, Type};
pub use tandem_sys::owner::Ownership;

const BACKLOG: i32 = 128;

/// The file of a socket; removed when dropped, unless it is another's by then.
#[derive(Debug)]
pub struct UnixFile {
    path: PathBuf,
    /// Device and inode; `None` when somebody else removes it.
    identity: Option<(u64, u64)>,
}

impl UnixFile {
    /// The file of a socket that another process made and has passed to us; it is ours from now on.
    pub fn adopt(path: &Path, owner: &Ownership) -> io::Result<UnixFile> {
        owner.give(path)?;
        UnixFile::of(path)
    }

    /// Leaves the file to another process.
    pub fn leave(mut self) {
        self.identity = None;
    }

    fn of(path: &Path) -> io::Result<UnixFile> {
        let found = fs::symlink_metadata(path)?;
        Ok(UnixFile {
            path: path.to_owned(),
            identity: Some((found.dev(), found.ino())),
        })
    }
}

impl Drop for UnixFile {
    fn drop(&mut self) {
        let now = fs::symlink_metadata(&self.path).ok().map(|now| (now.dev(), now.ino()));
        let is_ours = now.is_some() && now == self.identity;
        if is_ours {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Opens a listening socket there. What a dead process left is replaced; a socket that answers and other files are not.
pub fn open_unix(path: &Path, owner: &Ownership) -> io::Result<(Socket, UnixFile)> {
    refuse_taken(path)?;
    let hidden = hidden_name(path);
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.bind(&SockAddr::unix(&hidden)?)?;
    let placed = owner
        .give(&hidden)
        .and_then(|()| socket.listen(BACKLOG))
        .and_then(|()| fs::rename(&hidden, path));
    if let Err(error) = placed {
        fs::remove_file(&hidden).ok();
        return Err(error);
    }
    Ok((socket, UnixFile::of(path)?))
}

fn refuse_taken(path: &Path) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a file is there that is no socket",
        ));
    }
    let caller = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    match caller.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// In the same folder, as a rename needs. The kernel goes on calling the socket by this name, and HAProxy's name for it
/// says which file it became, so a successor finds the socket among those that are passed to it. The kernel takes 107
/// bytes: a path that is nearly as long has to do with a short name, and its socket is made anew.
fn hidden_name(path: &Path) -> PathBuf {
    const LONGEST: usize = 107;
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let pid = std::process::id();
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{pid}.tmp"));
    if name.len() <= LONGEST {
        return name.into();
    }
    path.with_file_name(format!(".{pid}-{}", COUNT.fetch_add(1, Relaxed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("tandem-unix-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("the temporary folder is writable");
            Folder(path)
        }

        fn names(&self) -> Vec<String> {
            let found = fs::read_dir(&self.0).expect("it is there");
            found
                .flatten()
                .map(|e| e.file_name().to_string_lossy().into_owned())
                .collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn the_mode_holds_and_the_file_goes_with_its_owner() {
        let folder = Folder::new("mode");
        let path = folder.0.join("s");
        let owner = Ownership::resolve(Some(0o620), Some("0"), None).expect("a number");
        let owner = Ownership { user: None, ..owner };
        let (_socket, file) = open_unix(&path, &owner).expect("it is free");
        assert_eq!(fs::metadata(&path).expect("it is there").mode() & 0o777, 0o620);
        assert_eq!(folder.names(), ["s"]);
        drop(file);
        assert_eq!(folder.names(), [""; 0]);
    }

    #[test]
    fn only_what_is_abandoned_is_replaced() {
        let folder = Folder::new("abandoned");
        let path = folder.0.join("s");
        let open = || open_unix(&path, &Ownership::default());
        let (socket, first) = open().expect("it is free");
        assert_eq!(open().map(|_| ()).map_err(|e| e.kind()), Err(io::ErrorKind::AddrInUse));
        drop(socket);
        let (_socket, second) = open().expect("nobody answers there");
        // The first owner's end leaves the second's file alone.
        drop(first);
        assert_eq!(folder.names(), ["s"]);
        second.leave();
        assert_eq!(folder.names(), ["s"]);
        let plain = folder.0.join("plain");
        fs::write(&plain, "mine").expect("writable");
        let refused = open_unix(&plain, &Ownership::default());
        assert_eq!(
            refused.map(|_| ()).map_err(|e| e.kind()),
            Err(io::ErrorKind::AlreadyExists)
        );
        assert_eq!(fs::read(&plain).expect("it is there"), b"mine");
    }
}
