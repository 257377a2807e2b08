//! The master socket, beside HAProxy's.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tandem_tests::{Config, Lb, PATIENCE, Server, connect, free_port, piped, until};

struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Files {
        let path = std::env::temp_dir().join(format!("tandem-master-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary folder is writable");
        Files(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("m")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn ask(socket: &Path, command: &str) -> Option<String> {
    piped(socket, command).ok()
}

/// Without what is different from process to process.
fn masked(answer: &str) -> String {
    let masked = |line: &str| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        [pid, kind @ ("master" | "worker"), .., uptime, _] if pid.parse::<u32>().is_ok() => {
            // The columns stay where they are.
            let line = line.replacen(pid, &"P".repeat(pid.len()), 1);
            let (before, _) = line.split_once(uptime).unwrap_or((&line, ""));
            assert_eq!(before.find(kind), Some(16));
            format!("{} UPTIME", before[16..].trim_end())
        }
        _ => line.trim_end().to_owned(),
    };
    answer.lines().map(masked).collect::<Vec<_>>().join("\n")
}

struct Haproxy(Child);

impl Drop for Haproxy {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).expect("a process id"));
        // The master takes its worker along only when it may end by itself.
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).ok();
        self.0.wait().ok();
    }
}

#[test]
fn processes_look_like_haproxys() {
    let (server, files, theirs) = (Server::echo(), Files::new("ours"), Files::new("theirs"));
    let config = Config::default().server("s", &server, "");
    let master = format!("{},mode,600", files.socket().display());
    let _lb = Lb::start_with(&["-W", "-S", &master], &config.to_string());
    let ours = ask(&files.socket(), "show proc").expect("an answer");
    assert!(ours.starts_with("#<PID>          <type>          <reloads>       <uptime>        <version>      \n"));

    let file = theirs.0.join("cfg");
    let other = Config::default().server("s", &server, "");
    std::fs::write(&file, other.to_string()).expect("writable");
    let mut command = Command::new("haproxy");
    command
        .args(["-W", "-db", "-S"])
        .arg(theirs.socket())
        .arg("-f")
        .arg(&file);
    let Ok(child) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        writeln!(std::io::stdout().lock(), "SKIP: haproxy is not installed").ok();
        return;
    };
    let _haproxy = Haproxy(child);
    let worker = |answer: &String| answer.contains("worker");
    let expected = until("HAProxy's master", || ask(&theirs.socket(), "show proc").filter(worker));
    assert_eq!(masked(&ours), masked(&expected));
    for unknown in [
        "@2 show info",
        "@!1 show info",
        "@2",
        "@!x show info",
        "hard-reload;@1 show cli level",
        "@1 show backend",
    ] {
        let answers = [files.socket(), theirs.socket()].map(|socket| ask(&socket, unknown));
        assert_eq!(
            answers[0].as_deref().map(str::trim_end),
            answers[1].as_deref().map(str::trim_end)
        );
    }
    for switching in [
        "prompt",
        "prompt\nprompt\nshow cli level",
        "prompt;show cli level",
        "@1",
        "prompt\n@1\nshow cli level\n@\nshow cli level",
    ] {
        // Numbers of processes are different.
        let ask = |socket| ask(socket, switching).map(|text| text.replace(|c: char| c.is_ascii_digit(), ""));
        assert_eq!(ask(&files.socket()), ask(&theirs.socket()), "{switching}");
    }
}

#[test]
fn it_may_be_asked_from_elsewhere() {
    let server = Server::echo();
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default().server("s", &server, "");
    let _lb = Lb::start_with(&["-W", "-S", &at.to_string()], &config.to_string());
    let mut stream = connect(at);
    stream.set_read_timeout(Some(PATIENCE)).expect("above zero");
    stream.write_all(b"show proc\n").expect("room");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and its end");
    assert!(answer.starts_with("#<PID>") && answer.contains("worker"), "{answer}");
}

#[test]
fn what_was_said_at_the_start_is_kept() {
    let (server, files) = (Server::echo(), Files::new("said"));
    let master = files.socket().display().to_string();
    let config = Config::default().server("s", &server, "");
    let warned = format!("{config}\nfrontend nowhere\n    mode tcp\n    bind 127.0.0.1:0\n");
    let _lb = Lb::start_with(&["-S", &master], &warned);
    for command in ["show startup-logs", "@1 show startup-logs"] {
        let said = ask(&files.socket(), command).expect("an answer");
        assert!(
            said.contains("warning[LB0012]: frontend `nowhere`"),
            "{command}: {said}"
        );
        assert!(said.ends_with('\n') && !said.contains('\u{1b}'), "{command}: {said}");
    }
}

