//! Everything that may fail, before anything is changed.

use std::rc::Rc;

use tandem_lb_config::{self as plan, Bind, BindAddress, Frontend, Plan, Service};
use tandem_ops::syslog::Targets;

use super::{Refused, Reloader};
use crate::address::Found;
use crate::bound::Bound;
use crate::departure;
use crate::listeners::{ListenError, Opened, Opener, place_of};
use crate::logs;
use crate::peers::{self, Ground, local_name};
use crate::rings::Lineup;
use crate::socket::{Doors, Serving};
use crate::start;
use crate::tls::Loaded;
use crate::upgrade::Sockets;

/// What the new Plan needs beyond what there is.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    /// Of each backend's servers, those that are new or elsewhere.
    pub(super) found: Vec<Vec<Option<Found>>>,
    /// What each frontend listens on, in the order of its lines.
    pub(super) tls: Loaded,
    pub(super) lines: Vec<Vec<Line>>,
    /// Whose sockets go on under another line.
    pub(super) giving_way: Vec<Rc<Bound>>,
    pub(super) doors: Doors,
    pub(super) frontend_logs: Vec<Targets>,
    pub(super) backend_logs: Vec<Targets>,
    pub(super) grounds: Vec<Ground>,
    pub(super) rings: Lineup,
}

pub(super) enum Line {
    Kept(Rc<Bound>),
    New(Box<Bind>, Opened),
}

/// What a frontend listens on now.
struct Known {
    name: String,
    is_page: bool,
    bound: Vec<Rc<Bound>>,
}

impl Reloader {
    pub(super) fn prepare(
        &self,
        running: &Plan,
        plan: Plan,
        found: Vec<Vec<Option<Found>>>,
        tls: Loaded,
    ) -> Result<Prepared, Refused> {
        departure::permitted(&plan).map_err(Refused::because)?;
        let (lines, giving_way) = self.listen(running, &plan).map_err(|errors| Refused::all(&errors))?;
        let is_new = |socket: &&plan::StatsSocket| {
            let mut known = running.global.stats_sockets.iter();
            known.all(|known| known.address != socket.address)
        };
        let doors: Vec<_> = plan.global.stats_sockets.iter().filter(is_new).collect();
        if let Some(door) = doors.iter().find(|door| matches!(door.address, BindAddress::Fd(_))) {
            let why = "a descriptor can only be taken at the start";
            return Err(Refused::because(format!("{}: stats socket: {why}", door.origin)));
        }
        let doors = Doors::open_these(doors, Serving::of(&plan.global), &Sockets::default());
        let doors = doors.map_err(|errors| Refused::all(&errors))?;
        let rings = self.estate.directory.rings.planned(&plan.rings);
        let (frontend_logs, backend_logs) = self.open_logs(running, &plan, &rings).map_err(Refused::because)?;
        let grounds = self.grounds(&plan, &rings)?;
        Ok(Prepared {
            grounds,
            rings,
            plan,
            found,
            tls,
            lines,
            giving_way,
            doors,
            frontend_logs,
            backend_logs,
        })
    }

