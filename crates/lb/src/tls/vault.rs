//! What connections with TLS go by, for every listener and server of the Plan: made as a whole, and put in force as a
//! whole. Whoever is connected goes on by what held when it came.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tandem_lb_config::{Authorities, Clients, Origination, Peers, Plan, Termination, Trust};
use tandem_lb_core::stats::prometheus::CertificateSeen;
use tandem_tls::x509::Facts;
use tandem_tls::{Listener, Origin, Pieces, certificate};
use thiserror::Error;

use super::keys::numbered;
use super::make::{self, MakeError, Source};
use super::shelf::{ReadError, Shelf};
use super::tally::Tally;
use crate::outside::Outside;

/// What is in force.
#[derive(Debug, Default)]
pub(crate) struct Vault {
    now: ArcSwap<Loaded>,
    pub(crate) tally: Tally,
}

/// A listener by its frontend and its number there, counted from 1.
type Door = (Arc<str>, u32);
/// A server by its backend and its name.
type Name = (Arc<str>, Arc<str>);

/// What one Plan and the files of one moment come to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) shelf: Arc<Shelf>,
    listeners: BTreeMap<Door, Made<Termination, Listener>>,
    origins: BTreeMap<Name, Made<Origination, Origin>>,
    checks: BTreeMap<Name, Made<Origination, Origin>>,
    expiries: Arc<[CertificateSeen]>,
    /// Files with keys for tickets, as they are numbered.
    pub(super) keys: Vec<PathBuf>,
}

/// Something that was made, and of what.
#[derive(Debug)]
pub(crate) struct Made<P, T> {
    /// `file:line`
    origin: Arc<str>,
    pub(crate) plan: Arc<P>,
    thing: Arc<T>,
}

impl<P, T> Clone for Made<P, T> {
    fn clone(&self) -> Self {
        Made {
            origin: self.origin.clone(),
            plan: self.plan.clone(),
            thing: self.thing.clone(),
        }
    }
}

/// What a listener shows by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Showing<'a> {
    pub(crate) frontend: &'a Arc<str>,
    /// `file:line`
    pub(crate) origin: &'a Arc<str>,
    pub(crate) tls: &'a Arc<Termination>,
}

#[derive(Debug, Error)]
#[error("{origin}: {why}")]
pub(crate) struct LoadError {
    origin: Arc<str>,
    why: Fault,
}

#[derive(Debug, Error)]
enum Fault {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Make(#[from] MakeError),
}

impl Vault {
    /// From now on new connections go by this.
    pub(crate) fn replace(&self, loaded: Loaded) {
        loaded.hand_out_keys();
        self.now.store(Arc::new(loaded));
    }

    pub(crate) fn now(&self) -> Arc<Loaded> {
        self.now.load_full()
    }

    /// What was made of this, for that line or else for another of the frontend, or of the section of peers: it is the same.
    pub(crate) fn listener(&self, frontend: &Arc<str>, number: u32, plan: &Arc<Termination>) -> Option<Arc<Listener>> {
        let now = self.now.load();
        let exact = now.listeners.get(&(frontend.clone(), number));
        let all = now
            .listeners
            .range((frontend.clone(), 0)..=(frontend.clone(), u32::MAX));
        let mut made = exact.into_iter().chain(all.map(|(_, made)| made));
        Some(made.find(|made| made.plan == *plan)?.thing.clone())
    }

    /// What was made of this for that server or else, when it is not called as in the configuration any more, for another of
    /// its backend: it is the same.
    pub(crate) fn origin(&self, backend: &Arc<str>, server: &Arc<str>, plan: &Origination) -> Option<Arc<Origin>> {
        of_server(&self.now.load().origins, backend, server, plan)
    }

