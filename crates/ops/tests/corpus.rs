//! What the fuzz program once found interesting, on every run: the seeds, and the input of each mistake that was mended.

#[path = "../fuzz/src/check.rs"]
mod check;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

#[test]
fn every_input_of_the_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/pair_link");
    let entries = fs::read_dir(folder).expect("the corpus is committed");
    let inputs: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    assert!(!inputs.is_empty());
    let holds = |path: &PathBuf| {
        let data = fs::read(path).expect("a readable file");
        catch_unwind(|| check::check(&data)).is_ok()
    };
    let wrong: Vec<&PathBuf> = inputs.iter().filter(|path| !holds(path)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
