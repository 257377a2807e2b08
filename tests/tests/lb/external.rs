//! Checks that a program makes, beside HAProxy.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tandem_tests::{Room, Server, both, until};

/// Says what it was told, and ends as the server's name wants it.
const PROGRAM: &str = "#!/bin/sh
{ echo \"args $*\"; env | grep HAPROXY | sort; echo \"PATH=$PATH\"; } > \"$0.$HAPROXY_SERVER_NAME.new\"
mv \"$0.$HAPROXY_SERVER_NAME.new\" \"$0.$HAPROXY_SERVER_NAME\"
case $HAPROXY_SERVER_NAME in
bad) exit 3 ;;
slow) sleep 20 & echo $! > \"$0.pid\"; wait ;;
esac
exit 0
";

struct Program(PathBuf);

impl Program {
    fn new() -> Program {
        let folder = std::env::temp_dir().join(format!("tandem-external-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("check.sh");
        fs::write(&path, PROGRAM).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Program(path)
    }

    fn said(&self, what: &str) -> Option<String> {
        fs::read_to_string(format!("{}.{what}", self.0.display())).ok()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(folder) = self.0.parent() {
            fs::remove_dir_all(folder).ok();
        }
    }
}

#[test]
fn what_a_program_is_told_and_what_its_end_means() {
    let (server, program) = (Server::echo(), Program::new());
    let at = server.address();
    let config = |room: &Room| {
        let head = room
            .head()
            .replacen("global\n", "global\n external-check\n insecure-fork-wanted\n", 1);
        let listener = room.at(0);
        let path = program.0.display();
        format!(
            "{head}listen b\n bind {listener}\n option external-check\n external-check command {path}\n \
             external-check path /usr/bin:/bin\n server ok {at} check inter 500 maxconn 9\n \
             server bad {at} check inter 500 fall 1\n server slow {at} check inter 500 fall 1\n"
        )
    };
    both(1, config, |room| {
        let cells = |name: &str| {
            ["status", "check_status", "check_code", "check_desc"].map(|column| {
                let cell = room.cell("b", name, column);
                cell.trim_start_matches("* ").to_owned()
            })
        };
        for (name, wanted) in [
            ("ok", ["UP", "PROCOK", "0", "External check passed"]),
            ("bad", ["DOWN", "PROCERR", "3", "External check error"]),
            ("slow", ["DOWN", "PROCTOUT", "0", "External check timeout"]),
        ] {
            until(&format!("{}: {name}: {wanted:?}", room.name), || {
                (cells(name) == wanted).then_some(())
            });
        }
        let (ip, port, listener) = (at.ip(), at.port(), room.at(0));
        let told = program.said("ok").expect("it was run");
        let wanted = format!(
            "args {} {} {ip} {port}\nHAPROXY_PROXY_ADDR={}\nHAPROXY_PROXY_ID=2\nHAPROXY_PROXY_NAME=b\n\
             HAPROXY_PROXY_PORT={}\nHAPROXY_SERVER_ADDR={ip}\nHAPROXY_SERVER_CURCONN=0\nHAPROXY_SERVER_ID=1\n\
             HAPROXY_SERVER_MAXCONN=9\nHAPROXY_SERVER_NAME=ok\nHAPROXY_SERVER_PORT={port}\nHAPROXY_SERVER_PROTO=tcp\n\
             HAPROXY_SERVER_SSL=0\nPATH=/usr/bin:/bin\n",
            listener.ip(),
            listener.port(),
            listener.ip(),
            listener.port()
        );
        assert_eq!(told, wanted, "{}", room.name);
        let line = |start: &str| room.lines().iter().any(|line| line.starts_with(start));
        assert!(
            line("Server b/bad is DOWN, reason: External check error, code: 3, check duration: "),
            "{}: {:#?}",
            room.name,
            room.lines()
        );
        if room.is_ours() {
            // HAProxy ends the program alone; ours ends what it has started, too.
            let pid = program.said("pid").expect("it was run");
            until("nothing is left of it", || {
                let stat = fs::read_to_string(format!("/proc/{}/comm", pid.trim()));
                stat.is_err().then_some(())
            });
        }
    });
}
