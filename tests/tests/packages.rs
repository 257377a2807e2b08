//! The packages, installed and removed on a copy of this machine: a file system laid over its own, of which nothing stays.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tandem_tests::binary;

const PACKAGES: [&str; 5] = ["tandem-lb", "tandem-vrrp", "tandem-mq", "tandem", "tandem-compat"];

/// What is run on the copy. Whose place is taken goes first, as on a host that moves, and leaves its configuration.
const STORY: &str = r#"
set -ex
export DEBIAN_FRONTEND=noninteractive
cd "$1"
mount -t tmpfs none over
mkdir over/upper over/work over/root
mount -t overlay overlay -o lowerdir=/,upperdir=over/upper,workdir=over/work over/root
mount -t proc proc over/root/proc
mkdir over/root/packages
cp packages/*.deb over/root/packages
on_it() { chroot over/root "$@"; }
files() { (cd over/upper && find . ! -type d ! -type c ! -path './packages/*' | sort); }
on_it dpkg --no-triggers --remove haproxy keepalived >/dev/null 2>&1 || true
files >before
on_it dpkg --no-triggers --force-depends --install packages/tandem-lb_*.deb packages/tandem-vrrp_*.deb packages/tandem-mq_*.deb packages/tandem_*.deb packages/tandem-compat_*.deb
files >installed
on_it tandem-lb -v
on_it tandem --version
on_it tandem-lb -c -f /usr/share/doc/tandem-lb/examples/tandem-lb.toml
mkdir -p over/root/etc/haproxy
printf 'listen a\n  mode tcp\n  bind 127.0.0.1:1\n  timeout client 1s\n  timeout server 1s\n  timeout connect 1s\n' >over/root/etc/haproxy/tandem-test.cfg
on_it haproxy -c -f /etc/haproxy/tandem-test.cfg
on_it keepalived -v 2>&1
rm over/root/etc/haproxy/tandem-test.cfg
on_it dpkg --no-triggers --remove tandem-compat tandem-lb
on_it dpkg --no-triggers --install packages/tandem-lb_*.deb packages/tandem-compat_*.deb
files >again
on_it dpkg --no-triggers --purge tandem-compat tandem tandem-mq tandem-vrrp tandem-lb
files >after
"#;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn lines(folder: &Path, name: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join(name)).expect("the story wrote it");
    text.lines()
        .map(|line| line.trim_start_matches('.').to_owned())
        .collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn they_come_and_go_without_a_trace() {
    if !Path::new("/usr/bin/dpkg-deb").exists() || !nix::unistd::geteuid().is_root() {
        say("SKIP packages: needs root, for a file system laid over this one, and dpkg-deb");
        return;
    }
    let folder = Folder(binary("tandem").with_file_name(format!("packages-{}", std::process::id())));
    fs::create_dir_all(folder.0.join("over")).expect("the target folder is writable");
    let packages = folder.0.join("packages");
    leave_a_page_of_an_older_program(&packages);
    make(&packages);
    let mut story = Command::new("unshare");
    story.args(["--mount", "--propagation", "private", "sh", "-c", STORY, "story"]);
    let output = story.arg(&folder.0).output().expect("unshare runs");
    let text = said(&output);
    if !output.status.success() && ["mount: ", "unshare failed"].iter().any(|why| text.contains(why)) {
        say(&format!("SKIP packages: nothing can be mounted here: {text}"));
        return;
    }
    assert!(output.status.success(), "{text}");
    let installed = lines(&folder.0, "installed");
    for file in [
        "/usr/sbin/tandem-lb",
        "/usr/sbin/tandem-vrrp-launch",
        "/usr/sbin/haproxy",
        "/usr/bin/tandem",
        "/usr/share/man/man8/tandem-lb.8.gz",
        "/usr/share/man/man1/tandem-explain.1.gz",
        "/usr/share/bash-completion/completions/tandem",
        "/usr/share/zsh/vendor-completions/_tandem-mq",
        "/etc/systemd/system/multi-user.target.wants/tandem-vrrp.service",
    ] {
        assert!(
            installed.iter().any(|line| line.ends_with(file)),
            "{file} is not among {installed:#?}"
        );
    }
    assert!(
        !installed.iter().any(|line| line.contains("tandem-old")),
        "of another program: {installed:#?}"
    );
    let again = lines(&folder.0, "again");
    let is_enabled = |lines: &BTreeSet<String>| lines.iter().any(|line| line.ends_with("wants/tandem-lb.service"));
    assert!(
        is_enabled(&installed) && is_enabled(&again),
        "what was enabled stays so"
    );
    // Accounts stay, as Debian wants it, the notes of dpkg itself, and the links to init scripts of those whose place was taken.
    let kept = |line: &&String| {
        let own = [
            "/var/lib/dpkg/",
            "/var/log/",
            "/var/cache/",
            "/etc/rc",
            "/etc/passwd",
            "/etc/group",
            "/etc/shadow",
            "/etc/gshadow",
        ];
        !own.iter().any(|start| line.contains(start)) && !line.ends_with("/etc/.pwd.lock")
    };
    let before = lines(&folder.0, "before");
    let after = lines(&folder.0, "after");
    let left: Vec<&String> = after.difference(&before).filter(kept).collect();
    assert!(left.is_empty(), "left behind: {left:#?}");
}

fn leave_a_page_of_an_older_program(out: &Path) {
    let pages = out.join("generated/tandem/man");
    fs::create_dir_all(&pages).expect("the target folder is writable");
    fs::write(pages.join("tandem-old.1"), "").expect("written");
}

/// By the repository's own command, of the programs that this test was built with.
fn make(out: &Path) {
    let xtask = binary("tandem-xtask");
    let mut deb = Command::new(&xtask);
    deb.args(["deb", "--programs"]).arg(xtask.parent().expect("a folder"));
    deb.arg("--out").arg(out);
    let output = deb
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output();
    let output = output.expect("the program starts");
    assert!(output.status.success(), "{}", said(&output));
    let made = fs::read_dir(out).expect("it was made").flatten();
    let debs = made
        .filter(|entry| entry.path().extension() == Some(OsStr::new("deb")))
        .count();
    assert_eq!(debs, PACKAGES.len());
}

fn say(line: &str) {
    use std::io::Write as _;
    // A test whose reader is gone has nobody to tell.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
