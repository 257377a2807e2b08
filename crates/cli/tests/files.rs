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

#[test]
fn a_pair_that_is_to_be_rehearsed_is_told_its_mistake() {
    let folder = std::env::temp_dir().join(format!("tandem-pair-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the temporary folder is writable");
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("ours");
    let router =
        "vrrp_instance V {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n 10.0.0.100/24\n }\n}\n";
    let balancer =
        "frontend f\n  mode tcp\n  bind :1\n  default_backend b\nbackend b\n  mode tcp\n  server s 10.0.0.11:1\n";
    write("k.conf", router);
    write("other.conf", &router.replace("51", "52"));
    write("h.cfg", balancer);
    write("wrong.cfg", &balancer.replace("server s", "sever s"));
    write("tls.cfg", &balancer.replace("bind :1", "bind :1 accept-proxy"));
    let refused = |drill: &str, a: &[&str], b: &[&str], words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
        command
            .current_dir(&folder)
            .args(["drill", drill, "--html", "page.html", "--config-a"])
            .args(a);
        let output = command.arg("--config-b").args(b).output().expect("it was built");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{words}: {said}");
        assert!(!folder.join("page.html").exists(), "{words}: there is nothing to write");
    };
    let whole: &[&str] = &["h.cfg", "k.conf"];
    for (a, b, words) in [
        (whole, &["wrong.cfg", "k.conf"][..], "wrong.cfg:7:3: error"),
        (whole, &["h.cfg", "other.conf"], "no virtual router of IPv4 in common"),
        (whole, &["k.conf"], "--config-b: none of the files is a balancer's"),
        (&["h.cfg"], whole, "--config-a: none of the files is a router's"),
        (
            &["tls.cfg", "k.conf"],
            &["tls.cfg", "k.conf"],
            "f (tls.cfg:3) wants the PROXY protocol",
        ),
        (&["h.cfg", "none.conf"], whole, "cannot read none.conf"),
    ] {
        refused("handover", a, b, words);
    }
    refused("stick-tables", whole, whole, "stick-tables cannot be held");
    fs::remove_dir_all(&folder).expect("ours");
}
