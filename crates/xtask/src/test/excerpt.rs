//! The part of a long log that says what went wrong.

/// More is in the file, and would push the table off the screen.
const LONGEST: usize = 200;
/// Of a log without a section of failures: tools put the reason at the end.
const END: usize = 60;

/// The sections `failures:` of libtest without their stack traces, or else the end.
pub(super) fn of(log: &str) -> Vec<&str> {
    let mut shown = Vec::new();
    let mut inside = false;
    for line in log.lines() {
        if line.starts_with("test result:") {
            inside = false;
        } else if line == "failures:" {
            inside = true;
        } else if inside && !line.is_empty() && !is_trace(line) {
            shown.push(line);
        }
    }
    if shown.is_empty() {
        let lines: Vec<&str> = log.lines().collect();
        return lines[lines.len().saturating_sub(END)..].to_vec();
    }
    shown.truncate(LONGEST);
    shown
}

/// What one test said when it failed, at most so many lines: libtest's section `---- NAME stdout ----`, or what stands indented
/// below `test NAME ... FAILED`.
pub(super) fn of_test(log: &str, name: &str, most: usize) -> Vec<String> {
    let section = format!("---- {name} stdout ----");
    let below = format!("test {name} ... FAILED (");
    let head = |line: &&str| *line == section || line.starts_with(&below);
    let mut lines = log.lines().skip_while(|line| !head(line));
    let is_section = lines.next().is_some_and(|line| line == section);
    let is_inside = |line: &&str| match is_section {
        true => !line.starts_with("---- ") && *line != "failures:",
        false => line.starts_with("    "),
    };
    let said = lines
        .take_while(is_inside)
        .filter(|line| !line.is_empty() && !is_trace(line));
    said.take(most).map(str::to_owned).collect()
}

/// `   3: core::ops::function::FnOnce::call_once` and the place below it
fn is_trace(line: &str) -> bool {
    let text = line.trim_start();
    let is_frame = text
        .split_once(": ")
        .is_some_and(|(number, _)| number.parse::<u16>().is_ok());
    let is_place = line.starts_with("         ") && text.starts_with("at ");
    let is_frame_around = text.starts_with("stack backtrace:") || text.starts_with("note: Some details are omitted");
    is_frame && line.starts_with("  ") || is_place || is_frame_around
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_without_their_traces() {
        let log = "test a ... ok\ntest b ... FAILED\n\nfailures:\n\n---- b stdout ----\nwrong: 7\nstack backtrace:\n   \
                   0: core::panicking\n             at ./x.rs:3:1\n\nfailures:\n    b\n\ntest result: FAILED. 1 passed; 1 \
                   failed\nRunning c\ntest d ... ok\n";
        assert_eq!(of(log), ["---- b stdout ----", "wrong: 7", "    b"]);
    }

    #[test]
    fn otherwise_the_end() {
        let log = (0..100).map(|n| format!("line {n}\n")).collect::<String>();
        let shown = of(&log);
        assert_eq!((shown.len(), shown[0], shown[59]), (60, "line 40", "line 99"));
    }
}
