//! Any bytes are a configuration or a list of reasons why not, in both dialects; never a panic, never both or neither.

use tandem_lb_config::{Dialect, NamedText, load};
use tandem_text::{Diagnostic, Renderer};

/// Each mistake is said once or a few times, not once for each other mistake.
const COMPLAINTS_A_BYTE: usize = 4;

pub fn check(data: &[u8]) {
    for dialect in [Dialect::Haproxy, Dialect::Toml] {
        holds(data, dialect);
    }
}

fn holds(data: &[u8], dialect: Dialect) {
    let env = |name: &str| (name == "X").then(|| "10.0.0.1 \"check".to_owned());
    let loaded = load(&[NamedText::new("t", data)], &env, Some(dialect));
    let broken = loaded.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(loaded.plan.is_none(), broken, "a Plan exactly when there is no error");
    assert!(loaded.diagnostics.len() <= 64 + data.len() * COMPLAINTS_A_BYTE);
    for diagnostic in loaded.diagnostics.iter().take(64) {
        let source = loaded.sources.bytes(diagnostic.span.file);
        assert!(diagnostic.span.start <= diagnostic.span.end && diagnostic.span.end <= source.len());
        assert!(!Renderer::new(&loaded.sources).render(diagnostic).is_empty());
    }
}
