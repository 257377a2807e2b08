//! Any bytes are a configuration or a list of reasons why not, in both dialects; never a panic, and however a text repeats
//! itself, what becomes of it is bounded.

use tandem_text::keepalived::{Context, NoFiles};
use tandem_text::{Diagnostic, Renderer};
use tandem_vrrp_config::{Dialect, Loaded, Machine, compare, load};

/// What a text makes of itself by repetition is limited, so the complaints about it are.
const MOST_COMPLAINTS: usize = 100_000;

pub fn check(data: &[u8]) {
    for dialect in [Dialect::Keepalived, Dialect::Toml] {
        holds(data, dialect);
    }
}

fn holds(data: &[u8], dialect: Dialect) {
    let machine = Machine::new(Context {
        files: &NoFiles,
        env: &|name| (name == "X").then(|| "eth0 {\n}".to_owned()),
        config_id: "lb1",
        seed: 1,
    });
    let loaded = load("t", data, &machine, Some(dialect));
    let broken = loaded.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(loaded.plan.is_none(), broken, "a Plan exactly when there is no error");
    let complaints = loaded.diagnostics.len();
    assert!(
        complaints <= MOST_COMPLAINTS + 4 * data.len(),
        "{complaints} complaints"
    );
    for diagnostic in loaded.diagnostics.iter().take(64) {
        let source = loaded.sources.bytes(diagnostic.span.file);
        assert!(diagnostic.span.start <= diagnostic.span.end && diagnostic.span.end <= source.len());
        assert!(!Renderer::new(&loaded.sources).render(diagnostic).is_empty());
    }
    is_sound(&loaded);
}

/// What the types of a Plan cannot say.
fn is_sound(loaded: &Loaded) {
    let Some(plan) = &loaded.plan else { return };
    let router = &plan.router;
    assert_eq!(plan.instances.len(), router.instances.len());
    assert_eq!(plan.groups.len(), router.groups.len());
    for instance in &router.instances {
        assert!(instance.vips.len() <= 255);
        assert!(instance.vips.iter().all(|vip| vip.family() == instance.family));
        let known = |id| router.trackers.iter().any(|tracker| tracker.id == id);
        assert!(instance.track.iter().all(|tracked| known(tracked.tracker)));
    }
    if router.instances.len() <= 64 {
        compare(plan, plan);
    }
}
