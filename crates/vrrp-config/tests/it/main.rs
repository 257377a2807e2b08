//! The configuration as a whole, from text to Plan or to diagnostics.

mod broken;
mod compatibility;
mod converted;
mod examples;
mod explained;
mod installed;
mod keywords;
mod meaning;
mod pair;
mod robust;
mod room;

use tandem_text::Renderer;
use tandem_text::keepalived::{Context, NoFiles};
use tandem_vrrp_config::{Loaded, Machine, Plan, load};

fn machine() -> Machine<'static> {
    Machine::new(Context {
        files: &NoFiles,
        env: &|_| None,
        config_id: "lb1",
        seed: 1,
    })
}

fn read(text: &str) -> Loaded {
    load("t", text, &machine(), None)
}

fn plan(text: &str) -> Plan {
    let loaded = read(text);
    let complaints = complaints(&loaded);
    loaded.plan.unwrap_or_else(|| panic!("{text}: {complaints:?}"))
}

/// An instance that lacks nothing, with some more lines.
fn with_instance(lines: &str) -> String {
    format!(
        "global_defs {{\n enable_script_security\n}}\nvrrp_instance V {{\n interface eth0\n virtual_router_id 9\n \
         {lines}\n virtual_ipaddress {{ 10.9.0.50/24 }}\n}}\n"
    )
}

/// The first line of each diagnostic.
fn complaints(loaded: &Loaded) -> Vec<String> {
    let renderer = Renderer::new(&loaded.sources);
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    loaded
        .diagnostics
        .iter()
        .map(|diagnostic| first_line(renderer.render(diagnostic)))
        .collect()
}