    /// The same for the checks of a server.
    pub(crate) fn check(&self, backend: &Arc<str>, server: &Arc<str>, plan: &Origination) -> Option<Arc<Origin>> {
        of_server(&self.now.load().checks, backend, server, plan)
    }
}

impl Loaded {
    /// Reads all that a Plan names, or says everything that is wrong with it. What is as it was `before` is the same
    /// thing still, so that clients come back to their sessions.
    pub(crate) fn read(plan: &Plan, before: &Loaded, outside: &Outside) -> Result<Loaded, Vec<LoadError>> {
        let mut shelf = Shelf::default();
        let mut errors = Vec::new();
        let wanted = Wanted::of(plan);
        wanted.doors(|origin, tls| errors.extend(shelf.take_all(tls, outside).err().map(at(origin))));
        wanted.names(|origin, tls| errors.extend(read_for_name(&mut shelf, tls, outside).err().map(at(origin))));
        if !errors.is_empty() {
            return Err(once(errors));
        }
        wanted.made(shelf, before)
    }

    /// When those that are in force expire. It is found out once: whoever watches asks every few seconds.
    pub(crate) fn expiries(&self) -> &Arc<[CertificateSeen]> {
        &self.expiries
    }

    /// Files that hold something else than `before`.
    pub(crate) fn changed(&self, before: &Loaded) -> Vec<PathBuf> {
        let files = self.shelf.all();
        files
            .filter(|file| before.shelf.knows(file) && !self.shelf.holds_same(&before.shelf, file))
            .cloned()
            .collect()
    }

    /// What listeners show by, and where that stands.
    pub(crate) fn doors(&self) -> impl Iterator<Item = Showing<'_>> {
        self.listeners.iter().map(|((frontend, _), made)| Showing {
            frontend,
            origin: &made.origin,
            tls: &made.plan,
        })
    }

    /// Whether anything was made of this file.
    pub(super) fn uses(&self, file: &Path) -> bool {
        let shelf = &self.shelf;
        let mut names = self.origins.values().chain(self.checks.values());
        self.doors().any(|door| files_of_door(door.tls, shelf).contains(file))
            || names.any(|made| files_of_name(&made.plan, shelf).contains(file))
    }

    /// The same with other keys for tickets.
    pub(super) fn with_keys(&self, file: &Path, text: Vec<u8>) -> Result<Loaded, MakeError> {
        let mut shelf = Shelf::clone(&self.shelf);
        shelf.keys.insert(file.to_owned(), text);
        make::ticket_keys(file, &shelf)?;
        let shelf = Arc::new(shelf);
        Ok(Loaded { shelf, ..self.clone() })
    }

    /// The same without a certificate that nothing was made of; and that.
    pub(super) fn without(self, file: &Path) -> (Loaded, Option<Pieces>) {
        let mut shelf = Shelf::clone(&self.shelf);
        let taken = shelf.certificates.remove(file);
        let expiries = expiries(&shelf);
        let shelf = Arc::new(shelf);
        let left = Loaded {
            shelf,
            expiries,
            ..self
        };
        (left, taken)
    }

    /// Listeners stay when their keys for tickets change: these are replaced within them.
    fn hand_out_keys(&self) {
        for made in self.listeners.values() {
            let file = made.plan.ticket_keys.as_deref();
            // They were whole when they were read.
            if let Some(Ok(keys)) = file.map(|file| make::ticket_keys(file, &self.shelf)) {
                made.thing.take_keys(&keys);
            }
        }
    }

    /// The same with other files.
    pub(crate) fn with(&self, shelf: Shelf) -> Result<Loaded, Vec<LoadError>> {
        Wanted::again(self).made(shelf, self)
    }
}

/// All that has to be made.
#[derive(Default)]
struct Wanted {
    doors: Vec<(Door, Arc<str>, Arc<Termination>)>,
    names: Vec<(Name, Arc<str>, Arc<Origination>)>,
    checks: Vec<(Name, Arc<str>, Arc<Origination>)>,
    keys: Vec<PathBuf>,
}

