//! `collectd-haproxy`, the Python plugin for collectd: over the socket, with `show info` and `show stat`.

use std::process::Command;

use super::room::say;
use super::stage::{Stage, assert_same, fetched, run};

const PACKAGE: &str = "collectd-haproxy==1.2.1";

/// Stands for collectd: prints what the plugin dispatches.
const SCRIPT: &str = r#"
import sys, types
class Values:
    def __init__(self, **of): self.of = of
    def dispatch(self, plugin_instance, values):
        print(plugin_instance, self.of['type'], self.of['type_instance'], values[0])
class Collectd:
    Values = Values
    def register_config(self, call, name): self.configure = call
    def register_init(self, call, name): self.start = call
    def register_read(self, call, name): self.read = call
    def __getattr__(self, name): return lambda *_: None
from collectd_haproxy.plugin import HAProxyPlugin
collectd = Collectd()
HAProxyPlugin.register(collectd)
node = types.SimpleNamespace(key='Socket', values=[sys.argv[1]])
collectd.configure(types.SimpleNamespace(children=[node]))
collectd.start()
collectd.read()
"#;

/// Figures of the process, of the moment, and of who asks.
const VOLATILE: [&str; 13] = [
    "rate",
    "uptime",
    "idle_pct",
    "tasks",
    "run_queue",
    "time",
    "page.",
    "memory",
    "check_duration",
    "connections",
    "haproxy ",
    "last",
    // Whether a visitor's session has ended when the next one begins is a matter of microseconds.
    "peak_session",
];

#[test]
fn the_plugin_for_collectd() {
    let package = fetched("venv-collectd-haproxy", "collectd_haproxy", |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--target"])
            .arg(folder)
            .arg(PACKAGE);
        Some(pip.output().ok()?.status.success())
    });
    let Some(package) = package else {
        return say(&format!("SKIP {PACKAGE}: pip cannot install it"));
    };
    let Some(stage) = Stage::set("collectd") else { return };
    let [theirs, ours] = stage.both(|side| {
        let mut python = Command::new("python3");
        python
            .arg("-c")
            .arg(SCRIPT)
            .arg(side.room.socket())
            .env("PYTHONPATH", &package);
        let text = run(&mut python).expect("python3 has run before");
        let masked = text.lines().map(|line| {
            let is_volatile = VOLATILE.iter().any(|word| line.contains(word));
            let name = line.rsplit_once(' ').map_or(line, |(name, _)| name);
            if is_volatile { name } else { line }.to_owned()
        });
        masked.collect::<Vec<_>>()
    });
    assert_same("collectd-haproxy", [theirs, ours]);
}
