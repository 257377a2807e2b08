//! The files of a host that is apart: those of this machine, to be read and for nothing else.
//!
//! A mount that can only be read keeps nobody from talking to a socket, or into a pipe, that lies there. So the host sees the
//! machine's folders through layers (overlayfs), in which those are others that nobody listens at. The machine's own mounts
//! then leave the host's namespace: nothing is below what it sees.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags};

use super::ground::mount_fresh;
use super::host::share;

/// Where the host's files are put together before they are all that it has.
const ROOT: &str = "/run/root";
/// A layer that adds nothing: without one to be written to there must be two.
const NOTHING: &str = "/run/nothing";

/// What is not this machine's.
const OWN: [&str; 4] = ["/proc", "/sys", "/dev", "/run"];
/// Where programs may write; nothing of it reaches the folder itself.
const WRITABLE: [&str; 2] = ["/tmp", "/var/tmp"];

/// Neither terminals nor disks.
const DEVICES: [&str; 5] = ["full", "null", "random", "urandom", "zero"];
const STREAMS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// In the calling thread's mount namespace, which is its own and whose mounts are private. `shared` is the folder that all
/// hosts share.
pub(super) fn set_apart(shared: &File) -> io::Result<()> {
    lock()?;
    mount_fresh("tmpfs", "/run", "mode=755,size=64m")?;
    for folder in [ROOT, NOTHING] {
        fs::create_dir(folder)?;
    }
    mount_fresh("tmpfs", ROOT, "mode=755,size=1m")?;
    for own in OWN {
        fs::create_dir(here(own))?;
    }
    Machine { mounts: mounts()? }.show(Path::new("/"))?;
    devices()?;
    mount_fresh("sysfs", &format!("{ROOT}/sys"), "")?;
    // The kernel gives a fresh one only to who sees another.
    bind(Path::new("/proc"), &here("/proc"))?;
    mount_fresh("tmpfs", &format!("{ROOT}/run"), "mode=755,size=64m")?;
    share(shared, ROOT)?;
    let locked = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    nix::mount::mount(None::<&str>, ROOT, None::<&str>, locked, None::<&str>)?;
    nix::unistd::chdir(ROOT)?;
    // The machine's root comes to lie upon the host's, pivot_root(2), and goes with all that is mounted in it.
    nix::unistd::pivot_root(".", ".")?;
    nix::mount::umount2(".", MntFlags::MNT_DETACH)?;
    nix::unistd::chdir("/")?;
    Ok(())
}

/// What this thread sees of the machine.
struct Machine {
    mounts: BTreeSet<PathBuf>,
}

impl Machine {
    /// A layer does not span others: of a folder that has some below it each entry is shown by itself.
    fn show(&self, folder: &Path) -> io::Result<()> {
        for path in self.entries(folder)? {
            if OWN.iter().any(|own| path == Path::new(own)) {
                continue;
            }
            let Err(why) = self.show_entry(&path) else {
                continue;
            };
            let is_out_of_reach = matches!(why.raw_os_error(), Some(libc::EACCES | libc::ENOENT));
            // Nor is a filesystem there that no layer can be of.
            if is_out_of_reach || self.mounts.contains(&path) {
                continue;
            }
            if why.raw_os_error().is_none() {
                return Err(why);
            }
            return Err(io::Error::other(format!(
                "this machine's files cannot be protected: no layer over {} (overlayfs, for users since Linux 5.11): {why}",
                path.display()
            )));
        }
        Ok(())
    }

    /// Of a folder that may not be listed, the mounts.
    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        match fs::read_dir(folder) {
            Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
            Err(_) => {
                let mounts = self.mounts.iter().filter(|mount| mount.parent() == Some(folder));
                Ok(mounts.cloned().collect())
            }
        }
    }

    /// Sockets, pipes and devices are left out.
    fn show_entry(&self, path: &Path) -> io::Result<()> {
        let copy = here(path);
        let kind = fs::symlink_metadata(path)?.file_type();
        if kind.is_symlink() {
            return symlink(fs::read_link(path)?, copy);
        }
        if kind.is_file() {
            File::create(&copy)?;
            return bind(path, &copy);
        }
        if !kind.is_dir() {
            return Ok(());
        }
        fs::create_dir(&copy)?;
        if WRITABLE.iter().any(|folder| path == Path::new(folder)) {
            return lay_over(path, &copy);
        }
        if self.has_more_below(path) {
            fs::set_permissions(&copy, fs::metadata(path)?.permissions())?;
            return self.show(path);
        }
        layer(path, &copy, &format!(":{NOTHING},userxattr"))
    }

    /// What is a layer of its own.
    fn has_more_below(&self, path: &Path) -> bool {
        let is_below = |place: &Path| place != path && place.starts_with(path);
        self.mounts.iter().any(|mount| is_below(mount)) || WRITABLE.iter().any(|folder| is_below(Path::new(folder)))
    }
}

