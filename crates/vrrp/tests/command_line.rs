//! What scripts see of the command line: the exit statuses and words that they know from Keepalived.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem-vrrp"));
    command.args(arguments).output().expect("it was built")
}

/// Tests a configuration.
fn test(name: &str, text: &str) -> (Option<i32>, String) {
    test_with(&[], name, text)
}

fn test_with(more: &[&str], name: &str, text: &str) -> (Option<i32>, String) {
    let file: PathBuf = std::env::temp_dir().join(format!("tandem-vrrp-{name}-{}.conf", std::process::id()));
    fs::write(&file, text).expect("the temporary folder is writable");
    let output = run(&[more, &["-t", "-f", &file.to_string_lossy()]].concat());
    fs::remove_file(&file).expect("ours");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

fn instance(extra: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n interface lo\n virtual_router_id 51\n priority 100\n {extra}\n \
         virtual_ipaddress {{\n 10.9.0.100\n }}\n}}\n"
    )
}

#[test]
fn the_statuses_of_a_test() {
    assert_eq!(test("good", &instance("")), (Some(0), String::new()));
    let (status, said) = test("unknown", &instance("virtual_router 5"));
    assert_eq!(status, Some(5), "{said}");
    assert!(said.contains("virtual_router"), "{said}");
    let script = format!(
        "vrrp_script chk {{\n script \"/bin/true\"\n}}\n{}",
        instance("track_script {\n chk\n }")
    );
    let (status, said) = test("script", &script);
    assert_eq!(status, Some(6), "{said}");
    assert_eq!(
        run(&["-t", "-f", "/nonexistent/keepalived.conf"]).status.code(),
        Some(4)
    );
}

/// Another user's script is run by the launcher, which is beside the daemon or nowhere.
#[test]
fn without_the_launcher_a_test_names_the_scripts_that_cannot_run() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("alone-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the folder for tests is writable");
    let (program, file) = (folder.join("tandem-vrrp"), folder.join("keepalived.conf"));
    fs::hard_link(env!("CARGO_BIN_EXE_tandem-vrrp"), &program).expect("it was built in the same place");
    let script = "vrrp_script chk {\n script \"/bin/true\"\n user nobody\n}\n";
    let text = format!("{script}{}", instance("track_script {\n chk\n }"));
    fs::write(&file, text).expect("writable");
    let output = Command::new(&program).arg("-t").arg("-f").arg(&file).output();
    fs::remove_dir_all(&folder).expect("ours");
    let output = output.expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("`/bin/true` cannot run as nobody: "), "{said}");
    assert!(said.contains("tandem-vrrp-launch"), "{said}");
}

#[test]
fn without_a_file_there_is_nothing_to_run() {
    let output = run(&["-P", "-n", "-f", "/nonexistent/keepalived.conf"]);
    assert_eq!(output.status.code(), Some(6));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("/nonexistent/keepalived.conf"), "{said}");
}

/// In a network of its own, as root of a user namespace that has not all of root's rights; Keepalived ends likewise.
#[test]
fn who_may_not_speak_ends_with_a_status_of_its_own() {
    let file = std::env::temp_dir().join(format!("tandem-vrrp-rights-{}.conf", std::process::id()));
    fs::write(&file, instance("")).expect("the temporary folder is writable");
    let ended = |rights: &str| {
        let mut command = Command::new("unshare");
        command.args(["-Urn", "setpriv", "--bounding-set", rights]);
        command.arg(env!("CARGO_BIN_EXE_tandem-vrrp"));
        command.args(["-n", "-G", "-f"]).arg(&file);
        command.output().map(|output| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            (output.status.code(), said)
        })
    };
    let rows = [
        ("-all", "CAP_NET_RAW"),
        ("-all,+net_admin", "CAP_NET_RAW"),
        ("-all,+net_raw", "CAP_NET_ADMIN"),
    ];
    for (rights, missing) in rows {
        match ended(rights) {
            Ok((status, said)) if said.contains("unshare:") || said.contains("setpriv:") => {
                skip(&format!("{status:?} {said}"));
            }
            Ok((status, said)) => {
                assert_eq!(status, Some(4), "{rights}: {said}");
                assert!(said.contains(missing), "{rights}: {said}");
            }
            Err(error) => skip(&error.to_string()),
        }
    }
    fs::remove_file(&file).expect("ours");
}

const LITTLE: u32 = 100_000;

