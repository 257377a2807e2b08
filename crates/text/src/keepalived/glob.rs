//! Patterns of file names as a shell writes them: `*`, `?`, `[a-z]` and `{a,b}`.

use super::{Files, MAX_FILES};

/// The alternatives of a pattern with braces; the pattern itself if it has none.
pub(super) fn alternatives(pattern: &str) -> Vec<String> {
    let mut waiting = vec![pattern.to_owned()];
    let mut done = Vec::new();
    while let Some(pattern) = waiting.pop() {
        let Some((before, inside, after)) = outermost(&pattern) else {
            done.push(pattern);
            continue;
        };
        if waiting.len() + done.len() > MAX_FILES || pattern.len() > 4096 {
            break;
        }
        let choices = choices(inside).into_iter().rev();
        waiting.extend(choices.map(|choice| format!("{before}{choice}{after}")));
    }
    done
}

/// The first pair of braces: what is before, inside and after.
fn outermost(pattern: &str) -> Option<(&str, &str, &str)> {
    let open = pattern.find('{')?;
    let mut depth = 0_usize;
    for (at, c) in pattern[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((
                &pattern[..open],
                &pattern[open + 1..open + at],
                &pattern[open + at + 1..],
            ));
        }
    }
    None
}

fn choices(inside: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let cut = |c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    inside.split(cut).collect()
}

pub(super) fn is_wild(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// The paths that fit a pattern without braces, in the order of their names.
pub(super) fn paths(pattern: &str, files: &dyn Files) -> Vec<String> {
    let start = if pattern.starts_with('/') { "/" } else { "" };
    let mut found = vec![start.to_owned()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for directory in found {
            if is_wild(part) {
                let here = if directory.is_empty() { "." } else { directory.as_str() };
                let mut names = files.list(here);
                names.retain(|name| matches(part.as_bytes(), name.as_bytes()));
                names.sort_unstable();
                next.extend(names.iter().map(|name| join(&directory, name)));
            } else {
                next.push(join(&directory, part));
            }
        }
        next.truncate(MAX_FILES);
        found = next;
    }
    found
}

pub(super) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() || name.starts_with('/') {
        name.to_owned()
    } else if directory.ends_with('/') {
        format!("{directory}{name}")
    } else {
        format!("{directory}/{name}")
    }
}

/// Steps back to the last `*` only, so the time is at most the product of both lengths.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // A hidden file must be asked for.
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if let Some(length) = one(&pattern[p..], name[n]) {
            p += length;
            n += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            n = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// How much of the pattern one byte uses up, if it fits.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', rest @ ..] => match rest.iter().skip(1).position(|b| *b == b']') {
            Some(end) => class(&rest[..=end], byte).then_some(end + 3),
            None => (byte == b'[').then_some(1),
        },
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [first, ..] => (*first == byte).then_some(1),
        [] => None,
    }
}

fn class(set: &[u8], byte: u8) -> bool {
    let (negated, mut set) = match set {
        [b'!' | b'^', rest @ ..] => (true, rest),
        _ => (false, set),
    };
    let mut found = false;
    while let [first, rest @ ..] = set {
        (found, set) = match rest {
            [b'-', last, rest @ ..] => (found || (*first..=*last).contains(&byte), rest),
            _ => (found || *first == byte, rest),
        };
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        for (pattern, name, fits) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".conf", false),
            (".*", ".conf", true),
            ("*a*b", "xaxxab", true),
            ("*a*b", "xaxxac", false),
            ("?[0-9x]", "a7", true),
            ("?[0-9x]", "ax", true),
            ("?[!0-9]", "a7", false),
            ("[]]", "]", true),
            ("[", "[", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("", "", true),
            ("**", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn braces_are_alternatives() {
        assert_eq!(
            alternatives("{foo/{,cat,dog},bar}.c"),
            ["foo/.c", "foo/cat.c", "foo/dog.c", "bar.c"]
        );
        assert_eq!(alternatives("a{b"), ["a{b"]);
        assert!(alternatives(&"{a,b}".repeat(500)).len() <= MAX_FILES + 2);
    }
}
