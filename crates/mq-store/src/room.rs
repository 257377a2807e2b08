//! How much room a file system has.

use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

/// In bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub size: u64,
    /// What this process may still use.
    pub available: u64,
    /// What is in use, whoever uses it.
    pub used: u64,
}

impl Room {
    /// Of the file system that holds this path.
    pub fn of(path: &Path) -> io::Result<Room> {
        let stat = statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.fragment_size());
        Ok(Room {
            size: bytes(stat.blocks()),
            available: bytes(stat.blocks_available()),
            used: bytes(stat.blocks().saturating_sub(stat.blocks_free())),
        })
    }

    /// How full it is for this process, in hundredths, as `df` says it: what is kept for the superuser does not count.
    pub fn percent(self) -> u8 {
        let all = u128::from(self.used) + u128::from(self.available);
        let percent = (u128::from(self.used) * 100).div_ceil(all.max(1));
        u8::try_from(percent).unwrap_or(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_full_as_df_says() {
        for (used, available, percent) in [
            (0, 100, 0),
            (1, 999, 1),
            (89, 11, 89),
            (90, 10, 90),
            (10, 0, 100),
            (0, 0, 0),
        ] {
            let size = used + available;
            let room = Room { size, available, used };
            assert_eq!(room.percent(), percent, "{used} {available}");
        }
        let here = Room::of(&std::env::temp_dir()).unwrap();
        assert!(here.size >= here.used && here.size > 0, "{here:?}");
        assert!(Room::of(Path::new("/nowhere/at/all")).is_err());
    }
}
