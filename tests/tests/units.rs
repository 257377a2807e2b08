//! What is installed on a host: the units are well written and give each daemon no more than it needs, users and folders
//! are made as they expect, and the examples are valid for the real programs.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tandem_tests::{PATIENCE, binary, free_port};

/// What systemd gives for the worst; less is better.
const SCORES: [(&str, f64); 3] = [
    ("tandem-lb.service", 2.5),
    ("tandem-vrrp.service", 3.0),
    ("tandem-mq.service", 2.5),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `None` where it is not installed.
fn run(program: &str, arguments: &[&OsStr]) -> Option<Output> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            say(format_args!("SKIP {program}: it is not installed (package systemd)"));
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A folder of this process, gone with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("tandem-units-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = root().join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|own| own == ending));
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

#[test]
fn each_daemon_is_kept_from_what_it_does_not_need() {
    for (unit, most) in SCORES {
        let path = root().join("systemd").join(unit);
        let arguments = ["security", "--offline=true", "--no-pager"].map(OsStr::new);
        let arguments = [&arguments[..], &[path.as_os_str()]].concat();
        let Some(output) = run("systemd-analyze", &arguments) else {
            return;
        };
        let said = text(&output);
        let score = said.split_once("Overall exposure level for").and_then(|(_, rest)| {
            let words = rest.split_once(": ")?.1;
            words.split_whitespace().next()?.parse::<f64>().ok()
        });
        let score = score.unwrap_or_else(|| panic!("no score in {said}"));
        say(format_args!("{unit}: {score}"));
        assert!(score < most, "{unit}: {score}, not below {most}\n{said}");
    }
}

/// `stats socket … group GROUP` does, which one of the privileged calls that are taken away is needed for.
#[test]
fn the_balancer_may_give_its_sockets_to_a_group() {
    let text = fs::read_to_string(root().join("systemd/tandem-lb.service")).expect("a unit");
    let filters: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("SystemCallFilter="))
        .collect();
    assert_eq!(filters, ["@system-service", "~@privileged", "@chown"]);
}

/// In copies whose programs are there.
#[test]
fn the_units_are_well_written() {
    let folder = Folder::new("verify");
    let mut copies = Vec::new();
    let all = [
        files("systemd", "service"),
        files("systemd", "socket"),
        files("systemd/compat", "service"),
    ];
    for unit in all.concat() {
        let text = fs::read_to_string(&unit).expect("a unit");
        let runs = |line: &str| line.starts_with("Exec") && line.contains("/usr/sbin/");
        let lines = text.lines().map(|line| match line.split_once('=') {
            Some((key, _)) if runs(line) => format!("{key}=/bin/true\n"),
            _ => format!("{line}\n"),
        });
        let copy = folder.0.join(unit.file_name().expect("a file"));
        fs::write(&copy, lines.collect::<String>()).expect("a copy");
        copies.push(copy);
    }
    let mut arguments = vec![OsStr::new("verify"), OsStr::new("--man=no")];
    arguments.extend(copies.iter().map(|copy| copy.as_os_str()));
    let Some(output) = run("systemd-analyze", &arguments) else {
        return;
    };
    let names = ["tandem-", "haproxy", "keepalived"];
    let ours = |line: &&str| names.iter().any(|name| line.contains(name));
    let complaints: Vec<String> = text(&output).lines().filter(ours).map(str::to_owned).collect();
    assert!(output.status.success() && complaints.is_empty(), "{}", text(&output));
}

/// In an empty root of their own: accounts first, because folders and files are given to them.
#[test]
fn users_and_folders_are_what_the_units_name() {
    let folder = Folder::new("root");
    let etc = folder.0.join("etc");
    fs::create_dir_all(etc.join("tandem")).expect("a folder");
    fs::write(etc.join("tandem/lb.toml"), "").expect("a file");
    let place = format!("--root={}", folder.0.display());
    for (program, kind) in [("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")] {
        let files = files(&format!("systemd/{kind}"), "conf");
        let files: Vec<PathBuf> = files.iter().map(|file| file.canonicalize().expect("there")).collect();
        let mut arguments = vec![OsStr::new(&place)];
        if kind == "tmpfiles.d" {
            arguments.push(OsStr::new("--create"));
        }
        arguments.extend(files.iter().map(|file| file.as_os_str()));
        let Some(output) = run(program, &arguments) else { return };
        let said = text(&output);
        if said.contains("Operation not permitted") {
            say(format_args!("SKIP {program}: only root gives files away"));
            return;
        }
        assert!(
            output.status.success() && said.is_empty() | said.contains("Creating"),
            "{program}: {said}"
        );
    }
    let accounts = |file: &str| fs::read_to_string(etc.join(file)).expect("it was made");
    let (users, groups) = (accounts("passwd"), accounts("group"));
    for (unit, _) in SCORES {
        let text = fs::read_to_string(root().join("systemd").join(unit)).expect("a unit");
        let named = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
        let known = |all: &str, name: &str| all.lines().any(|line| line.split(':').next() == Some(name));
        let user = named("User=").expect("each unit names a user");
        assert!(user == "root" || known(&users, &user), "{user} in {users}");
        let group = named("Group=").expect("each unit names a group");
        assert!(known(&groups, &group), "{group} in {groups}");
    }
    let mode = |path: &str| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(etc.join(path)).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!((mode("tandem"), mode("tandem/lb.toml")), (0o755, 0o640));
}

/// A daemon that a service manager watches.
struct Watched {
    child: Child,
    manager: UnixDatagram,
    _folder: Folder,
}

impl Watched {
    fn start(program: &str, configuration: &str) -> Watched {
        let folder = Folder::new(program);
        let file = folder.0.join("daemon.conf");
        let text = configuration
            .replace("{port}", &free_port().to_string())
            .replace("{folder}", &folder.0.display().to_string());
        fs::write(&file, text).expect("the folder is writable");
        let name = folder.0.display().to_string();
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        let manager = UnixDatagram::bind_addr(&address).expect("the name is ours");
        manager.set_read_timeout(Some(PATIENCE)).expect("above zero");
        let mut command = Command::new(binary(program));
        command.arg("-f").arg(&file).env("NOTIFY_SOCKET", format!("@{name}"));
        let child = command.env("WATCHDOG_USEC", "200000").stdin(Stdio::null()).spawn();
        Watched {
            child: child.expect("the program starts"),
            manager,
            _folder: folder,
        }
    }

    fn hears(&self, words: &str) {
        let mut buffer = [0; 512];
        loop {
            let count = self.manager.recv(&mut buffer).expect(words);
            if String::from_utf8_lossy(&buffer[..count]).contains(words) {
                return;
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn who_is_watched_gives_signs_of_life() {
    let balancer = "defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n\
                    listen fe\n bind 127.0.0.1:{port}\n";
    let broker = "data-dir = \"{folder}/data\"\nanonymous = true\n[[listen]]\naddress = \"127.0.0.1:{port}\"\n";
    for (program, configuration) in [("tandem-lb", balancer), ("tandem-mq", broker)] {
        let watched = Watched::start(program, configuration);
        watched.hears("READY=1");
        for _ in 0..3 {
            watched.hears("WATCHDOG=1");
        }
    }
}

#[test]
fn the_examples_are_valid() {
    let examples = [
        (
            "tandem-lb",
            "-c",
            &[
                "pair/haproxy.cfg",
                "pair/lb.toml",
                "haproxy-example.cfg",
                "tandem-lb.toml",
            ][..],
        ),
        (
            "tandem-vrrp",
            "-t",
            &[
                "pair/keepalived-lb1.conf",
                "pair/keepalived-lb2.conf",
                "pair/vrrp-lb1.toml",
                "pair/vrrp-lb2.toml",
                "tandem-vrrp.toml",
            ],
        ),
        ("tandem-mq", "-c", &["pair/mq.toml", "tandem-mq.toml"]),
    ];
    for (program, check, files) in examples {
        for file in files {
            let output = Command::new(binary(program))
                .args([check, "-f"])
                .arg(root().join("etc").join(file))
                .output()
                .expect("the program starts");
            assert!(
                output.status.success(),
                "{program} {check} -f {file}: {}",
                text(&output)
            );
        }
    }
    let shown: usize = examples.iter().map(|(_, _, files)| files.len()).sum();
    let all = ["etc", "etc/pair"].map(root_entries).into_iter().sum::<usize>();
    // keepalived-example.conf runs with the README.
    assert_eq!(shown + 1, all, "an example that no program has checked");
}

/// What the pages tell people to type.
#[test]
fn the_guides_name_commands_files_and_units_that_are_there() {
    let read = |file: &str| fs::read_to_string(root().join(file)).expect(file);
    let packages = read("crates/xtask/src/deb/package.rs");
    let mut seen = [0; 4];
    for page in ["docs/install.md", "docs/migrate.md"] {
        let text = read(page);
        for span in text.split('`').skip(1).step_by(2) {
            let words: Vec<&str> = span.split_whitespace().collect();
            match words.as_slice() {
                ["tandem", verb, rest @ ..] => {
                    let output = Command::new(binary("tandem")).args([verb, "--help"]).output();
                    let output = output.expect("the program starts");
                    assert!(output.status.success(), "{page}: {span}: {}", self::text(&output));
                    for option in rest.iter().filter(|word| word.starts_with("--")) {
                        assert!(self::text(&output).contains(option), "{page}: {span}");
                    }
                    seen[0] += 1;
                }
                ["systemctl", _, units @ ..] => {
                    for unit in units {
                        let at = |folder: &str| root().join(format!("{folder}/{unit}.service")).is_file();
                        assert!(at("systemd") || at("systemd/compat"), "{page}: {span}");
                        seen[1] += 1;
                    }
                }
                _ => {}
            }
            for word in words {
                if let Some((package, file)) = word
                    .strip_prefix("/usr/share/doc/")
                    .and_then(|path| path.split_once("/examples/"))
                {
                    let (_, own) = packages.split_once(&format!("name: \"{package}\"")).expect(word);
                    assert!(own.contains(&format!("\"etc/{file}\"")), "{page}: {word}");
                    seen[2] += 1;
                }
                if let Some(package) = word.strip_suffix("_*.deb") {
                    let name = package.trim_start_matches("./");
                    assert!(packages.contains(&format!("name: \"{name}\"")), "{page}: {word}");
                    seen[3] += 1;
                }
            }
        }
    }
    // Commands, units, examples, packages.
    assert!(
        seen.iter().zip([8, 6, 2, 7]).all(|(found, least)| *found >= least),
        "{seen:?}"
    );
}

fn root_entries(folder: &str) -> usize {
    let entries = fs::read_dir(root().join(folder)).expect("a folder");
    entries
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_file()))
        .count()
}

#[test]
fn the_two_hosts_of_the_pair_fit_together() {
    for [one, other] in [
        ["keepalived-lb1.conf", "keepalived-lb2.conf"],
        ["vrrp-lb1.toml", "vrrp-lb2.toml"],
    ] {
        let output = Command::new(binary("tandem"))
            .arg("check")
            .args([one, other].map(|file| root().join("etc/pair").join(file)))
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{}", text(&output));
    }
}

fn say(line: std::fmt::Arguments<'_>) {
    // A test whose reader is gone has nobody to tell.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