/// Of three million lines, where there is room for a few.
#[test]
fn who_gets_no_memory_ends_with_a_status_of_its_own() {
    let (status, said) = tested_within(LITTLE, "many", |file| file.write_all(&b"a b\n".repeat(3 << 20)));
    assert_eq!(status, Some(204), "{said}");
}

/// The largest that is read, of nothing but mistakes: it is refused long before memory is short, at a reload as here.
#[test]
fn a_file_of_nothing_but_mistakes_is_not_read_to_its_end() {
    let (status, said) = tested_within(600_000, "mistakes", |file| file.write_all(&b"a b\n".repeat(4 << 20)));
    assert_eq!(status, Some(5), "{}", said.len());
    assert!(
        said.contains(" lines from here on were not looked at"),
        "{}",
        said.len()
    );
    assert!(said.contains("here are 1000 mistakes"), "{}", said.len());
}

/// Not by that of want of memory: at a reload a running router would end.
#[test]
fn a_file_that_no_memory_suffices_for_is_refused() {
    // Of zeros that take no place.
    let (status, said) = tested_within(LITTLE, "large", |file| file.set_len(1 << 40));
    assert_eq!(status, Some(4), "{said}");
    assert!(said.contains("at most 16 MiB"), "{said}");
}

fn tested_within(
    kilobytes: u32,
    name: &str,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> (Option<i32>, String) {
    let path = std::env::temp_dir().join(format!("tandem-vrrp-{name}-{}.conf", std::process::id()));
    let mut file = fs::File::create(&path).expect("the temporary folder is writable");
    write(&mut file).expect("there is room");
    let mut command = Command::new("sh");
    let script = format!("ulimit -v {kilobytes}; exec \"$0\" -t -f \"$1\"");
    command.args(["-c", &script]);
    let output = command.arg(env!("CARGO_BIN_EXE_tandem-vrrp")).arg(&path).output();
    fs::remove_file(&path).expect("ours");
    let output = output.expect("there is a shell");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn skip(why: &str) {
    writeln!(io::stderr().lock(), "SKIP fewer rights: {why}").expect("standard error is open");
}

#[test]
fn what_this_system_has_no_name_for_is_refused_and_named() {
    let route = "virtual_routes {\n blackhole 10.0.0.0/8 table no-such-table\n }";
    let (status, said) = test("blackhole", &instance(route));
    assert_eq!(status, Some(5), "{said}");
    assert!(said.contains("table no-such-table: write its number"), "{said}");
    assert_eq!(
        test("known", &instance(&route.replace("no-such-table", "77"))),
        (Some(0), String::new())
    );
}

#[test]
fn scripts_that_cannot_run_are_named() {
    let check = |name: &str, command: &str, user: &str| {
        let script = format!(
            "global_defs {{\n enable_script_security\n script_user {user}\n}}\nvrrp_script chk {{\n script \"{command}\"\n}}\n{}",
            instance("track_script {\n chk\n }")
        );
        test(name, &script).1
    };
    let said = check("missing", "/no/such/check one", "root");
    assert!(said.contains("`/no/such/check one` cannot run"), "{said}");
    let said = check("data", "/etc/passwd", "root");
    assert!(said.contains("/etc/passwd is no executable file"), "{said}");
    let said = check("stranger", "/bin/true", "nobody-of-that-name");
    assert!(said.contains("there is no user 'nobody-of-that-name'"), "{said}");
    // Answered without running anything, whoever is meant to run it.
    let said = check("asked", "/usr/bin/killall -0 haproxy", "nobody");
    assert!(!said.contains("cannot run"), "{said}");
}

#[test]
fn files_that_must_be_there() {
    let text = format!("include no-such-file\n{}", instance(""));
    assert_eq!(test("included", &text).0, Some(0));
    let (status, said) = test_with(&["-e"], "all-config", &text);
    assert_eq!(status, Some(5), "{said}");
    assert!(said.contains("error[TX0103]"), "{said}");
    assert_eq!(test_with(&["--all-config"], "all-there", &instance("")).0, Some(0));
}

#[test]
fn the_numbers_of_signals() {
    let output = run(&["--signum=JSON"]);
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(0), &b"36\n"[..])
    );
}

#[test]
fn a_test_may_write_to_a_file() {
    let to = std::env::temp_dir().join(format!("tandem-vrrp-test-{}.log", std::process::id()));
    let output = run(&[&format!("-t={}", to.display()), "-f", "/dev/null"]);
    assert!(to.exists(), "{output:?}");
    fs::remove_file(&to).expect("ours");
}