impl Wanted {
    fn of(plan: &Plan) -> Wanted {
        let mut wanted = Wanted::default();
        for frontend in plan.frontends.iter().filter(|frontend| !frontend.disabled) {
            for (bind, number) in frontend.binds.iter().zip(1..) {
                if let Some(tls) = &bind.tls {
                    let door = (frontend.name.clone(), number);
                    wanted.doors.push((door, bind.origin.clone(), tls.clone()));
                }
            }
        }
        for section in plan.peers.iter().filter(|section| !section.disabled) {
            wanted.section(section);
        }
        for ring in &plan.rings {
            for server in &ring.servers {
                if let Some(tls) = &server.tls {
                    let origin = format!("ring {}, server {}", ring.name, server.name).into();
                    let name = (ring.key(), server.name.clone());
                    wanted.names.push((name, origin, tls.clone()));
                }
            }
        }
        for backend in &plan.backends {
            for server in &backend.servers {
                let name = (backend.name.clone(), server.name.clone());
                if let Some(tls) = &server.tls {
                    wanted.names.push((name.clone(), server.origin.clone(), tls.clone()));
                }
                if let Some(tls) = server.check.as_ref().and_then(|check| check.tls.as_ref()) {
                    let tls = Arc::new(tls.origination.clone());
                    wanted.checks.push((name, server.origin.clone(), tls));
                }
            }
        }
        wanted.keys = numbered(wanted.doors.iter().map(|(.., tls)| &**tls));
        wanted
    }

    fn section(&mut self, section: &Peers) {
        let own = section.own_tls.iter().map(|tls| (&section.origin, tls));
        let binds = section
            .binds
            .iter()
            .filter_map(|bind| Some((&bind.origin, bind.tls.as_ref()?)));
        for ((origin, tls), number) in own.chain(binds).zip(1..) {
            self.doors.push(((section.key(), number), origin.clone(), tls.clone()));
        }
        for peer in &section.peers {
            if let Some(tls) = &peer.tls {
                let name = (section.key(), peer.name.clone());
                self.names.push((name, peer.origin.clone(), tls.clone()));
            }
        }
    }

    fn again(loaded: &Loaded) -> Wanted {
        fn list<K: Clone, P, T>(of: &BTreeMap<K, Made<P, T>>) -> Vec<(K, Arc<str>, Arc<P>)> {
            let all = of.iter();
            all.map(|(key, made)| (key.clone(), made.origin.clone(), made.plan.clone()))
                .collect()
        }
        Wanted {
            doors: list(&loaded.listeners),
            names: list(&loaded.origins),
            checks: list(&loaded.checks),
            keys: loaded.keys.clone(),
        }
    }

    fn doors(&self, mut each: impl FnMut(&Arc<str>, &Termination)) {
        self.doors.iter().for_each(|(_, origin, tls)| each(origin, tls));
    }

    fn names(&self, mut each: impl FnMut(&Arc<str>, &Origination)) {
        let all = self.names.iter().chain(&self.checks);
        all.for_each(|(_, origin, tls)| each(origin, tls));
    }

    fn made(self, shelf: Shelf, before: &Loaded) -> Result<Loaded, Vec<LoadError>> {
        let mut errors = Vec::new();
        let (old, new) = (&before.shelf, &shelf);
        let door = |tls: &Termination| files_of_door(tls, old) == files_of_door(tls, new);
        let name = |tls: &Origination| files_of_name(tls, old) == files_of_name(tls, new);
        // What the distribution believes is nowhere among our files.
        let is_elsewhere = |trust: Option<&Trust>| trust.is_some_and(|t| t.authorities == Authorities::System);
        let is_same = |files: BTreeSet<PathBuf>| files.iter().all(|file| old.holds_same(new, file));
        let source = Source::new(new);
        let listeners = make_all(self.doors, &before.listeners, &mut errors, |tls, known| {
            let is_known =
                known && door(tls) && is_same(files_of_door(tls, new)) && !is_elsewhere(trust_of(&tls.clients));
            let keys = || make::ticket_keys(tls.ticket_keys.as_deref()?, new).err();
            match is_known {
                true => keys().map(Err),
                false => Some(make::listener(tls, &source)),
            }
        });
        let mut server = |tls: &Origination, known: bool| {
            let is_known = known && name(tls) && is_same(files_of_name(tls, new)) && !is_elsewhere(tls.trust.as_ref());
            (!is_known).then(|| make::origin(tls, &source))
        };
        let origins = make_all(self.names, &before.origins, &mut errors, &mut server);
        let checks = make_all(self.checks, &before.checks, &mut errors, &mut server);
        if !errors.is_empty() {
            return Err(once(errors));
        }
        Ok(Loaded {
            listeners,
            origins,
            checks,
            expiries: expiries(&shelf),
            keys: self.keys,
            shelf: Arc::new(shelf),
        })
    }
}

