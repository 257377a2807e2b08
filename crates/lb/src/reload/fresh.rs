//! The configuration as it is in the files now, and where its servers are.
//!
//! Reading files and asking the resolver may take a while, so it is done beside the control runtime.

use std::sync::Arc;

use tandem_lb_config::Plan;
use tandem_lb_config::diff::in_force;

use super::Refused;
use crate::address::{AddressError, Found};
use crate::args::Args;
use crate::configuration::Configuration;
use crate::outside::Outside;
use crate::reader::{Known, Reader};
use crate::tls::Loaded;

pub(super) struct Fresh {
    pub(super) plan: Plan,
    pub(super) warnings: Vec<String>,
    /// Of each backend's servers; `None` where nothing had to be looked up because nothing has changed.
    pub(super) found: Vec<Vec<Option<Found>>>,
    tls: Loaded,
    /// What was in force when that was read.
    before: Arc<Loaded>,
}

impl Fresh {
    /// By way of the reader, where this process cannot read for itself any more.
    pub(super) async fn read(
        args: Arc<Args>,
        reader: Option<Arc<Reader>>,
        running: Arc<Plan>,
        tls: Arc<Loaded>,
    ) -> Result<Fresh, Refused> {
        let read = tokio::task::spawn_blocking(move || {
            let known = Known::of(&running);
            let asked = reader.as_ref().map(|reader| reader.ask(&known));
            let outside = asked.transpose().map_err(Refused::because)?.unwrap_or(Outside::Here);
            Fresh::read_now(&args, &known, tls, &outside)
        });
        read.await.map_err(Refused::because)?
    }

    /// What of it a running process can follow.
    pub(super) fn in_force(&self, running: &Plan) -> Plan {
        in_force(self.plan.clone(), running)
    }

    /// What of TLS is in force from now on. Who has replaced a certificate by order may have written its file before, and
    /// that was perhaps read already: what was read then is the older word.
    pub(super) fn tls(&self, now: &Arc<Loaded>) -> Result<Loaded, Refused> {
        if Arc::ptr_eq(now, &self.before) {
            return Ok(self.tls.clone());
        }
        let shelf = self.tls.shelf.overruled(&self.before.shelf, &now.shelf);
        self.tls.with(shelf).map_err(|errors| Refused::all(&errors))
    }

    fn read_now(args: &Args, known: &Known, before: Arc<Loaded>, outside: &Outside) -> Result<Fresh, Refused> {
        let Configuration { plan, complaints } = Configuration::read(args, false, outside).map_err(Refused::because)?;
        let (errors, warnings): (Vec<_>, Vec<_>) = complaints.into_iter().partition(|c| c.is_error);
        let texts = |complaints: Vec<crate::configuration::Complaint>| -> Vec<String> {
            complaints.into_iter().map(|c| c.text.trim_end().to_owned()).collect()
        };
        let Some(plan) = plan else {
            return Err(Refused(texts(errors)));
        };
        if args.zero_warning && !warnings.is_empty() {
            return Err(Refused(texts(warnings)));
        }
        if !plan.listens() {
            return Err(Refused::because("there would be no listener left"));
        }
        Ok(Fresh {
            tls: Loaded::read(&plan, &before, outside).map_err(|errors| Refused::all(&errors))?,
            found: look_up(&plan, known, outside).map_err(|errors| Refused::all(&errors))?,
            warnings: texts(warnings),
            plan,
            before,
        })
    }
}

fn look_up(plan: &Plan, known: &Known, outside: &Outside) -> Result<Vec<Vec<Option<Found>>>, Vec<AddressError>> {
    let mut errors = Vec::new();
    let mut found = Vec::new();
    for backend in &plan.backends {
        let mut of_servers = Vec::new();
        for server in &backend.servers {
            // A name that was looked up once is not again.
            match (!known.has(backend, server))
                .then(|| Found::of(server, outside))
                .transpose()
            {
                Ok(found) => of_servers.push(found),
                Err(error) => errors.push(error),
            }
        }
        found.push(of_servers);
    }
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}