/// Where the host has a path of the machine, as long as it is put together.
fn here(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    Path::new(ROOT).join(path.strip_prefix("/").unwrap_or(path))
}

/// The layer below is this folder; what else there is to say of layers follows.
fn layer(folder: &Path, at: &Path, more: &str) -> io::Result<()> {
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    let lower = OpenOptions::new().read(true).custom_flags(flags).open(folder)?;
    // In the words of a mount some characters of a path would mean something else.
    let options = format!("lowerdir=/proc/thread-self/fd/{}{more}", lower.as_raw_fd());
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    nix::mount::mount(Some("lab"), at, Some("overlay"), flags, Some(options.as_str()))?;
    Ok(())
}

/// What is written there is in memory. Where the folder cannot be below, only that is there.
fn lay_over(folder: &Path, at: &Path) -> io::Result<()> {
    let own = format!("/run/over{}", folder.display().to_string().replace('/', "-"));
    let (upper, work) = (format!("{own}/upper"), format!("{own}/work"));
    fs::create_dir_all(&upper)?;
    fs::create_dir_all(&work)?;
    fs::set_permissions(&upper, Permissions::from_mode(0o1777))?;
    match layer(folder, at, &format!(",upperdir={upper},workdir={work},userxattr")) {
        Ok(()) => Ok(()),
        Err(_) => bind(Path::new(&upper), at),
    }
}

fn bind(path: &Path, at: &Path) -> io::Result<()> {
    nix::mount::mount(Some(path), at, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    Ok(())
}

fn devices() -> io::Result<()> {
    let own = here("/dev");
    for name in DEVICES {
        let at = own.join(name);
        File::create(&at)?;
        bind(&Path::new("/dev").join(name), &at)?;
    }
    for (name, target) in STREAMS {
        symlink(target, own.join(name))?;
    }
    fs::create_dir(own.join("shm"))?;
    mount_fresh("tmpfs", &format!("{ROOT}/dev/shm"), "mode=1777,size=16m")
}

/// Everything that is mounted can only be read from here on, and no program has more rights than who starts it.
fn lock() -> io::Result<()> {
    let wanted = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the path ends with a zero byte, the structure lives as long as the call and its size is its own; the kernel
    // only reads both.
    #[allow(unsafe_code)]
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            c"/".as_ptr(),
            libc::AT_RECURSIVE,
            &raw const wanted,
            size_of::<libc::mount_attr>(),
        )
    };
    if outcome == 0 {
        return Ok(());
    }
    let why = io::Error::last_os_error();
    Err(io::Error::other(format!(
        "this machine's files cannot be protected (mount_setattr, since Linux 5.12): {why}"
    )))
}

fn mounts() -> io::Result<BTreeSet<PathBuf>> {
    Ok(mounted_at(&fs::read("/proc/thread-self/mountinfo")?))
}

/// The places in a table of mounts, proc_pid_mountinfo(5).
fn mounted_at(table: &[u8]) -> BTreeSet<PathBuf> {
    const PLACE: usize = 4;
    let lines = table.split(|byte| *byte == b'\n');
    let places = lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(PLACE));
    places
        .map(|place| PathBuf::from(OsStr::from_bytes(&unescaped(place))))
        .collect()
}

/// Blanks and their like are written as a backslash and three octal digits.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..3).filter(|_| *first == b'\\');
        let code = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        out.push(code.unwrap_or(*first));
        rest = if code.is_some() { &behind[3..] } else { behind };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_more_below_it_is_known() {
        let table = b"21 1 0:20 / / rw - ext4 /dev/sda rw\n\
                      22 21 0:21 / /home/a\\040b rw,relatime shared:2 - nfs host:/x rw\n\
                      23 21 0:22 / /srv rw - xfs /dev/sdb rw\n";
        let machine = Machine {
            mounts: mounted_at(table),
        };
        let places: Vec<&Path> = machine.mounts.iter().map(PathBuf::as_path).collect();
        assert_eq!(places, ["/", "/home/a b", "/srv"].map(Path::new));
        for (path, has) in [
            ("/home", true),
            ("/home/a b", false),
            ("/srv", false),
            ("/hom", false),
            ("/var", true),
        ] {
            assert_eq!(machine.has_more_below(Path::new(path)), has, "{path}");
        }
        assert_eq!(unescaped(br"\134\9x\04"), br"\\9x\04");
    }
}
