//! The files that state is read from.

use std::cell::LazyCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tandem_lb_config::{Plan, ServerStates, StateFiles};
use tandem_lb_core::snapshot::Snapshot;
use tandem_lb_core::snapshot::stats_file::StatsFile;
use tandem_ops::clock::Wall;
use tandem_ops::safe_file::SafeFile;

use super::{Archive, Last};

/// The folder that systemd made for us (`StateDirectory=`), and the file's name there.
const FOLDER: &str = "STATE_DIRECTORY";
const NAME: &str = "tandem-lb.state";

/// Older than that, what a server did says nothing any more; it also keeps a wrong clock from mattering.
const OLDEST: Duration = Duration::from_secs(365 * 86_400);

/// `None` when nobody asked for one, or it cannot be.
pub(super) fn archive(settings: &StateFiles) -> Option<Archive> {
    let path = settings.own.clone().or_else(usual)?;
    match SafeFile::at(&path) {
        Ok(file) => Some(Archive {
            file,
            every: settings.every,
            last: Last::default(),
        }),
        Err(error) => {
            tracing::warn!("{}: the state cannot be kept: {error}", path.display());
            None
        }
    }
}

/// systemd separates several folders by colons.
fn usual() -> Option<PathBuf> {
    let folders = std::env::var(FOLDER).ok()?;
    let first = folders.split(':').next().filter(|folder| !folder.is_empty())?;
    Some(Path::new(first).join(NAME))
}

/// As old as it is now.
pub(super) fn own(file: &mut SafeFile) -> Snapshot {
    let found = file.load(Snapshot::from_bytes);
    for bad in &found.unusable {
        tracing::warn!("{}: {}", bad.path.display(), bad.why);
    }
    let snapshot = found.value.unwrap_or_default();
    let age = age(&snapshot);
    snapshot.aged(age)
}

fn age(snapshot: &Snapshot) -> Duration {
    let now = u64::try_from(Wall::now().as_millis()).unwrap_or(0);
    Duration::from_millis(now.saturating_sub(snapshot.taken)).min(OLDEST)
}

/// What HAProxy's files say about the backends that want to know.
pub(super) fn servers(plan: &Plan) -> Snapshot {
    let settings = &plan.global.state;
    let mut all = Snapshot::default();
    let global = || settings.servers.as_deref().map(|name| server_state(settings, name));
    let global = LazyCell::new(global);
    for backend in &plan.backends {
        let states = match &backend.server_states {
            ServerStates::None => continue,
            ServerStates::Global => (*global).clone(),
            ServerStates::Local(name) => {
                let own = name.clone().unwrap_or_else(|| PathBuf::from(&*backend.name));
                Some(server_state(settings, &own))
            }
        };
        let found = states.unwrap_or_default();
        all.backends.extend(found.backend(&backend.name).cloned());
    }
    all
}

fn server_state(settings: &StateFiles, name: &Path) -> Snapshot {
    let path = settings.servers_base.as_deref().unwrap_or(Path::new("")).join(name);
    let Some(text) = text(&path) else {
        return Snapshot::default();
    };
    match Snapshot::from_server_state(&text) {
        Ok((snapshot, wrong)) => {
            for line in wrong {
                tracing::warn!("{}:{line}: this line is no server's state", path.display());
            }
            snapshot
        }
        Err(error) => {
            tracing::warn!("{}: {error}: no server's state is taken from it", path.display());
            Snapshot::default()
        }
    }
}

pub(super) fn stats(path: Option<&Path>) -> StatsFile {
    let Some((path, text)) = path.and_then(|path| Some((path, text(path)?))) else {
        return StatsFile::default();
    };
    if !StatsFile::is_one(&text) {
        tracing::warn!("{}: this is no stats-file: no counter is taken from it", path.display());
    }
    StatsFile::read(&text)
}

fn text(path: &Path) -> Option<String> {
    match fs::read(path) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            tracing::warn!("{}: {error}: starting without it", path.display());
            None
        }
    }
}
