//! The shipped example, read to the Plan it must mean.

use tandem_lb_config::{NamedText, load};

#[test]
fn the_shipped_example_loads() {
    let text = include_str!("../../../etc/haproxy-example.cfg");
    let loaded = load(&[NamedText::new("example.cfg", text)], &|_| None, None);
    for d in &loaded.diagnostics {
        eprintln!("{}", tandem_text::Renderer::new(&loaded.sources).render(d));
    }
    let plan = loaded.plan.expect("the example has no errors");
    assert_eq!(plan.frontends.len(), 2);
    eprintln!("{plan:#?}");
}
