//! Where the programs lie that play in a lab.

use std::env;
use std::path::PathBuf;

use crate::Missing;

/// A program of this workspace, of the same build as the one that asks: beside it, or above the folder of the tests.
pub fn built(name: &str) -> Result<PathBuf, Missing> {
    let here = env::current_exe().map_err(|why| Missing::new(name, why.to_string()))?;
    let folders = here.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        Missing::new(
            name,
            format!("it is not built beside {}: cargo build -p {name}", here.display()),
        )
    })
}

/// A program of the distribution. An ordinary user's PATH often lacks the folders of the administrator's programs.
pub fn installed(name: &str) -> Result<PathBuf, Missing> {
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut places = env::split_paths(&path).chain(usual).map(|folder| folder.join(name));
    let found = places.find(|place| place.is_file());
    found.ok_or_else(|| Missing::new(name, format!("it is not installed: apt-get install {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found() {
        let me = env::current_exe().unwrap();
        assert_eq!(built(me.file_name().unwrap().to_str().unwrap()), Ok(me));
        assert!(installed("sh").unwrap().is_absolute());
        for missing in [built("no-such-program"), installed("no-such-program")] {
            assert!(missing.unwrap_err().to_string().contains("no-such-program"));
        }
    }
}
