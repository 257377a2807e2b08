//! What the brain is given to do: the router's settings, and the routes and rules beside them, and what is always there.

use std::collections::BTreeMap;

use tandem_vrrp_config::Plan;
use tandem_vrrp_core::settings::{InstanceId, RouterSettings};

use crate::policy::Policy;
use crate::statics::Statics;
use crate::vmac::Vmacs;

#[derive(Clone, Debug, Default)]
pub(crate) struct Assignment {
    pub(crate) settings: RouterSettings,
    pub(super) policies: BTreeMap<InstanceId, Policy>,
    pub(super) statics: Statics,
    pub(super) vmacs: Vmacs,
}

impl Assignment {
    /// Of a plan that asks for nothing beyond what can be done.
    pub(crate) fn of(plan: &Plan) -> Assignment {
        let policy = |i: &tandem_vrrp_config::Instance| Policy::of(i.routes.iter(), i.rules.iter()).unwrap_or_default();
        Assignment {
            settings: plan.router.clone(),
            policies: plan.instances.iter().map(|i| (i.id, policy(i))).collect(),
            statics: Statics::of(&plan.statics).unwrap_or_default(),
            vmacs: Vmacs::of(plan),
        }
    }
}
