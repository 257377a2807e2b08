//! Keys in files of their own: `file:PATH`, behind `key` and `secret`, becomes what the file holds.
//!
//! This is done before anything is read, so that nothing else needs to know of files. A file holds the key itself, or
//! `hex:` and its digits; a line's end behind it does not count.

use std::fmt::Write;

use tandem_text::Diagnostic;
use tandem_text::keepalived::{Files, Statement, Word};

use crate::code;
use crate::report::Report;

const FILE: &str = "file:";
const HEX: &str = "hex:";

pub(crate) fn read(statements: &mut [Statement], files: &dyn Files, report: &mut Report) {
    for statement in statements {
        let holds_keys = matches!(statement.keyword().text.as_str(), "auth_hmac" | "pair_link");
        let Some(block) = &mut statement.block else { continue };
        if holds_keys {
            block
                .statements
                .iter_mut()
                .for_each(|line| of_line(line, files, report));
        } else {
            read(&mut block.statements, files, report);
        }
    }
}

fn of_line(line: &mut Statement, files: &dyn Files, report: &mut Report) {
    for word in line.words.iter_mut().filter(|word| word.text.starts_with(FILE)) {
        report.extend(exchange(word, files).err());
    }
    // The lines of `keys`.
    let more = line.block.iter_mut().flat_map(|block| &mut block.statements);
    more.for_each(|line| of_line(line, files, report));
}

fn exchange(word: &mut Word, files: &dyn Files) -> Result<(), Diagnostic> {
    let path = &word.text[FILE.len()..];
    let bytes = files.read(path).map_err(|why| {
        let message = format!("the key in {path} cannot be read: {why}");
        Diagnostic::error(code::BAD_VALUE, word.span, message)
    })?;
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
    let key = end.map_or(&[][..], |end| &bytes[..=end]);
    word.text = match std::str::from_utf8(key) {
        Ok(text) if text.starts_with(HEX) => text.to_owned(),
        _ => hex(key),
    };
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(HEX.to_owned(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
