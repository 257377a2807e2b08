//! What the fuzz programs once found interesting, on every run: the seeds, and the input of each mistake that was mended.

#[path = "../fuzz/src/check.rs"]
mod check;
#[path = "../fuzz/src/evaluate.rs"]
mod evaluate;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

fn every_input_holds(corpus: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(corpus);
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

#[test]
fn every_configuration_holds() {
    every_input_holds("haproxy", check::check);
}

#[test]
fn every_expression_holds() {
    every_input_holds("expression", evaluate::check);
}
