//! A file is a noun and does one thing: half of them have at most 150 lines, nine of ten at most 450, none more than 800.
//!
//! Tests do not count, neither in their own files nor at the bottom of another; tables of keywords do not either.

use super::Finding;
use crate::workspace::SourceFile;

const MEDIAN: usize = 150;
const NINE_OF_TEN: usize = 450;
const LONGEST: usize = 800;

pub(super) fn check(files: &[SourceFile]) -> Finding {
    let mut sizes: Vec<(usize, &str)> = files
        .iter()
        .filter(|f| counts(f))
        .map(|f| (lines(&f.text), f.path.as_str()))
        .collect();
    sizes.sort();
    let (Some(median), Some(ninth)) = (place(&sizes, 50), place(&sizes, 90)) else {
        return Finding::new("no files", Vec::new());
    };
    let mut wrong: Vec<String> = sizes
        .iter()
        .filter(|(size, _)| *size > LONGEST)
        .map(|(size, path)| format!("{path}: {size} lines; at most {LONGEST}"))
        .collect();
    if median > MEDIAN {
        wrong.push(format!(
            "half of the files have more than {median} lines; {MEDIAN} is the limit"
        ));
    }
    if ninth > NINE_OF_TEN {
        wrong.push(format!(
            "a tenth of the files has more than {ninth} lines; {NINE_OF_TEN} is the limit"
        ));
    }
    let longest = sizes
        .last()
        .map_or(String::new(), |(size, path)| format!("{size} ({path})"));
    Finding::new(
        format!(
            "{} files; median {median}, nine of ten {ninth}, longest {longest}",
            sizes.len()
        ),
        wrong,
    )
}

fn counts(file: &SourceFile) -> bool {
    let is_table = file.path.contains("/tables/") || file.path.ends_with("/keywords.rs");
    !file.is_test() && !is_table
}

/// Lines before the tests at the bottom.
fn lines(text: &str) -> usize {
    let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..tests].lines().count()
}

fn place(sorted: &[(usize, &str)], percent: usize) -> Option<usize> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last * percent / 100).map(|(size, _)| *size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: usize) -> SourceFile {
        SourceFile {
            path: path.to_owned(),
            text: "x\n".repeat(lines),
        }
    }

    #[test]
    fn one_long_file_is_named() {
        let files = [
            file("a.rs", 10),
            file("b.rs", 801),
            file("x/tests.rs", 2_000),
            file("k/keywords.rs", 2_000),
        ];
        assert_eq!(check(&files).wrong, ["b.rs: 801 lines; at most 800"]);
    }

    #[test]
    fn many_longish_files_are_too_many() {
        let files: Vec<SourceFile> = (0..20).map(|n| file(&format!("{n}.rs"), 151 + n)).collect();
        assert_eq!(check(&files).wrong.len(), 1);
        let files: Vec<SourceFile> = (0..20)
            .map(|n| file(&format!("{n:02}.rs"), if n < 17 { 10 } else { 500 }))
            .collect();
        assert_eq!(check(&files).wrong.len(), 1);
    }

    #[test]
    fn tests_at_the_bottom_do_not_count() {
        assert_eq!(lines("a\nb\n\n#[cfg(test)]\nmod tests {\n    c\n}\n"), 3);
        assert_eq!(lines("a\n#[cfg(test)]\nmod tests;\n"), 3);
    }
}
