//! What came of turning files of one dialect into the other: the text, a receipt for each line, and whether it means the same.

use std::fmt;
use std::sync::Arc;

use crate::{Diagnostic, SourceMap};

/// What came of the files.
#[derive(Clone, Debug)]
pub struct Converted {
    pub toml: String,
    /// One for each line that says something, in the order of the files.
    pub receipts: Vec<Receipt>,
    pub verdict: Verdict,
    /// What is wrong with the files themselves.
    pub diagnostics: Vec<Diagnostic>,
    pub sources: SourceMap,
}

/// Whether the text may take the place of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It means the same.
    Same,
    /// It does, but lists of patterns have other numbers (`show acl`, `show map`).
    Renumbered,
    /// Lines that matter could not be kept: see the receipts.
    Incomplete,
    /// It does not mean the same, and no line is to blame: a mistake of ours.
    Different,
}

/// One line that says something, or one thing that is said in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub file: Arc<str>,
    pub line: usize,
    /// As it is written, without blanks around it.
    pub text: String,
    pub fate: Fate,
    /// What else is to be known about it.
    pub notes: Vec<String>,
}

impl Receipt {
    /// The lines that could not be kept, as a comment where nobody can miss it; nothing where all were.
    pub fn left_out(receipts: &[Receipt]) -> String {
        let dropped = receipts.iter().filter_map(|receipt| match &receipt.fate {
            Fate::Dropped(why) => Some(format!(
                "#   {}:{}: {} ({why})\n",
                receipt.file, receipt.line, receipt.text
            )),
            _ => None,
        });
        let lines: String = dropped.collect();
        match lines.is_empty() {
            true => String::new(),
            false => format!("# NOT COMPLETE. These lines could not be kept:\n{lines}\n"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stands there as this.
    Kept(String),
    /// What it says holds anyway: it is what is usual, or said by another line.
    Implied,
    /// It changes nothing here, because of this.
    NoEffect(String),
    /// It is not in the result, because of this.
    Dropped(String),
}

impl Fate {
    /// One word for it, for programs.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Kept(_) => "kept",
            Self::Implied => "implied",
            Self::NoEffect(_) => "no-effect",
            Self::Dropped(_) => "dropped",
        }
    }

    /// What it was kept as, or why it was not.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Kept(text) | Self::NoEffect(text) | Self::Dropped(text) => Some(text),
            Self::Implied => None,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(place) => write!(f, "kept as {place}"),
            Self::Implied => f.write_str("implied: it holds without being said"),
            Self::NoEffect(why) => write!(f, "has no effect: {why}"),
            Self::Dropped(why) => write!(f, "dropped: {why}"),
        }
    }
}
