//! `cargo xtask check` on a real copy of this workspace: clean as it is, and failing as soon as the balancer's core may
//! call tokio.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A copy of all that `cargo metadata` reads, removed when the test ends.
struct Copy {
    root: PathBuf,
}

impl Copy {
    fn new(name: &str) -> Copy {
        let root = std::env::temp_dir().join(format!("tandem-arrows-{name}-{}", std::process::id()));
        copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), &root);
        Copy { root }
    }

    fn draw(&self, package: &str, dependency: &str) {
        let manifest = self.root.join(format!("crates/{package}/Cargo.toml"));
        let text = fs::read_to_string(&manifest).expect("each crate has a manifest");
        let drawn = text.replacen(
            "[dependencies]\n",
            &format!("[dependencies]\n{dependency}.workspace = true\n"),
            1,
        );
        assert_ne!(text, drawn, "there is a [dependencies] section");
        fs::write(&manifest, drawn).expect("the copy is ours");
        let update = self.cargo(&["update", "--workspace", "--offline"]);
        assert!(update.status.success(), "{}", String::from_utf8_lossy(&update.stderr));
    }

    fn cargo(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO"))
            .args(arguments)
            .current_dir(&self.root)
            .output()
            .expect("cargo runs")
    }

    fn check(&self) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem-xtask"));
        command.args(["check", "--only", "arrows"]).current_dir(&self.root);
        let output = command.env("CARGO_NET_OFFLINE", "true").output().expect("xtask runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.root).ok();
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the temporary folder is writable");
    for entry in fs::read_dir(from).expect("a folder of this repository") {
        let entry = entry.expect("a readable folder");
        let (name, kind) = (entry.file_name(), entry.file_type().expect("a known type"));
        let hidden = name.to_string_lossy().starts_with('.') || name == "target";
        if kind.is_dir() && !hidden {
            copy_folder(&entry.path(), &to.join(&name));
        } else if kind.is_file()
            && ["rs", "toml", "lock"]
                .iter()
                .any(|e| entry.path().extension().is_some_and(|x| x == *e))
        {
            fs::copy(entry.path(), to.join(&name)).expect("a readable file");
        }
    }
}

#[test]
fn an_arrow_from_the_core_to_tokio_fails_the_check() {
    let copy = Copy::new("tokio");
    let (code, text) = copy.check();
    assert_eq!(code, Some(0), "the workspace as it is:\n{text}");

    copy.draw("lb-core", "tokio");
    let (code, text) = copy.check();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("tandem-lb-core -> tokio: "), "{text}");
    assert!(
        text.contains("tandem-lb-config reaches tokio"),
        "who stands on the core is named too:\n{text}"
    );
}