#[test]
fn commands_go_to_the_worker() {
    let (server, files) = (Server::echo(), Files::new("worker"));
    let config = Config::default().server("s", &server, "");
    let master = format!("{},level,operator", files.socket().display());
    let _lb = Lb::start_with(&["-S", &master], &config.to_string());
    let ask = |command: &str| ask(&files.socket(), command).expect("an answer");
    let pid = ask("@1 show info");
    let pid = pid
        .lines()
        .find_map(|l| l.strip_prefix("Pid: "))
        .expect("show info has it");
    assert!(ask("show proc").contains(&format!("\n{pid} ")));
    assert!(ask(&format!("@!{pid} show stat")).starts_with("# pxname,"));
    assert_eq!(ask("@1 disable server be/s"), "Permission denied\n\n");
    assert!(ask("@1 show cli level").starts_with("operator"));
    assert!(ask("prompt;show version").starts_with("master> "));
    // A process alone is who all that follows is for, until the master is named again.
    assert!(ask("prompt\n@1\nshow stat\n@master\nshow proc").contains("# pxname,"));
    assert!(ask(&format!("prompt\n@!{pid}\nshow info")).contains(&format!("{pid}> Name: HAProxy")));
    let back = ask("prompt\n@1\n@\nshow stat");
    assert!(back.contains("Unknown command"), "{back}");
    assert!(ask("@master show proc").starts_with("#<PID>"));
    assert!(ask("@master show version").starts_with("2."));
}

/// A process before this one is shown for as long as somebody stays in it.
#[test]
fn old_processes_are_shown_while_they_serve() {
    let (one, two, files) = (Server::echo(), Server::echo(), Files::new("old"));
    let (stats, master) = (files.0.join("stats"), files.socket().display().to_string());
    let config = Config::default().global(format!(
        "stats socket {} level admin expose-fd listeners",
        stats.display()
    ));
    let mut old = Lb::start_with(&["-S", &master], &config.clone().server("one", &one, "").to_string());
    let mut client = connect(config.at());
    assert_eq!(tandem_tests::ask(&mut client, b"stays"), b"stays");
    let reloaded = ask(&files.socket(), "reload").expect("an answer");
    assert!(reloaded.starts_with("Success=1"), "{reloaded}");
    let (path, pid) = (stats.display().to_string(), old.pid().to_string());
    let arguments = ["-S", &master, "-x", &path, "-sf", &pid];
    // To the server of the first no connection can go from here.
    let _new = Lb::start_with(&arguments, &config.clone().server("two", &two, "").to_string());
    let olds = || {
        let all = ask(&files.socket(), "show proc").expect("an answer");
        let olds = all
            .split("# old workers\n")
            .nth(1)
            .and_then(|rest| rest.split('#').next());
        olds.map(str::to_owned)
    };
    let shown = until("the old process to be shown", olds);
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert!(
        words[..3] == [pid.as_str(), "worker", "1"] && words[3].starts_with("0d00h") && words.len() == 5,
        "{shown}"
    );
    // It goes on counting reloads, and has been one itself.
    let all = ask(&files.socket(), "show proc").expect("an answer");
    assert!(all.contains(" master          2 [failed: 0] "), "{all}");
    assert_eq!(tandem_tests::ask(&mut client, b"still"), b"still");
    drop(client);
    assert!(old.ended().success());
    until("it to be shown no more", || olds().is_none().then_some(()));
}

#[test]
fn a_reload_answers_when_it_is_done() {
    let (server, files) = (Server::echo(), Files::new("reload"));
    let config = Config::default().server("s", &server, "");
    let lb = Lb::start_with(&["-S", &files.socket().display().to_string()], &config.to_string());
    let bad = config.clone().backend("server d nowhere:0:0").to_string();
    for (text, wanted, what, counted) in [
        (
            config.clone().backend("retries 7").to_string(),
            "Success=1",
            "retries",
            "1 [failed: 0]",
        ),
        (bad, "Success=0", "nowhere:0:0", "2 [failed: 1]"),
        (
            config.clone().backend("retries 8").to_string(),
            "Success=1",
            "retries",
            "3 [failed: 0]",
        ),
    ] {
        lb.configure(&text);
        let answer = ask(&files.socket(), "reload").expect("an answer");
        let (success, said) = answer.split_once("\n--\n").expect("two parts");
        assert_eq!(success, wanted, "{answer}");
        assert!(said.ends_with('\n') && said.contains(what), "{answer}");
        let proc = ask(&files.socket(), "show proc").expect("it still answers");
        assert!(proc.contains(counted), "{proc}");
        let prompt = match success {
            "Success=1" => "master> ",
            _ => "master[ReloadFailed]> ",
        };
        assert_eq!(ask(&files.socket(), "prompt").as_deref(), Some(prompt));
    }
}
