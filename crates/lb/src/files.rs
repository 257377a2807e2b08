//! The configuration files: which ones, and what is in them.

use std::io;
use std::path::{Path, PathBuf};

use tandem_lb_config::NamedText;
use tandem_ops::disk::Disk;
use thiserror::Error;

use crate::outside::Outside;

#[derive(Debug, Error)]
pub(crate) enum FilesError {
    #[error("no configuration: name one with -f FILE")]
    NoneNamed,
    #[error("cannot read {}: {why}", path.display())]
    Unreadable { path: PathBuf, why: io::Error },
    #[error("{}: no *.cfg and no *.toml in this folder", .0.display())]
    EmptyFolder(PathBuf),
}

/// Reads the files, and of folders every `*.cfg` and `*.toml` in the order of the C locale, hidden ones left out.
pub(crate) fn read(named: &[PathBuf], outside: &Outside) -> Result<Vec<NamedText>, FilesError> {
    if named.is_empty() {
        return Err(FilesError::NoneNamed);
    }
    let (mut texts, disk) = (Vec::new(), Disk::new());
    for path in named {
        for file in expand(path, outside)? {
            let read = outside.read(&file);
            let read = read.and_then(|bytes| disk.spend(bytes.len()).map(|()| bytes));
            let bytes = read.map_err(|why| FilesError::Unreadable {
                path: file.clone(),
                why,
            })?;
            texts.push(NamedText::new(file.display().to_string(), bytes));
        }
    }
    Ok(texts)
}

fn expand(path: &Path, outside: &Outside) -> Result<Vec<PathBuf>, FilesError> {
    let listed = outside.folder(path).map_err(|why| FilesError::Unreadable {
        path: path.to_owned(),
        why,
    })?;
    let Some(mut files) = listed else {
        return Ok(vec![path.to_owned()]);
    };
    files.retain(|file| is_configuration(file));
    if files.is_empty() {
        Err(FilesError::EmptyFolder(path.to_owned()))
    } else {
        Ok(files)
    }
}

fn is_configuration(file: &Path) -> bool {
    let hidden = file
        .file_name()
        .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && file.extension().is_some_and(|ext| ext == "cfg" || ext == "toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_order_without_what_is_hidden() {
        let dir = std::env::temp_dir().join(format!("tandem-lb-files-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        for name in ["b.cfg", "a.cfg", ".hidden.cfg", "notes.txt", "B.cfg", "c.toml"] {
            std::fs::write(dir.join(name), name).unwrap();
        }
        let texts = read(std::slice::from_ref(&dir), &Outside::Here).unwrap();
        let read: Vec<_> = texts
            .iter()
            .map(|t| String::from_utf8_lossy(&t.bytes).into_owned())
            .collect();
        assert_eq!(read, ["B.cfg", "a.cfg", "b.cfg", "c.toml"]);
        // Two of nine are more than is read of a configuration.
        for name in ["x.cfg", "y.cfg"] {
            let file = std::fs::File::create(dir.join(name)).unwrap();
            file.set_len(9 << 20).unwrap();
        }
        let error = self::read(std::slice::from_ref(&dir), &Outside::Here).unwrap_err();
        let text = format!("{:#}", anyhow::Error::from(error));
        let expected = format!(
            "cannot read {}: a configuration has at most 16 MiB",
            dir.join("y.cfg").display()
        );
        assert_eq!(text, expected);
        std::fs::remove_dir_all(&dir).unwrap();
        let error = self::read(std::slice::from_ref(&dir), &Outside::Here).unwrap_err();
        let text = format!("{:#}", anyhow::Error::from(error));
        let expected = format!("cannot read {}: No such file or directory (os error 2)", dir.display());
        assert_eq!(text, expected, "each reason is said once");
        assert!(matches!(self::read(&[], &Outside::Here), Err(FilesError::NoneNamed)));
    }
}
