//! What the fuzz programs once found interesting, on every run: the seeds, and the input of each mistake that was mended.

#[path = "../fuzz/src/bfd_check.rs"]
mod bfd;
#[path = "../fuzz/src/check.rs"]
mod packet;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

#[test]
fn every_packet_of_the_corpus_holds() {
    every_input_holds("packet", packet::check);
}

#[test]
fn every_bfd_session_of_the_corpus_holds() {
    every_input_holds("bfd", bfd::check);
}

fn every_input_holds(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
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
