//! Notes answer as the machine did, also when they came from another process.

use super::*;

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tandem-outside-{name}-{}", std::process::id()));
    fs::create_dir_all(path.join("inner")).expect("a folder");
    fs::write(path.join("b"), "two").expect("a file");
    fs::write(path.join("a"), [0xff, 0]).expect("a file");
    path
}

#[test]
fn what_was_noted_is_what_was_there() {
    let path = folder("noted");
    let noting = Outside::noting(None);
    let ask = |outside: &Outside| {
        let none = outside.read(&path.join("none")).expect_err("it is not there");
        (
            outside.read(&path.join("a")).expect("it is there"),
            outside.folder(&path).expect("readable"),
            outside.folder(&path.join("a")).expect("no folder is no error"),
            (none.kind(), none.to_string()),
            outside.resolve("127.0.0.9"),
            outside.resolve("no such name").is_err(),
        )
    };
    let then = ask(&noting);
    assert_eq!(then.1, Some(vec![path.join("a"), path.join("b")]), "no folders, sorted");
    assert_eq!((&then.2, then.3.0), (&None, io::ErrorKind::NotFound));
    let mut wire = Vec::new();
    noting.notes().write(&mut wire).expect("written");
    fs::remove_dir_all(&path).expect("removed");
    let noted = Outside::Noted(Notes::read(&mut &*wire).expect("read"));
    assert_eq!(ask(&noted), then);
    let other = noted.read(Path::new("/etc/passwd")).expect_err("nobody asked for it");
    assert_eq!(other.to_string(), "it was not there when the configuration was read");
}

#[test]
fn local_names_resolve() {
    assert!(Outside::Here.resolve("localhost").is_ok_and(|ip| ip.is_loopback()));
    let of_server = |text: &str| {
        let text = format!("backend b\n server s {text}:1\n");
        let loaded = tandem_lb_config::load(&[tandem_lb_config::NamedText::new("t", text)], &|_| None, None);
        match loaded.plan.expect("good").backends[0].servers[0].host.clone() {
            tandem_lb_config::Host::Name(name) => Outside::Here.look_up(&name),
            other => panic!("{other:?}"),
        }
    };
    assert!(of_server("ipv4@localhost").is_ok_and(|ip| ip.is_ipv4()));
    assert!(of_server("ipv6@localhost").is_ok_and(|ip| ip.is_ipv6()) || of_server("ipv6@localhost").is_err());
}

#[test]
fn half_of_it_is_an_error_and_not_a_guess() {
    let path = folder("half");
    let noting = Outside::noting(None);
    noting.read(&path.join("a")).expect("it is there");
    noting.folder(&path).expect("readable");
    fs::remove_dir_all(&path).expect("removed");
    let mut wire = Vec::new();
    noting.notes().write(&mut wire).expect("written");
    for end in 0..wire.len() {
        assert!(Notes::read(&mut &wire[..end]).is_err(), "{end} of {}", wire.len());
    }
}

#[test]
fn what_the_one_who_asks_has_laid_a_link_to_is_not_read() {
    use std::os::unix::fs::symlink;
    let path = folder("links");
    symlink(path.join("a"), path.join("link")).expect("a link");
    symlink("inner", path.join("way")).expect("a link");
    fs::write(path.join("inner/c"), "three").expect("a file");
    let ours = nix::unistd::geteuid().as_raw();
    let (stranger, other) = (Outside::noting(Some(ours)), Outside::noting(Some(ours + 1)));
    let read = |outside: &Outside, file: &str| outside.read(&path.join(file)).map_err(|why| why.to_string());
    for (file, content) in [
        ("link", vec![0xff, 0]),
        ("way/c", b"three".to_vec()),
        ("way/../b", b"two".to_vec()),
    ] {
        assert_eq!(read(&other, file), Ok(content));
        let why = read(&stranger, file).expect_err("it is his link");
        assert!(why.contains("a link of the balancer's own user"), "{why}");
    }
    assert_eq!(read(&stranger, "inner/../b"), Ok(b"two".to_vec()));
    assert!(stranger.folder(&path.join("way")).is_err() && other.folder(&path.join("way")).is_ok());
    assert_eq!(
        stranger.folder(&path.join("none")).expect("no folder is no error"),
        None
    );
    // A pipe that nobody writes to is waited for by nobody.
    nix::unistd::mkfifo(&path.join("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    assert_eq!(read(&stranger, "pipe"), Ok(Vec::new()));
    symlink("round", path.join("round")).expect("a link");
    assert!(read(&other, "round").is_err());
    fs::remove_dir_all(&path).expect("removed");
}
