//! What fuzz programs once found interesting, on every run: the seeds, and the input of each mistake that was mended.
//! The crates that have fuzz programs include this file in their tests.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// Gives each input of a program's corpus to its check, and names those that it does not hold for.
pub fn every_input_holds(package: &str, target: &str, check: fn(&[u8])) {
    let folder = Path::new(package).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(folder).expect("the corpus is committed");
    let inputs: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    assert!(!inputs.is_empty());
    let holds = |path: &PathBuf| {
        let data = fs::read(path).expect("a readable file");
        catch_unwind(|| check(&data)).is_ok()
    };
    let wrong: Vec<&PathBuf> = inputs.iter().filter(|path| !holds(path)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
