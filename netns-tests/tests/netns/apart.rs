//! A host for somebody else's programs: whatever they try there, this machine's files stay as they are, and nobody outside
//! hears of it.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::stat::Mode;
use tandem_lab::{Ground, Host, Lab, Missing, programs};
use tandem_netns_tests::{Options, Place, Test};

const LONG: Duration = Duration::from_secs(20);

pub(crate) fn tests() -> Vec<Test> {
    vec![Test {
        name: "apart::programs_have_no_way_out",
        within: Duration::from_secs(60),
        within_long: None,
        place: Place::Outside(programs_have_no_way_out),
    }]
}

/// Everything that could be heard or found outside, and between the first time and the second whatever could make more
/// possible. `FOLDER` is one that anybody may write in, and `TRACE` a name that nobody else has.
const LEAVE: &str = r#"
leave() {
    echo escaped >FOLDER/file
    logger --socket FOLDER/socket escaped
    echo escaped 1<>FOLDER/pipe
    echo escaped >/tmp/TRACE && echo "wrote in /tmp"
    echo escaped >/var/tmp/TRACE && echo "wrote in /var/tmp"
}
try() { "$@" && echo "did $*"; }
echo "sees $(cat /proc/[0-9]*/comm | tr '\n' ' ')"
leave
for place in $(cut -d' ' -f5 /proc/self/mountinfo); do
    try mount -o remount,bind,rw "$place"
    try mount -o remount,rw "$place"
    try umount -l "$place"
done
try mount -t tmpfs none /run
try nsenter --mount=/proc/1/ns/mnt true
leave
echo over
"#;

/// In the folder, and with the rights, that a rehearsal of somebody's own files has.
fn programs_have_no_way_out(_: &Options) -> Result<()> {
    for needed in ["logger", "mount", "nsenter"] {
        programs::installed(needed)?;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("apart");
    fs::create_dir_all(&folder)?;
    fs::set_permissions(&folder, Permissions::from_mode(0o777))?;
    // From here on there may be no right to: what is made below goes, the folder stays.
    let ground = Ground::enter_unprivileged().map_err(Missing::from)?;
    let ears = Ears::open(&folder)?;
    let outcome = ears.stay_empty(&ground);
    ears.close();
    outcome
}

/// What would hear of programs that are not where they should be.
struct Ears {
    folder: PathBuf,
    socket: UnixDatagram,
    pipe: fs::File,
    trace: String,
}

impl Ears {
    fn open(folder: &Path) -> Result<Ears> {
        for name in ["file", "socket", "pipe"] {
            let _ = fs::remove_file(folder.join(name));
        }
        let (socket, pipe) = (folder.join("socket"), folder.join("pipe"));
        let listener = UnixDatagram::bind(&socket)?;
        listener.set_nonblocking(true)?;
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU)?;
        for path in [&socket, &pipe] {
            fs::set_permissions(path, Permissions::from_mode(0o777))?;
        }
        let mut both = OpenOptions::new();
        both.read(true).write(true).custom_flags(nix::libc::O_NONBLOCK);
        Ok(Ears {
            folder: folder.to_owned(),
            socket: listener,
            pipe: both.open(&pipe)?,
            trace: format!("tandem-apart-{}", std::process::id()),
        })
    }

    fn close(&self) {
        for name in ["file", "socket", "pipe"] {
            let _ = fs::remove_file(self.folder.join(name));
        }
    }

    fn stay_empty(&self, ground: &Ground) -> Result<()> {
        let lab = Lab::new(ground)?;
        // The same words, and it is the host that keeps them in.
        self.run(
            &lab.host("beside")?,
            "logger --socket FOLDER/socket heard; echo heard 1<>FOLDER/pipe",
        )?;
        let heard = self.heard()?;
        ensure!(
            heard.iter().all(|each| each.contains("heard")),
            "the ears are deaf: {heard:?}"
        );
        let said = self.run(&lab.host_apart("apart")?, LEAVE)?;
        ensure!(said.contains("over\n"), "it did not come to its end:\n{said}");
        let done: Vec<&str> = said.lines().filter(|line| line.starts_with("did ")).collect();
        ensure!(done.is_empty(), "{done:?}");
        let heard = self.heard()?;
        ensure!(
            heard.iter().all(String::is_empty),
            "{heard:?} was heard outside:\n{said}"
        );
        let traces = [
            self.folder.join("file"),
            Path::new("/tmp").join(&self.trace),
            Path::new("/var/tmp").join(&self.trace),
        ];
        let left: Vec<&PathBuf> = traces.iter().filter(|trace| trace.exists()).collect();
        ensure!(left.is_empty(), "{left:?} are there outside:\n{said}");
        for place in ["/tmp", "/var/tmp"] {
            ensure!(
                said.contains(&format!("wrote in {place}\n")),
                "not even in {place}:\n{said}"
            );
        }
        let own = fs::read_to_string("/proc/self/comm")?;
        ensure!(
            said.contains("sees sleep ") && !said.contains(own.trim()),
            "it sees processes of others:\n{said}"
        );
        Ok(())
    }

    fn run(&self, host: &Host, words: &str) -> Result<String> {
        let words = words.replace("FOLDER", &self.folder.display().to_string());
        let words = words.replace("TRACE", &self.trace);
        let mut shell = host.run(Command::new("sh").args(["-c", &words]))?;
        Ok(shell.finish(LONG).context("the script")?.1)
    }

    /// What came to the socket and into the pipe since the last time.
    fn heard(&self) -> Result<[String; 2]> {
        let mut buffer = [0; 4096];
        let mut all = [String::new(), String::new()];
        let mut pipe = &self.pipe;
        loop {
            let came = self.socket.recv(&mut buffer);
            match came {
                Ok(length) => all[0] += &String::from_utf8_lossy(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        loop {
            let came = pipe.read(&mut buffer);
            match came {
                Ok(length) => all[1] += &String::from_utf8_lossy(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(all)
    }
}
