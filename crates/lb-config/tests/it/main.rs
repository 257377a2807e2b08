//! The configuration as a whole, from text to Plan or to diagnostics.

mod agreement;
mod bandwidth;
mod broken;
mod compatibility;
mod configs;
mod converted;
mod covered;
mod default_path;
mod examples;
mod explained;
mod expressions;
mod forward;
mod generated;
mod installed;
mod inventory;
mod keywords;
mod marks;
mod meaning;
mod native;
mod peers;
mod places;
mod reference;
mod rings;
mod robust;

use std::sync::Arc;

use tandem_lb_config::{Loaded, NamedText, Plan, load};
use tandem_text::Renderer;

/// From here to the whole configurations.
const TO_CORPUS: &str = "../../tests/corpus/configs";

fn read(text: &str) -> Loaded {
    load(&[NamedText::new("t", text)], &|_| None, None)
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

fn errors(loaded: &Loaded) -> Vec<String> {
    complaints(loaded)
        .into_iter()
        .filter(|line| line.contains(": error["))
        .collect()
}

/// The only difference between two dialects that say the same.
fn without_origins(mut plan: Plan) -> Plan {
    let nowhere: Arc<str> = "".into();
    let binds = plan.frontends.iter_mut().flat_map(|frontend| &mut frontend.binds);
    binds.for_each(|bind| bind.origin = Arc::clone(&nowhere));
    let servers = plan.backends.iter_mut().flat_map(|backend| &mut backend.servers);
    servers.for_each(|server| server.origin = Arc::clone(&nowhere));
    let sockets = plan.global.stats_sockets.iter_mut();
    sockets.for_each(|socket| socket.origin = Arc::clone(&nowhere));
    plan
}