    /// Keeps the listeners that are wanted as they are, and opens the others. A socket that is there already for another
    /// line of the same address is not opened again but handed on.
    #[expect(clippy::type_complexity, reason = "taken apart where it is called")]
    fn listen(&self, running: &Plan, plan: &Plan) -> Result<(Vec<Vec<Line>>, Vec<Rc<Bound>>), Vec<ListenError>> {
        let known = self.known();
        let kept = |frontend: &Frontend, bind: &Bind, number: u32| {
            let of = known
                .iter()
                .find(|k| k.is(frontend) && !self.is_closed(&frontend.name))?;
            let before = running.frontends.iter().find(|before| before.name == frontend.name)?;
            let bound = of.bound.iter().find(|bound| place_of(&bound.plan) == place_of(bind))?;
            let is_same = bound.number == number && is_as_before(&bound.plan, before, bind, frontend);
            is_same.then(|| bound.clone())
        };
        let all_kept: Vec<Rc<Bound>> = wanted(plan)
            .filter_map(|(frontend, bind, number)| kept(frontend, bind, number))
            .collect();
        let before = self.leaving.borrow().clone();
        let leaving = self.bound().into_iter().chain(before);
        let goes_on = |bound: &Rc<Bound>| wanted(plan).any(|(_, bind, _)| bind.address == bound.plan.address);
        let leaving = leaving.filter(|b| !all_kept.iter().any(|k| Rc::ptr_eq(k, b)));
        // Of the others nothing is touched: whoever closes has them let nobody in.
        let leaving: Vec<_> = leaving.filter(goes_on).collect();
        let inherited = Sockets::new(leaving.iter().flat_map(|bound| bound.duplicates()));
        let opener = Opener {
            policy: plan.global.accept,
            workers: self.estate.crew.len(),
            backlog: start::maxconn(plan, &self.estate.args, self.estate.stats.process().files),
            inherited: &inherited,
        };
        let (mut lines, mut errors) = (Vec::new(), Vec::new());
        for frontend in &plan.frontends {
            let mut of_frontend = Vec::new();
            for (bind, number) in binds(frontend).iter().zip(1..) {
                match kept(frontend, bind, number)
                    .map_or_else(|| new(&opener, &leaving, frontend, bind), |bound| Ok(Line::Kept(bound)))
                {
                    Ok(line) => of_frontend.push(line),
                    Err(error) => errors.push(error),
                }
            }
            lines.push(of_frontend);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok((lines, leaving))
    }

    /// What the sections of peers stand on.
    fn grounds(&self, plan: &Plan, rings: &Lineup) -> Result<Vec<Ground>, Refused> {
        let estate = &self.estate;
        let local = local_name(estate.args.local_peer.as_deref(), plan, estate.directory.hostname());
        let listening = peers::open_all(plan, &local, &estate.peers.listening(), &Sockets::default());
        let listening = listening.map_err(|errors| Refused::all(&errors))?;
        let logs = logs::Opener::new(&plan.global, &estate.program, rings);
        Ground::all(plan, &local, &listening, &logs).map_err(Refused::because)
    }

    fn known(&self) -> Vec<Known> {
        let fronts = self.estate.frontends.fronts().into_iter().map(|front| Known {
            name: front.seat.load().plan.name.to_string(),
            is_page: false,
            bound: front.bound,
        });
        let stands = self.estate.sites.stands().into_iter().map(|stand| Known {
            name: stand.site.frontend().plan.name.to_string(),
            is_page: true,
            bound: stand.bound,
        });
        fronts.chain(stands).collect()
    }

    /// Targets that nothing is said anew of stay open: to open them again may need what the process has given up.
    fn open_logs(
        &self,
        running: &Plan,
        plan: &Plan,
        rings: &Lineup,
    ) -> Result<(Vec<Targets>, Vec<Targets>), logs::LogsError> {
        let (before, after) = (&running.global, &plan.global);
        // A ring that came back under its name is another one, and one of another format has other lines.
        let rings_of = |plan: &Plan| {
            let rings = plan.rings.iter().map(|ring| (ring.name.clone(), ring.format));
            rings.collect::<Vec<_>>()
        };
        let is_same = rings_of(running) == rings_of(plan)
            && (&before.logs, &before.log_tag, &before.log_hostname)
                == (&after.logs, &after.log_tag, &after.log_hostname);
        let opener = logs::Opener::new(after, &self.estate.program, rings);
        let fronts = self.estate.frontends.all();
        let frontend = |frontend: &Frontend| {
            let known = fronts
                .iter()
                .find(|f| is_same && f.plan.name == frontend.name && f.plan.logs == frontend.logs);
            known.map_or_else(|| opener.open(&frontend.logs), |known| Ok(known.logs.clone()))
        };
        let keepers = self.estate.orders.backends();
        let backend = |backend: &plan::Backend| {
            let is_it = |plan: &plan::Backend| is_same && plan.name == backend.name && plan.logs == backend.logs;
            let known = keepers.iter().find(|keeper| is_it(&keeper.backend().now().plan));
            known.map_or_else(|| opener.open(&backend.logs), |known| Ok(known.logs()))
        };
        Ok((
            plan.frontends.iter().map(frontend).collect::<Result<_, _>>()?,
            plan.backends.iter().map(backend).collect::<Result<_, _>>()?,
        ))
    }
}

impl Known {
    fn is(&self, frontend: &Frontend) -> bool {
        *self.name == *frontend.name && self.is_page == matches!(frontend.service, Service::Stats(_))
    }
}

/// A descriptor that the process was started with can be adopted once: by its number it may be anybody's now. Whoever
/// listens on it hands it on.
fn new(opener: &Opener<'_>, leaving: &[Rc<Bound>], frontend: &Frontend, bind: &Bind) -> Result<Line, ListenError> {
    let opened = match bind.address {
        BindAddress::Fd(_) => {
            let mut same = leaving.iter().filter(|bound| bound.plan.address == bind.address);
            Opened::passed_on(same.find_map(|bound| bound.duplicates().next()), frontend, bind)?
        }
        _ => opener.open(frontend, bind)?,
    };
    Ok(Line::New(Box::new(bind.clone()), opened))
}

fn wanted(plan: &Plan) -> impl Iterator<Item = (&Frontend, &Bind, u32)> {
    plan.frontends.iter().flat_map(|frontend| {
        binds(frontend)
            .iter()
            .zip(1..)
            .map(move |(bind, number)| (frontend, bind, number))
    })
}

fn binds(frontend: &Frontend) -> &[Bind] {
    if frontend.disabled { &[] } else { &frontend.binds }
}

/// Where a line was written and what only counts at a start does not matter.
fn is_as_before(was: &Bind, of: &Frontend, is: &Bind, now_of: &Frontend) -> bool {
    let backlog = |bind: &Bind, frontend: &Frontend| bind.backlog.or(frontend.backlog);
    let words = |bind: &Bind| (bind.name.clone(), bind.maxconn, bind.guid_prefix.clone());
    backlog(was, of) == backlog(is, now_of) && words(was) == words(is)
}
