//! The README's commands are true: each line after a `$` is known here, and runs, or is this very run.

use std::path::{Path, PathBuf};
use std::process::Command;

use tandem_tests::binary;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn commands() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let commands = text
        .lines()
        .filter_map(|l| l.strip_prefix("$ "))
        .map(String::from)
        .collect::<Vec<_>>();
    assert!(commands.len() >= 4, "{commands:?}");
    commands
}

#[test]
fn every_command_of_the_readme_works() {
    for command in commands() {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            // The aliases end in these programs; that they are defined is checked below.
            ["cargo", "demo", "--for", "10s"] => succeeds("tandem", &["demo", "--for", "10s"]),
            ["cargo", "xtask", "test"] => {}
            ["cargo", "build", "--locked", "--release", "-p", package] => is_member(package),
            [program, arguments @ ..] if program.starts_with("target/release/") => {
                succeeds(program.trim_start_matches("target/release/"), arguments);
            }
            _ => panic!("README.md shows a command that no test knows: {command}"),
        }
    }
}

#[test]
fn the_two_commands_are_aliases() {
    let text = std::fs::read_to_string(root().join(".cargo/config.toml")).expect(".cargo/config.toml");
    for alias in ["xtask = ", "demo = "] {
        assert!(text.lines().any(|l| l.starts_with(alias)), "{alias}");
    }
}

fn succeeds(program: &str, arguments: &[&str]) {
    let output = Command::new(binary(program))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn is_member(package: &str) {
    let folder = package.trim_start_matches("tandem-");
    let manifest = root().join("crates").join(folder).join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap_or_default();
    assert!(
        text.contains(&format!("name = \"{package}\"")),
        "{}",
        manifest.display()
    );
}
