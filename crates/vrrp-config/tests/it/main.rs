//! The configuration as a whole, from text to Plan or to diagnostics.

mod meaning;

use tandem_text::Renderer;
use tandem_text::keepalived::{Context, NoFiles};
use tandem_vrrp_config::{Loaded, Machine, load};

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
