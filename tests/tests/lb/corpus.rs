//! The program itself takes and refuses the lines of the corpus as their marks say: `tandem-lb -c`, twice for each file.

#[path = "../../../crates/lb-config/tests/it/marks.rs"]
mod marks;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use marks::{Config, configs, folder};
use tandem_tests::binary;

/// From here to the whole configurations.
const TO_CORPUS: &str = "corpus/configs";

/// Whether it takes a text, and the lines, counted from 1, that it calls mistaken.
fn checked(text: &str) -> (bool, BTreeSet<usize>) {
    let mut child = Command::new(binary("tandem-lb"))
        .args(["-c", "-f", "/dev/stdin"])
        .current_dir(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut input = child.stdin.take().expect("its input is a pipe");
    input.write_all(text.as_bytes()).expect("it reads all of a short text");
    drop(input);
    let output = child.wait_with_output().expect("it is our child");
    let said = String::from_utf8_lossy(&output.stderr);
    let mistaken = said.lines().filter_map(|line| {
        let (line, rest) = line.strip_prefix("/dev/stdin:")?.split_once(':')?;
        rest.contains(": error[").then(|| line.parse().ok())?
    });
    // 2: there is no mistake, and nothing to listen at.
    (matches!(output.status.code(), Some(0 | 2)), mistaken.collect())
}

fn wrong(config: &Config) -> Vec<String> {
    let mut wrong = Vec::new();
    let (accepts, mistaken) = checked(&config.good());
    if !accepts || !mistaken.is_empty() {
        wrong.push(format!("{}: what is good is refused: lines {mistaken:?}", config.file));
    }
    let refused: Vec<_> = config.marks().filter(|marked| marked.mark != '<').collect();
    let (accepts, mistaken) = checked(&config.with(|group| refused.iter().any(|marked| marked.at == group)));
    if accepts && !refused.is_empty() {
        wrong.push(format!("{}: all of it is accepted", config.file));
    }
    for marked in refused.iter().filter(|marked| !mistaken.contains(&(marked.at + 1))) {
        // Beside others it may be another mistake's that is told.
        let (accepts, alone) = checked(&config.with_only(marked));
        if accepts || alone.is_empty() {
            let (file, row) = (&config.file, marked.at + 1);
            wrong.push(format!("{file}:{row}: `{}` is accepted {}", marked.line, marked.reason));
        }
    }
    wrong
}

#[test]
fn the_program_says_what_the_marks_say() {
    let configs = configs();
    assert!(configs.len() >= 60, "{}", configs.len());
    assert!(configs.iter().all(Config::says_what_it_shows));
    let (one, other) = configs.split_at(configs.len() / 2);
    let of = |part: &[Config]| part.iter().flat_map(wrong).collect::<Vec<_>>();
    let wrong = std::thread::scope(|scope| {
        let other = scope.spawn(|| of(other));
        [of(one), other.join().expect("it asks")].concat()
    });
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
