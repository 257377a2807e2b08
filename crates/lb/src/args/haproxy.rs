//! HAProxy's own flags, turned into the long options that mean the same.

use std::ffi::{OsStr, OsString};

use thiserror::Error;

#[derive(Debug, Error)]
pub(crate) enum ArgsError {
    #[error("{flag}: {why}")]
    NotYet { flag: String, why: &'static str },
    #[error(transparent)]
    Usage(#[from] clap::Error),
}

/// Flags that one word says completely.
const LONG: &[(&str, &str)] = &[
    ("-cc", "--condition"),
    ("-db", "--foreground"),
    ("-dW", "--zero-warning"),
    ("-vv", "--build-options"),
    ("-Ws", "--notify"),
];

/// Flags of HAProxy's pollers, memory and diagnostics, which have nothing to act on here. A letter or value may follow.
const WITHOUT_MEANING: &[&str] = &[
    "-dM", "-dI", "-dG", "-dR", "-dS", "-dV", "-dD", "-dL", "-dF", "-de", "-dp", "-dt",
];

/// Flags that would change what happens, and do not yet.
const NOT_YET: &[(&str, &str)] = &[
    (
        "-m",
        "a memory limit is not there yet; let systemd's MemoryMax= set one",
    ),
    ("-dr", "ignoring names that cannot be resolved is not there yet"),
    ("-dC", "printing the configuration is not there yet"),
    ("-dK", "printing the keywords is not there yet"),
];

/// Rewrites a command line; the first word is the program's name.
pub(super) fn translate(argv: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, ArgsError> {
    let mut words = argv.into_iter().peekable();
    let mut out: Vec<OsString> = words.next().into_iter().collect();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        match text.as_str() {
            "-sf" | "-st" => {
                let long = if text == "-sf" { "--finish" } else { "--terminate" };
                while let Some(pid) = words.next_if(|w| is_number(w)) {
                    out.extend([OsString::from(long), pid]);
                }
            }
            // All that follows names configuration files.
            "--" => out.extend(words.by_ref().flat_map(|file| [OsString::from("--file"), file])),
            flag => match translate_one(flag)? {
                Translation::Same => out.push(word),
                Translation::Long(long) => out.push(long.into()),
                Translation::Nothing => {}
            },
        }
    }
    Ok(out)
}

enum Translation {
    Same,
    Long(&'static str),
    Nothing,
}

fn translate_one(flag: &str) -> Result<Translation, ArgsError> {
    if let Some((_, long)) = LONG.iter().find(|(short, _)| *short == flag) {
        return Ok(Translation::Long(long));
    }
    if let Some(&(_, why)) = NOT_YET.iter().find(|(short, _)| *short == flag) {
        return Err(ArgsError::NotYet {
            flag: flag.to_owned(),
            why,
        });
    }
    if WITHOUT_MEANING.iter().any(|known| flag.starts_with(known)) {
        return Ok(Translation::Nothing);
    }
    Ok(Translation::Same)
}

fn is_number(word: &OsStr) -> bool {
    word.to_str()
        .is_some_and(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_digit()))
}
