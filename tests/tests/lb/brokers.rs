//! The brokers of the distribution behind checks that speak their protocols: down before they start, while they start
//! (whoever is held when its port has just been opened lets clients in and serves none), while they stand still and after
//! they end; up while they serve.
//!
//! They run as children on loopback, with everything they write in a folder of their own. Mosquitto starts at once; the
//! others take seconds of all processors, so they run when all is to be shown (`TANDEM_LONG=1`).

use std::env;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tandem_tests::{Lb, fetch, free_port, free_ports};

/// A broker on a loaded machine may take so long.
const PATIENCE: Duration = Duration::from_secs(150);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Processes in a group of their own; killed when dropped.
struct Broker {
    group: Vec<Child>,
    folder: PathBuf,
}

impl Broker {
    fn new(name: &str) -> Broker {
        let folder = env::temp_dir().join(format!("tandem-broker-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        Broker {
            group: Vec::new(),
            folder,
        }
    }

    fn start(&mut self, command: &mut Command) {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.group
            .push(quiet.process_group(0).spawn().expect("it is installed"));
    }

    /// To what was started last, and to what that has started.
    fn signal(&self, signal: Signal) {
        let leader = self.group.last().expect("it was started").id();
        killpg(Pid::from_raw(i32::try_from(leader).expect("a process id")), signal).expect("it runs");
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.folder.join(file);
        std::fs::write(&path, text).expect("the folder is ours");
        path
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        for child in &mut self.group {
            if let Ok(leader) = i32::try_from(child.id()) {
                killpg(Pid::from_raw(leader), Signal::SIGKILL).ok();
            }
            child.wait().ok();
        }
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// A balancer that checks a broker in each of its protocols.
struct Watch {
    page: SocketAddr,
    checks: Vec<(&'static str, SocketAddr)>,
    _lb: Lb,
}

impl Watch {
    fn over(checks: &[(&'static str, u16)]) -> Watch {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let page = at(free_port());
        let mut text = format!(
            "defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n timeout check 1s\n \
             default-server inter 100ms fall 1 rise 1\nlisten stats\n mode http\n bind {page}\n stats enable\n stats uri /stats\n"
        );
        let checks: Vec<_> = checks.iter().map(|(protocol, port)| (*protocol, at(*port))).collect();
        for (protocol, to) in &checks {
            write!(
                text,
                "backend {protocol}\n option {protocol}-check\n server s {to} check\n"
            )
            .expect("a string takes it");
        }
        let _lb = Lb::start(&text);
        Watch { page, checks, _lb }
    }

    /// What is said of each, in the order of the checks.
    fn states(&self) -> Vec<String> {
        let csv = fetch(self.page, "/stats;csv").body;
        let state = |(protocol, _): &(&str, SocketAddr)| {
            let row = csv.lines().find(|line| line.starts_with(&format!("{protocol},s,")))?;
            row.split(',').nth(17).map(str::to_owned)
        };
        self.checks
            .iter()
            .map(|check| state(check).unwrap_or_default())
            .collect()
    }

    /// Waits until all are so, and says how long that took.
    #[track_caller]
    fn all_are(&self, wanted: &str) -> Duration {
        let began = Instant::now();
        loop {
            let states = self.states();
            if states.iter().all(|state| state == wanted) {
                return began.elapsed();
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{:?} are {states:?}, not {wanted}",
                self.checks
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// How many of the ports are open, as the kernel says: whoever connects to find out wants to be served.
    fn open(&self) -> usize {
        const LISTENS: &str = "0A";
        let tables =
            ["tcp", "tcp6"].map(|table| std::fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default());
        let listens = |port: u16| {
            let end = format!(":{port:04X}");
            let mut lines = tables.iter().flat_map(|table| table.lines());
            lines.any(|line| {
                let mut words = line.split_whitespace().skip(1);
                words.next().is_some_and(|own| own.ends_with(&end)) && words.nth(1) == Some(LISTENS)
            })
        };
        self.checks.iter().filter(|(_, to)| listens(to.port())).count()
    }

    /// Waits until so many of its ports are open; until the first is, nobody is up.
    #[track_caller]
    fn opens(&self, count: usize, name: &str) {
        let began = Instant::now();
        loop {
            let states = self.states();
            let open = self.open();
            assert!(
                open > 0 || !states.iter().any(|state| state == "UP"),
                "{name} is not there yet: {states:?}"
            );
            if open >= count {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{name} does not listen");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Held where it is, it serves nobody, whatever is open: down, and not up again while it is held.
    #[track_caller]
    fn holds(&self, broker: &Broker, name: &str) {
        broker.signal(Signal::SIGSTOP);
        // It may have served somebody before that.
        self.all_are("DOWN");
        let open = self.open();
        assert!(open > 0, "{name}: the kernel lets them in");
        for _ in 0..60 {
            std::thread::sleep(LOOK_EVERY);
            let states = self.states();
            let is_down = states.iter().all(|state| state == "DOWN");
            assert!(
                is_down,
                "{name} has not started yet, with {open} of its ports open: {states:?}"
            );
        }
        broker.signal(Signal::SIGCONT);
    }
}

/// From before the start to after the end.
#[track_caller]
fn lives(name: &str, watch: &Watch, broker: &mut Broker, start: impl FnOnce(&mut Broker)) {
    watch.all_are("DOWN");
    let began = Instant::now();
    start(broker);
    // Held in the middle of its start: when its first port is open, and when the last one is.
    for open in [1, watch.checks.len()] {
        watch.opens(open, name);
        watch.holds(broker, name);
    }
    let listens = began.elapsed();
    watch.all_are("UP");
    let serves = began.elapsed();

    broker.signal(Signal::SIGSTOP);
    let stopped = watch.all_are("DOWN");
    broker.signal(Signal::SIGCONT);
    let again = watch.all_are("UP");
    broker.signal(Signal::SIGTERM);
    let ended = watch.all_are("DOWN");
    let protocols: Vec<&str> = watch.checks.iter().map(|(protocol, _)| *protocol).collect();
    writeln!(
        std::io::stdout().lock(),
        "{name} by {}: listens after {listens:.1?}, up after {serves:.1?}; down {stopped:.1?} after it was stopped, up {again:.1?} \
         after it went on, down {ended:.1?} after it was told to end",
        protocols.join(", ")
    )
    .expect("standard output is open");
}

/// Whether these files are there; says what is not.
fn is_installed(what: &str, files: &[&str]) -> bool {
    let missing = files.iter().find(|file| !Path::new(file).exists());
    if let Some(file) = missing {
        writeln!(std::io::stdout().lock(), "SKIP {what}: {file} is not installed").expect("standard output is open");
    }
    missing.is_none()
}

fn is_long(what: &str) -> bool {
    let is_long = env::var_os("TANDEM_LONG").is_some();
    if !is_long {
        writeln!(std::io::stdout().lock(), "SKIP {what}: takes long (TANDEM_LONG=1)").expect("standard output is open");
    }
    is_long
}

#[test]
fn mosquitto() {
    const PROGRAM: &str = "/usr/sbin/mosquitto";
    if !is_installed("mosquitto", &[PROGRAM]) {
        return;
    }
    let port = free_port();
    let watch = Watch::over(&[("mqtt", port)]);
    lives("Mosquitto", &watch, &mut Broker::new("mosquitto"), |broker| {
        let file = broker.write("conf", &format!("listener {port} 127.0.0.1\nallow_anonymous true\n"));
        broker.start(Command::new(PROGRAM).arg("-c").arg(file));
    });
}

#[test]
fn activemq() {
    const JAR: &str = "/usr/share/activemq/bin/activemq.jar";
    if !is_long("ActiveMQ") || !is_installed("ActiveMQ", &[JAR, "/usr/bin/java"]) {
        return;
    }
    // Not MQTT: Debian's package lacks the library for it, and whoever connects there gets no answer.
    let port = free_ports(2);
    let watch = Watch::over(&[("openwire", port), ("stomp", port + 1)]);
    lives("ActiveMQ", &watch, &mut Broker::new("activemq"), |broker| {
        let places = format!("tcp://127.0.0.1:{port},stomp://127.0.0.1:{}", port + 1);
        let folder = broker.folder.display().to_string();
        let mut command = Command::new("/usr/bin/java");
        command.arg("-Dactivemq.home=/usr/share/activemq");
        for name in ["base", "conf", "data"] {
            command.arg(format!("-Dactivemq.{name}={folder}/{name}"));
        }
        command.args(["-jar", JAR, "start"]);
        broker.start(command.arg(format!("broker:({places})?persistent=false&useJmx=false")));
    });
}

#[test]
fn rabbitmq() {
    const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
    const NAMES: &str = "/usr/bin/epmd";
    if !is_long("RabbitMQ") || !is_installed("RabbitMQ", &[PROGRAM, NAMES]) {
        return;
    }
    // Three for clients, one between nodes, one of the server of node names.
    let port = free_ports(5);
    let watch = Watch::over(&[
        ("amqp", port),
        ("amqp10", port),
        ("stomp", port + 1),
        ("mqtt", port + 2),
    ]);
    lives("RabbitMQ", &watch, &mut Broker::new("rabbitmq"), |broker| {
        let conf = format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\nstomp.listeners.tcp.1 = 127.0.0.1:{}\nmqtt.listeners.tcp.1 = 127.0.0.1:{}\n",
            port + 1,
            port + 2
        );
        broker.write("rabbit.conf", &conf);
        let plugins = broker.write("plugins", "[rabbitmq_amqp1_0,rabbitmq_stomp,rabbitmq_mqtt].\n");
        let names = [
            ("ERL_EPMD_PORT", (port + 4).to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ];
        broker.start(Command::new(NAMES).envs(names.clone()));
        let folder = broker.folder.clone();
        let mut command = Command::new(PROGRAM);
        command
            .envs(names)
            .env("HOME", &folder)
            .env("RABBITMQ_NODENAME", format!("tandem{port}@localhost"))
            .env("RABBITMQ_DIST_PORT", (port + 3).to_string())
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbit"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", plugins)
            .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 1:1 +sbwt none");
        broker.start(&mut command);
    });
}
