//! The `haproxy` module of Ansible's `community.general`: over the socket, a connection for each command, waiting for
//! words in the CSV.
//!
//! The distribution's package has every module there is; only the one file is taken out of it, and of `ansible-core` what
//! that file needs to run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::room::say;
use super::stage::{Side, Stage, fetched};

const MODULE: &str = "usr/lib/python3/dist-packages/ansible_collections/community/general/plugins/modules/haproxy.py";

/// Arguments, as a playbook would say them.
const STEPS: [&str; 12] = [
    r#""state":"disabled","host":"s1","backend":"be""#,
    r#""state":"disabled","host":"s1","backend":"be","wait":true,"wait_interval":1,"wait_retries":3"#,
    r#""state":"enabled","host":"s1","backend":"be","wait":true,"wait_interval":1,"wait_retries":3"#,
    r#""state":"drain","host":"s2","backend":"be","wait":true,"wait_interval":1,"wait_retries":3"#,
    r#""state":"enabled","host":"s2","backend":"be","weight":"2""#,
    r#""state":"enabled","host":"s2","backend":"be","weight":"50%""#,
    r#""state":"disabled","host":"s2","shutdown_sessions":true"#,
    r#""state":"enabled","host":"s2""#,
    r#""state":"enabled","host":"s1","backend":"be","health":true,"agent":true"#,
    r#""state":"disabled","host":"s1","backend":"be","health":true"#,
    r#""state":"enabled","host":"gone","backend":"be","fail_on_not_found":true"#,
    r#""state":"disabled","host":"s1","backend":"be","drain":true,"wait":true,"wait_interval":1,"wait_retries":3"#,
];

fn unpacked(package: &str, folder: &Path, what: &[&str]) -> Option<bool> {
    let mut download = Command::new("apt-get");
    download.args(["download", "-q", package]).current_dir(folder);
    if !download.output().ok()?.status.success() {
        return Some(false);
    }
    let files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let name = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with(&format!("{package}_")))
    };
    let archive = files.into_iter().find(name)?;
    let mut contents = Command::new("dpkg-deb");
    contents.arg("--fsys-tarfile").arg(&archive).stdout(Stdio::piped());
    let mut contents = contents.spawn().ok()?;
    let mut tar = Command::new("tar");
    tar.args(["-x", "--wildcards"]).args(what).current_dir(folder);
    let done = tar.stdin(contents.stdout.take()?).status().ok()?.success();
    contents.wait().ok()?;
    std::fs::remove_file(archive).ok()?;
    Some(done)
}

fn installed() -> Option<PathBuf> {
    fetched("ansible-haproxy", MODULE, |folder| {
        let core = [
            "./usr/lib/python3/dist-packages/ansible/module_utils/*",
            "./usr/lib/python3/dist-packages/ansible/_vendor/*",
            "*/ansible/__init__.py",
            "*/ansible/release.py",
        ];
        Some(
            unpacked("ansible-core", folder, &core)?
                && unpacked("ansible", folder, &["*/general/plugins/modules/haproxy.py"])?,
        )
    })
}

/// What the module answers, without the path of the socket and what is not the same twice.
fn answers(folder: &Path, side: &Side) -> Vec<String> {
    let socket = side.room.socket().display().to_string();
    let answer = |step: &str| {
        let arguments = format!("{{\"ANSIBLE_MODULE_ARGS\":{{{step},\"socket\":\"{socket}\"}}}}");
        let mut python = Command::new("python3");
        python
            .arg(folder.join(MODULE))
            .arg(&arguments)
            .env("PYTHONPATH", folder.join("usr/lib/python3/dist-packages"));
        let output = python.output().expect("python3 runs");
        let text = String::from_utf8_lossy(&output.stdout).replace(&socket, "SOCKET");
        let text = if text.is_empty() {
            String::from_utf8_lossy(&output.stderr).into_owned()
        } else {
            text
        };
        format!("{step}: {}", masked(&text))
    };
    STEPS.map(answer).to_vec()
}

/// It repeats the CSV, of which only the words of this server's state are compared elsewhere.
fn masked(answer: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(answer).unwrap_or_else(|e| panic!("{e}: {answer}"));
    let part = |name: &str| {
        json.get(name)
            .map(|value| format!("{name}={value}"))
            .unwrap_or_default()
    };
    let stats = json.get("stats").is_some();
    let command = json
        .pointer("/command")
        .map(|value| value.to_string())
        .unwrap_or_default();
    format!(
        "{} {} {} {} {command} {stats}",
        part("changed"),
        part("failed"),
        part("msg"),
        part("stdout")
    )
}

#[test]
fn the_haproxy_module() {
    let Some(folder) = installed() else {
        return say("SKIP ansible: its packages cannot be downloaded with apt-get");
    };
    let Some(stage) = Stage::set("ansible") else { return };
    // Each waits for a second here and there.
    let (theirs, ours) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| answers(&folder, &stage.haproxy));
        let ours = answers(&folder, &stage.ours);
        (theirs.join().expect("it says what it found"), ours)
    });
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert_eq!(ours, theirs);
    }
    let [theirs, ours] = stage.both(|side| side.room.ask("show servers state be"));
    let states = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let cells = lines.map(|line| line.split(' ').take(9).collect::<Vec<_>>().join(" "));
        cells.collect::<Vec<_>>()
    };
    assert_eq!(states(&ours), states(&theirs));
}
