//! What a configuration may ask for and this version does not do. What would change behaviour when ignored is refused; the
//! rest is said.

use tandem_vrrp_config::{AutoPriority, Global, Instance, Plan};

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
            if settings.interface.is_none() {
                beyond.refused.push(format!("({}) name an interface", settings.name));
            }
        }
        if let Err(all) = Statics::of(&plan.statics) {
            beyond.refused.extend(all);
        }
        beyond.global(&plan.global);
        beyond
    }

    /// What an operator may miss, and nothing depends on.
    fn global(&mut self, global: &Global) {
        let asked = [
            (global.scheduling.priority.is_some(), "vrrp_priority"),
            (global.scheduling.auto != AutoPriority::default(), "max_auto_priority"),
            (global.firewall.counters, "nftables_counters"),
            (global.firewall.ifindex, "nftables_ifindex"),
            (global.scripts.fifo_states_on_reload, "fifo_write_vrrp_states_on_reload"),
            (global.reload.check_log.is_some(), "the file of reload_check_config"),
            (global.reload.time_file.is_some(), "reload_time_file"),
            (global.reload.marker.is_some(), "reload_file"),
            (
                global.use_pid_dir || global.instance_name.is_some(),
                "use_pid_dir and instance",
            ),
            (global.dumps.use_instance, "data_use_instance"),
            (global.process_name.is_some(), "vrrp_process_name"),
            (global.disable_local_igmp, "disable_local_igmp"),
        ];
        let asked = asked.into_iter().filter(|(asked, _)| *asked);
        self.ignored
            .extend(asked.map(|(_, what)| format!("{what} is not part of this version")));
    }

    fn instance(&mut self, instance: &Instance, name: &str) {
        if let Err(all) = Policy::of(instance.routes.iter(), instance.rules.iter()) {
            self.refused
                .extend(all.into_iter().map(|why| format!("({name}) {why}")));
        }
    }
}
