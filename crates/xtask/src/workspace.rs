//! The files of the repository that the rules read.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A text file, named as people name it: relative to the root.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub path: String,
    pub text: String,
}

impl SourceFile {
    /// In a folder or file that holds nothing but tests, programs that fuzz among them.
    pub fn is_test(&self) -> bool {
        let in_folder = self
            .path
            .split('/')
            .any(|part| part == "tests" || part == "netns-tests" || part == "fuzz" || part == "benches");
        in_folder || self.path.ends_with("/tests.rs") || self.path.ends_with("/properties.rs")
    }
}

/// All files with this ending, in the order of their names; build results and hidden folders left out.
pub fn files(root: &Path, ending: &str) -> Result<Vec<SourceFile>> {
    let mut found = Vec::new();
    collect(root, ending, &mut found)?;
    found.sort();
    found.into_iter().map(|path| read(root, &path)).collect()
}

fn read(root: &Path, path: &Path) -> Result<SourceFile> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let relative = path.strip_prefix(root).unwrap_or(path);
    Ok(SourceFile {
        path: relative.display().to_string(),
        text,
    })
}

fn collect(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let name = name.to_string_lossy();
        if kind.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            collect(&entry.path(), ending, found)?;
        } else if kind.is_file() && name.ends_with(ending) {
            found.push(entry.path());
        }
    }
    Ok(())
}
