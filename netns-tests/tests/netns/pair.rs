//! Two hosts, `a` at 10.9.0.1 and `b` at 10.9.0.2, each with `eth0`.

use anyhow::Result;
use tandem_lab::{Host, Lab, Link};
use tandem_netns_tests::Bench;

/// Two hosts on one switch.
pub(crate) struct Pair {
    pub(crate) lab: Lab,
    pub(crate) a: Host,
    pub(crate) b: Host,
    pub(crate) a_link: Link,
    pub(crate) b_link: Link,
}

impl Pair {
    pub(crate) fn new(bench: &Bench<'_>) -> Result<Self> {
        let lab = Lab::new(bench.ground)?;
        let lan = lab.switch("lan")?;
        let (a, b) = (lab.host("a")?, lab.host("b")?);
        let a_link = lab.link(&a, &lan, "10.9.0.1/24".parse()?)?;
        let b_link = lab.link(&b, &lan, "10.9.0.2/24".parse()?)?;
        Ok(Self {
            lab,
            a,
            b,
            a_link,
            b_link,
        })
    }
}
