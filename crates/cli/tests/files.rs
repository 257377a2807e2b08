//! Files that an operator names: what is too large for a configuration, or has no end, is refused, not read.

use std::fs;
use std::process::Command;

/// With so little memory that whoever reads on ends soon.
fn refused(arguments: &[&str]) -> String {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -v 2000000; exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_tandem"),
    ]);
    let output = command.args(arguments).output().expect("there is a shell");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    said
}

#[test]
fn what_has_no_end_is_no_configuration() {
    for arguments in [
        ["check", "/dev/zero"].as_slice(),
        &["explain", "192.0.2.7", "--config", "/dev/zero"],
        &["plan", "/dev/zero", "/dev/zero"],
        &["convert", "/dev/zero"],
    ] {
        let said = refused(arguments);
        assert!(said.contains("cannot read /dev/zero"), "{arguments:?}: {said}");
        assert!(said.contains("at most 16 MiB"), "{arguments:?}: {said}");
    }
}

#[test]
fn nor_is_it_a_list_of_patterns() {
    let path = std::env::temp_dir().join(format!("tandem-endless-list-{}.cfg", std::process::id()));
    let text = "frontend f\n    bind 127.0.0.1:1\n    tcp-request connection reject if { src -f /dev/zero }\n    \
                default_backend b\nbackend b\n    server s 127.0.0.1:2\n";
    fs::write(&path, text).expect("the temporary folder is writable");
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .arg("check")
        .arg(&path)
        .output();
    fs::remove_file(&path).expect("ours");
    let output = output.expect("it was built");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("at most 256 MiB"), "{said}");
}