/// `make` is told whether there is one of the same plan, and answers nothing if that will do.
fn make_all<K: Ord, P: PartialEq, T>(
    wanted: Vec<(K, Arc<str>, Arc<P>)>,
    before: &BTreeMap<K, Made<P, T>>,
    errors: &mut Vec<LoadError>,
    mut make: impl FnMut(&P, bool) -> Option<Result<T, MakeError>>,
) -> BTreeMap<K, Made<P, T>> {
    let mut all = BTreeMap::new();
    for (key, origin, plan) in wanted {
        let known = before.get(&key).filter(|known| known.plan == plan);
        let thing = match (make(&plan, known.is_some()), known) {
            (None, Some(known)) => known.thing.clone(),
            (None, None) => continue,
            (Some(Ok(thing)), _) => Arc::new(thing),
            (Some(Err(why)), _) => {
                errors.push(LoadError {
                    origin,
                    why: why.into(),
                });
                continue;
            }
        };
        all.insert(key, Made { origin, plan, thing });
    }
    all
}

/// While a reload replaces one thing after the other, a server may ask by the plan before: then its name alone counts.
fn of_server(
    all: &BTreeMap<Name, Made<Origination, Origin>>,
    backend: &Arc<str>,
    server: &Arc<str>,
    plan: &Origination,
) -> Option<Arc<Origin>> {
    let named = all.get(&(backend.clone(), server.clone()));
    let is_it = |made: &&Made<Origination, Origin>| *made.plan == *plan;
    let of_backend = || {
        let begin = (backend.clone(), Arc::from(""));
        let own = all.range(begin..).take_while(|((of, _), _)| of == backend);
        own.map(|(_, made)| made)
    };
    let found = named.filter(is_it).or_else(|| of_backend().find(is_it));
    Some(found.or(named)?.thing.clone())
}

/// What is wrong with a file is said once, however many lines name it.
fn once(mut errors: Vec<LoadError>) -> Vec<LoadError> {
    let mut said = BTreeSet::new();
    errors.retain(|error| said.insert(error.why.to_string()));
    errors
}

fn expiries(shelf: &Shelf) -> Arc<[CertificateSeen]> {
    shelf.certificates.iter().filter_map(expiry).collect()
}

fn expiry((file, pieces): (&PathBuf, &Pieces)) -> Option<CertificateSeen> {
    let first = certificate::chain(&pieces.pem).into_iter().next()?;
    let facts = Facts::of(&first).ok()?;
    Some(CertificateSeen {
        file: file.display().to_string(),
        expires: facts.not_after.since_1970().as_secs(),
    })
}

fn at<E: Into<Fault>>(origin: &Arc<str>) -> impl FnOnce(E) -> LoadError + use<E> {
    let origin = origin.clone();
    |why| LoadError {
        origin,
        why: why.into(),
    }
}

fn read_for_name(shelf: &mut Shelf, tls: &Origination, outside: &Outside) -> Result<(), ReadError> {
    if let Some(file) = &tls.certificate {
        shelf.take_certificates(file, outside)?;
    }
    tls.trust.iter().try_for_each(|trust| shelf.take_trust(trust, outside))
}

