//! Reading the configuration again, and what changes with it.

use std::collections::BTreeSet;

use tandem_vrrp::allowed::default_user;
use tandem_vrrp_config::Plan;
use tandem_vrrp_core::settings::{Tracker, TrackerKind};

use super::{Desk, owners_of};
use crate::brain::{Assignment, Order};
use crate::configuration::{self, Configuration};
use crate::{reloading, saving};

impl Desk {
    pub(super) async fn reload(&mut self) {
        self.log.info("Reloading");
        let marker = reloading::Marker::set(&self.plan, &self.log);
        let read = configuration::read(&self.args);
        drop(marker);
        if let Ok(configuration) = &read {
            reloading::write_log(&self.plan, configuration, &self.log);
        }
        match read {
            Ok(Configuration {
                plan: Some(plan),
                lines,
                text,
                ..
            }) => {
                lines.iter().for_each(|line| self.log.warning(line));
                self.reloads += 1;
                saving::configuration(&plan, &text, self.reloads, &self.log);
                self.save_state("pre").await;
                self.adopt(plan).await;
                self.save_state("post").await;
                self.log.info("Reload finished");
            }
            Ok(Configuration { lines, .. }) => {
                lines.iter().for_each(|line| self.log.error(line));
                self.log.error("Reload refused: everything stays as it was");
            }
            Err(error) => self.log.error(&format!("Reload refused: {error:#}")),
        }
    }

    async fn save_state(&self, when: &str) {
        if self.plan.global.reload.save.is_some()
            && let Some(snapshot) = self.show().await
        {
            let text = self.data(&snapshot, &self.around().await);
            saving::state(&self.plan, &text, self.reloads, when, &self.log);
        }
    }

    async fn adopt(&mut self, mut plan: Plan) {
        plan.adopt_ids(&self.plan);
        self.heralds.adjust(&plan);
        // What is new is closed before it is there.
        let adjusted = self.life.while_waiting(self.firewall.adjust(&plan)).await;
        self.complain(adjusted);
        self.order(Order::Assign(Box::new(Assignment::of(&plan)))).await;
        self.trackers.adjust(&tracked(&plan));
        self.pair.know(&plan.router);
        self.pair.adjust(plan.global.pair.as_ref());
        self.watch_neighbours(&plan).await;
        self.promote(&plan);
        self.held.retain(|id| plan.router.instance(*id).is_some());
        self.owners.retain(|id| plan.router.instance(*id).is_some());
        self.owners.extend(owners_of(&plan));
        self.reload_time.adjust(&plan.global.reload);
        self.exporter.adjust(plan.global.metrics);
        for what in reloading::needs_restart(&self.plan, &plan) {
            self.log
                .warning(&format!("{what} has changed, which counts after a restart"));
        }
        self.plan = plan;
        // It names instances by what a reload may change.
        self.write_journal();
        if self.plan.global.scripts.fifo_states_on_reload
            && let Some(snapshot) = self.show().await
        {
            self.heralds.repeat(&snapshot);
        }
    }
}

/// Those that an instance or group looks at; others are not run. Scripts without a user get the usual one.
pub(super) fn tracked(plan: &Plan) -> Vec<Tracker> {
    let settings = &plan.router;
    let of_instances = settings.instances.iter().flat_map(|i| &i.track);
    let of_groups = settings.groups.iter().flat_map(|g| &g.track);
    let used: BTreeSet<_> = of_instances.chain(of_groups).map(|usage| usage.tracker).collect();
    let usual = default_user(plan);
    let mut trackers: Vec<Tracker> = settings
        .trackers
        .iter()
        .filter(|t| used.contains(&t.id))
        .cloned()
        .collect();
    for tracker in &mut trackers {
        if let (TrackerKind::Script(script), Some(usual)) = (&mut tracker.kind, &usual)
            && script.user.is_none()
        {
            (script.user, script.group) = (Some(usual.name.clone()), usual.group.clone());
        }
    }
    trackers
}
