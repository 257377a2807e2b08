//! The lexer of `keepalived.conf`: statements of words, with blocks, comments, quotes, parameters, repetition, conditions
//! and included files.
//!
//! Lines are rewritten before they are cut into words, so each character remembers where it was written ([`text`]): a
//! mistake in a parameter's value is shown where the value stands. Everything that can make the text grow has a limit, and
//! files come through [`Files`], so nothing here reads one. Behaviour was measured on Keepalived 2.2.7.

mod glob;
mod include;
mod line;
mod parameter;
mod read;
mod repeat;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod word;

use crate::diagnostic::Code;
pub use read::read;
pub use tree::{Block, Statement};
pub use word::Word;

/// A quote or block that is not closed, or a directive that cannot be read.
pub const BAD_TEXT: Code = Code("TX0101");
/// Parameters, repetitions or files that grow beyond all measure.
pub const TOO_MUCH: Code = Code("TX0102");
/// A file to be included that is not there or cannot be read.
pub const NO_FILE: Code = Code("TX0103");

/// No honest line comes near.
pub const MAX_LINE: usize = 64 * 1024;
/// Bytes that parameters, repetitions and included files may add to a configuration. A line that is made costs more than
/// its bytes.
pub const MAX_GROWTH: usize = 4 * 1024 * 1024;
/// Bytes of memory that the statements of a configuration may take: some hundred thousand lines.
pub const MAX_MEMORY: usize = 128 << 20;
/// Whoever is told of more has given us something else.
pub const MAX_COMPLAINTS: usize = 500;
/// Files within files within files.
pub const MAX_DEPTH: usize = 16;
pub const MAX_FILES: usize = 1000;
/// Blocks within blocks. Keepalived's own go four deep.
pub const MAX_NESTING: usize = 32;

/// Where included files come from. Paths are as written, made relative to the including file.
pub trait Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
    /// The names in a directory, in any order; nothing if it is none.
    fn list(&self, directory: &str) -> Vec<String>;
}

/// No file can be included.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _path: &str) -> Result<Vec<u8>, String> {
        Err("no files can be included here".to_owned())
    }

    fn list(&self, _directory: &str) -> Vec<String> {
        Vec::new()
    }
}

/// What a configuration may ask about the machine that reads it.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub files: &'a dyn Files,
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// What `@id` compares with and `${_INSTANCE}` says: `-i`, or the host name up to its first dot.
    pub config_id: &'a str,
    /// Where `${_RANDOM}` starts.
    pub seed: u64,
}