fn trust_of(clients: &Clients) -> Option<&Trust> {
    match clients {
        Clients::Anyone => None,
        Clients::Asked(trust) | Clients::Known(trust) => Some(&trust.trust),
    }
}

/// But for keys for tickets, which come and go without anything else.
fn files_of_door(tls: &Termination, shelf: &Shelf) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    files.extend(files_of_clients(&tls.clients, shelf));
    for shown in &tls.certificates {
        let path = shown.path();
        files.insert(path.to_owned());
        for line in shelf.lists.get(path).iter().flat_map(|list| &list.lines) {
            files.insert(line.certificate.clone());
            if let Ok((_, clients)) = tls.of_line(line) {
                files.extend(files_of_clients(&clients, shelf));
            }
        }
    }
    files
}

fn files_of_clients(clients: &Clients, shelf: &Shelf) -> Vec<PathBuf> {
    let (Clients::Asked(trust) | Clients::Known(trust)) = clients else {
        return Vec::new();
    };
    let hidden = trust.hidden.iter().flat_map(|path| shelf.meant(path));
    hidden.chain(files_of(&trust.trust, shelf)).collect()
}

fn files_of_name(tls: &Origination, shelf: &Shelf) -> BTreeSet<PathBuf> {
    let trusted = tls.trust.iter().flat_map(|trust| files_of(trust, shelf));
    tls.certificate.iter().cloned().chain(trusted).collect()
}

fn files_of(trust: &Trust, shelf: &Shelf) -> Vec<PathBuf> {
    let mut files = match &trust.authorities {
        Authorities::Path(path) => shelf.meant(path),
        Authorities::System => Vec::new(),
    };
    files.extend(trust.revoked.clone());
    files
}

#[cfg(test)]
mod tests {
    use tandem_lb_config::NamedText;

    use super::*;

    #[test]
    fn whatever_a_server_is_called_it_is_spoken_to_as_is_configured() {
        let text = "backend be\n server a 127.0.0.1:1 check ssl verify none\n server b 127.0.0.1:1 check ssl verify none ssl-max-ver TLSv1.2\n\
                    backend bf\n server a 127.0.0.1:1 check ssl verify none ssl-min-ver TLSv1.3\n";
        let loaded = tandem_lb_config::load(&[NamedText::new("t", text)], &|_| None, None);
        let plan = loaded.plan.expect("it is whole");
        let vault = Vault::default();
        vault.replace(Loaded::read(&plan, &Loaded::default(), &Outside::Here).expect("no files"));
        let [be, bf] = [0, 1].map(|place| &plan.backends[place]);
        let found = |backend: &tandem_lb_config::Backend, name: &str, server: &tandem_lb_config::Server| {
            let (backend, name) = (&backend.name, &Arc::from(name));
            let own = server.tls.as_ref().expect("it has TLS");
            let check = server.check.as_ref().and_then(|check| check.tls.as_ref());
            let check = check.expect("and its check, too");
            let both = [
                vault.origin(backend, name, own),
                vault.check(backend, name, &check.origination),
            ];
            both.map(|origin| origin.map(|origin| Arc::as_ptr(&origin)))
        };
        let ([a, b], other) = ([0, 1].map(|place| &be.servers[place]), &bf.servers[0]);
        let own = [found(be, "a", a), found(be, "b", b)];
        assert!(own.iter().flatten().all(Option::is_some) && own[0] != own[1]);
        assert_eq!([found(be, "x", a), found(be, "y", b)], own);
        assert_eq!([found(be, "b", a), found(be, "a", b)], own, "each has the other's name");
        assert_eq!(
            found(bf, "a", a),
            found(bf, "a", other),
            "its plan may be that of before"
        );
        assert_eq!(found(bf, "x", a), [None, None], "that is another backend's");
    }
}
