//! Files that an operator names on the command line.

use std::path::Path;

use anyhow::Context;
use tandem_ops::disk::Disk;

/// Its name as it was written, and what is in it.
pub(crate) fn read(path: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    let name = path.display().to_string();
    let bytes = Disk::new()
        .read_file(path)
        .with_context(|| format!("cannot read {name}"))?;
    Ok((name, bytes))
}
