//! What a configuration may ask for and this version does not do. What would change behaviour when ignored is refused; the
//! rest is said.

use tandem_vrrp_config::{Instance, Plan};

use crate::policy::Policy;
use crate::statics::Statics;

#[derive(Debug, Default)]
pub(crate) struct Beyond {
    /// Nothing is started.
    pub(crate) refused: Vec<String>,
    pub(crate) ignored: Vec<String>,
}

impl Beyond {
    pub(crate) fn of(plan: &Plan) -> Beyond {
        let mut beyond = Beyond::default();
        for (instance, settings) in plan.instances.iter().zip(&plan.router.instances) {
            beyond.instance(instance, &settings.name);
            if instance.receive_buffer.is_some() {
                let line = format!("({}) kernel_rx_buf_size is not part of this version", settings.name);
                beyond.ignored.push(line);
            }
        }
        if let Err(all) = Statics::of(&plan.statics) {
            beyond.refused.extend(all);
        }
        beyond
    }

    fn instance(&mut self, instance: &Instance, name: &str) {
        if let Err(all) = Policy::of(instance.routes.iter(), instance.rules.iter()) {
            self.refused
                .extend(all.into_iter().map(|why| format!("({name}) {why}")));
        }
    }
}
