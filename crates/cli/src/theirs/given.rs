//! What was given for one host: a router's file, a balancer's files, and what those name.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tandem_lb_config as balancer;
use tandem_ops::disk::Disk;
use tandem_text::keepalived::{self, Files, Statement};
use tandem_text::{Diagnostic, Renderer, Severity, SourceMap};
use tandem_vrrp_config as router;

use super::along::Along;
use super::change::Changes;
use crate::{check, file};

pub struct Given {
    /// The option, or the file, that named it: for messages.
    which: String,
    pub router: (String, Vec<u8>),
    pub balancer: Vec<balancer::NamedText>,
    pub along: RefCell<Along>,
    /// What `@id` lines of the router's file are held against.
    id: String,
    /// Includes that were not given are read from this machine: none was given.
    has_disk: bool,
    /// Those that were.
    read: RefCell<BTreeSet<String>>,
    /// Those that are not there.
    missed: RefCell<BTreeSet<String>>,
}

/// Whose files there must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Daemons {
    Both,
    Router,
}

impl Given {
    /// `which` is the option, or the file, that names it.
    pub fn read(which: &str, files: &[PathBuf], id: &str, daemons: Daemons) -> anyhow::Result<Given> {
        let mut routers = Vec::new();
        let mut balancer = Vec::new();
        let mut along = Along::default();
        for path in files {
            let (name, bytes) = file::read(path)?;
            if check::is_routers(&bytes) && !is_script(&bytes) {
                routers.push((name, bytes));
            } else if is_balancers(&bytes) {
                is_text(&name, &bytes)?;
                balancer.push(balancer::NamedText::new(name, bytes));
            } else {
                along.bring(&name, bytes);
            }
        }
        match daemons {
            Daemons::Router if routers.is_empty() => bail!(
                "{which} is no router's file: `tandem plan` wants two keepalived.conf or their TOML forms, \
                 or all files of a host after --config-a and --config-b"
            ),
            Daemons::Both if balancer.is_empty() => bail!(
                "{which}: none of the files is a balancer's (haproxy.cfg or its TOML form): it takes those of both daemons of a host"
            ),
            Daemons::Both if routers.is_empty() => bail!(
                "{which}: none of the files is a router's (keepalived.conf or its TOML form): it takes those of both daemons of a host"
            ),
            Daemons::Both | Daemons::Router => {}
        }
        let main = main_of(which, &routers, &along, id)?;
        let router = routers.swap_remove(main);
        routers.into_iter().for_each(|(name, bytes)| along.bring(&name, bytes));
        let mut given = Given {
            which: which.to_owned(),
            router,
            balancer,
            along: RefCell::new(along),
            id: id.to_owned(),
            has_disk: false,
            read: RefCell::default(),
            missed: RefCell::default(),
        };
        given.router_statements();
        given.has_disk = given.read.take().is_empty();
        let missed = given.missed.take();
        if let Some(missed) = missed.first().filter(|_| !given.has_disk) {
            bail!(
                "{}: it includes {missed}, which was not given though others were",
                given.router.0
            );
        }
        Ok(given)
    }

    pub fn router_plan(&self, warnings: &mut BTreeSet<String>) -> anyhow::Result<router::Plan> {
        let (name, bytes) = &self.router;
        let loaded = self.on_machine(|machine| router::load(name, bytes.clone(), machine, None));
        mistakes(&loaded.diagnostics, &loaded.sources, warnings)?;
        loaded.plan.with_context(|| format!("{name} cannot be used"))
    }

    /// Of a text that takes the place of this host's file.
    pub fn mapped_plan(&self, text: &str) -> anyhow::Result<router::Plan> {
        let name = format!("{}, as the lab has it", self.router.0);
        let loaded = self.on_machine(|machine| router::load(&name, text.as_bytes(), machine, None));
        mistakes(&loaded.diagnostics, &loaded.sources, &mut BTreeSet::new())?;
        loaded.plan.with_context(|| format!("{name} cannot be used"))
    }

    pub fn router_statements(&self) -> (Vec<Statement>, SourceMap) {
        let (name, bytes) = &self.router;
        self.on_machine(|machine| router::statements(name, bytes.clone(), machine))
    }

    /// A line for a host that is neither of the two would be left out in silence.
    pub fn knows_only(&self, hosts: &[&str; 2]) -> anyhow::Result<()> {
        let strange = self.ids().into_iter().find(|(id, _)| !hosts.contains(&id.as_str()));
        if let Some((id, place)) = strange {
            let [a, b] = hosts;
            bail!(
                "{place}: `@{id}` is neither of the two hosts ({a}, {b}): --id-a and --id-b say what they are called"
            );
        }
        Ok(())
    }

    /// What this host's router's files say only to a host that is neither of the two: which would be left out in silence.
    fn ids(&self) -> BTreeMap<String, String> {
        let (_, sources) = self.router_statements();
        if router::Dialect::recognise(&self.router.1) == router::Dialect::Toml {
            return BTreeMap::new();
        }
        let mut ids = BTreeMap::new();
        for source in sources.iter() {
            let text = String::from_utf8_lossy(source.bytes());
            for (line, number) in text.lines().zip(1..) {
                let condition = line.trim_start().strip_prefix('@');
                let Some(word) = condition.and_then(|rest| rest.split_whitespace().next()) else {
                    continue;
                };
                let id = word.trim_start_matches('^').to_owned();
                ids.entry(id).or_insert_with(|| format!("{}:{number}", source.name()));
            }
        }
        ids
    }

    /// Reads the balancer's files as they are.
    pub fn in_world<T>(&self, read: impl FnOnce(balancer::World<'_>) -> T) -> T {
        let lists = Disk::for_lists();
        let env = |name: &str| std::env::var(name).ok();
        let file = |path: &str| {
            let mut along = self.along.borrow_mut();
            match along.paper(path).or_else(|| along.bytes_of(path)) {
                Some(bytes) => Ok(bytes),
                None => lists.read_file(path).map_err(|why| why.to_string()),
            }
        };
        read(balancer::World::new(&env, &file))
    }

    /// Of texts that take the place of this host's files.
    pub fn balancer_plan(
        &self,
        texts: &[balancer::NamedText],
        warnings: &mut BTreeSet<String>,
    ) -> anyhow::Result<balancer::Plan> {
        let loaded = self.in_world(|world| balancer::load_in(texts, world, None));
        mistakes(&loaded.diagnostics, &loaded.sources, warnings)?;
        loaded.plan.context("the balancer's files cannot be used")
    }

    /// A path may mean one of the given files, and one of those one path. Asked when all has been read.
    pub fn is_clear(&self) -> anyhow::Result<()> {
        let along = self.along.borrow();
        if !along.unclear.is_empty() {
            bail!("{}: {}", self.which, along.unclear.join("; "));
        }
        Ok(())
    }

    pub fn is_all_named(&self) -> anyhow::Result<()> {
        let along = self.along.borrow();
        let unused: Vec<&str> = along.unused().collect();
        if !unused.is_empty() {
            bail!(
                "{}: nothing names {}: leave it out, or mend the name",
                self.which,
                unused.join(", ")
            );
        }
        Ok(())
    }

    /// What came from elsewhere.
    pub fn note_includes(&self, changes: &mut Changes) {
        let from_disk = self.read.borrow();
        for path in from_disk.iter().filter(|_| self.has_disk) {
            changes.note(
                path,
                "include",
                Some("this machine's file"),
                "no included file was given",
            );
        }
    }

    /// What its checks call the daemons of their host: where nothing asks for ours, those that ours take the place of.
    pub fn called(&self) -> [&'static str; 2] {
        let (statements, sources) = self.router_statements();
        let mut texts = super::router::checks(&statements, &sources);
        let of_machine: Vec<String> = texts
            .iter()
            .filter_map(|command| self.script_of_machine(command))
            .collect();
        texts.extend(of_machine);
        let along = self.along.borrow();
        texts.extend(
            along
                .scripts()
                .map(|(_, text)| String::from_utf8_lossy(text).into_owned()),
        );
        let of = |ours, theirs| {
            if texts.iter().any(|text| asks_for(text, ours)) {
                ours
            } else {
                theirs
            }
        };
        [of("tandem-lb", "haproxy"), of("tandem-vrrp", "keepalived")]
    }

    /// What a command runs, where that was not given.
    fn script_of_machine(&self, command: &str) -> Option<String> {
        let path = Path::new(super::router::program(command)?);
        let bytes = path.is_file().then(|| Disk::new().read_file(path).ok()).flatten()?;
        is_script(&bytes).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn on_machine<T>(&self, read: impl FnOnce(&router::Machine<'_>) -> T) -> T {
        let files = Included {
            along: &self.along,
            disk: self.has_disk.then(Disk::new),
            read: &self.read,
            missed: &self.missed,
        };
        on_host(&self.id, &files, read)
    }
}

fn on_host<T>(id: &str, files: &dyn Files, read: impl FnOnce(&router::Machine<'_>) -> T) -> T {
    read(&router::Machine::new(keepalived::Context {
        files,
        env: &|name| std::env::var(name).ok(),
        config_id: id,
        seed: 0,
    }))
}

/// Of several router's files the one that no other includes.
fn main_of(which: &str, routers: &[(String, Vec<u8>)], along: &Along, id: &str) -> anyhow::Result<usize> {
    let mut included = BTreeSet::new();
    for (number, (name, bytes)) in routers.iter().enumerate() {
        let mut all = along.clone();
        let others = routers.iter().enumerate().filter(|(other, _)| *other != number);
        others.for_each(|(_, (name, bytes))| all.bring(name, bytes.clone()));
        let files = Included {
            along: &RefCell::new(all),
            disk: None,
            read: &RefCell::default(),
            missed: &RefCell::default(),
        };
        on_host(id, &files, |machine| router::statements(name, bytes.clone(), machine));
        included.extend(files.along.borrow().used().map(str::to_owned));
    }
    let mut main = (0..routers.len()).filter(|number| !included.contains(&routers[*number].0));
    let first = main
        .next()
        .with_context(|| format!("{which}: the router's files include each other"))?;
    if let Some(other) = main.next() {
        let [one, other] = [first, other].map(|number| &routers[number].0);
        bail!("{which}: {one} and {other} are both a router's, and neither includes the other: give one of them");
    }
    Ok(first)
}

/// Included files: those that were given, or else this machine's.
struct Included<'a> {
    along: &'a RefCell<Along>,
    disk: Option<Disk>,
    read: &'a RefCell<BTreeSet<String>>,
    missed: &'a RefCell<BTreeSet<String>>,
}

impl Files for Included<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if let Some(bytes) = self.along.borrow_mut().bytes_of(path) {
            if self.disk.is_none() {
                self.read.borrow_mut().insert(path.to_owned());
            }
            return Ok(bytes);
        }
        let found = match &self.disk {
            Some(disk) => Files::read(disk, path),
            None => Err("it was not given".into()),
        };
        let noted = if found.is_ok() { self.read } else { self.missed };
        noted.borrow_mut().insert(path.to_owned());
        found
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let mut all: BTreeSet<String> = self.along.borrow().names_in(directory).collect();
        if let Some(disk) = &self.disk {
            all.extend(disk.list(directory));
        }
        all.into_iter().collect()
    }
}

/// Whether a program of this name, or its unit, is a word of it; in what a `#` begins nothing is.
fn asks_for(text: &str, program: &str) -> bool {
    let is_of_word = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    let is_it = |word: &str| {
        let name = word.rsplit('/').next().unwrap_or_default();
        name.strip_suffix(".service").unwrap_or(name) == program
    };
    let spoken = |line: &'_ str| -> usize {
        let begins = |at: &usize| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
        let comment = line.match_indices('#').map(|(at, _)| at).find(begins);
        comment.unwrap_or(line.len())
    };
    text.lines()
        .map(|line| &line[..spoken(line)])
        .flat_map(|line| line.split(|c| !is_of_word(c)))
        .any(is_it)
}

fn is_script(bytes: &[u8]) -> bool {
    bytes.starts_with(b"#!")
}

/// What is changed in a file is text, and the rest of it must come out as it went in.
fn is_text(name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let Err(why) = std::str::from_utf8(bytes) else {
        return Ok(());
    };
    let before = &bytes[..why.valid_up_to()];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    bail!("{name}:{line}: this is no UTF-8, and a rehearsal would change it");
}

/// By the sections or tables that every balancer's file has one of.
fn is_balancers(bytes: &[u8]) -> bool {
    if is_script(bytes) {
        return false;
    }
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.any(|line| {
        let first = line
            .trim_matches(['[', ']'])
            .split([' ', '\t', '.'])
            .next()
            .unwrap_or_default();
        balancer::opens_section(first)
    })
}

/// All of them: errors end it, the others are kept.
fn mistakes(found: &[Diagnostic], sources: &SourceMap, warnings: &mut BTreeSet<String>) -> anyhow::Result<()> {
    let renderer = Renderer::new(sources);
    let of = |severity| {
        let those = found.iter().filter(move |diagnostic| diagnostic.severity == severity);
        those.map(|diagnostic| renderer.render(diagnostic).trim_end().to_owned())
    };
    let errors: Vec<String> = of(Severity::Error).collect();
    if !errors.is_empty() {
        bail!("{}", errors.join("\n"));
    }
    warnings.extend(of(Severity::Warning));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BALANCER: &str = "global\n    maxconn 100\n";

    /// In a folder of its own, which is gone in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn with(name: &str, files: &[(&str, &str)]) -> Folder {
            let folder = Folder(std::env::temp_dir().join(format!("tandem-given-{name}-{}", std::process::id())));
            for (path, text) in files.iter().chain(&[("h.cfg", BALANCER)]) {
                let path = folder.0.join(path);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("the temporary folder is writable");
                std::fs::write(path, text).expect("the temporary folder is writable");
            }
            folder
        }

        fn read(&self, files: &[&str]) -> anyhow::Result<Given> {
            let files: Vec<PathBuf> = files.iter().chain(&["h.cfg"]).map(|file| self.0.join(file)).collect();
            Given::read("--config-a", &files, "lb1", Daemons::Both)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }

    fn refusal(given: anyhow::Result<Given>) -> String {
        let settled = given.and_then(|given| given.is_clear().and_then(|()| given.is_all_named()));
        settled.expect_err("it is refused").to_string()
    }

    #[test]
    fn the_file_that_no_other_includes_is_the_one() {
        let folder = Folder::with(
            "main",
            &[
                ("conf.d/v.conf", "vrrp_instance V {\n priority 9\n}\n"),
                ("k.conf", "global_defs {\n}\ninclude /etc/keepalived/conf.d/*.conf\n"),
            ],
        );
        let given = folder.read(&["conf.d/v.conf", "k.conf"]).expect("it is clear");
        assert!(given.router.0.ends_with("k.conf"));
        let words: Vec<String> = given
            .router_statements()
            .0
            .iter()
            .map(|one| one.keyword().text.clone())
            .collect();
        assert_eq!(words, ["global_defs", "vrrp_instance"], "once");
        assert!(given.is_clear().and_then(|()| given.is_all_named()).is_ok());
    }

    #[test]
    fn what_nothing_names_and_what_is_not_clear_is_refused() {
        let folder = Folder::with(
            "vain",
            &[
                ("a.conf", "vrrp_instance V {\n}\n"),
                ("b.conf", "vrrp_instance W {\n}\n"),
                ("chk.sh", "#!/bin/sh\n"),
            ],
        );
        assert!(refusal(folder.read(&["a.conf", "b.conf"])).contains("neither includes the other"));
        assert!(refusal(folder.read(&["a.conf", "chk.sh"])).contains("nothing names "));
    }

    #[test]
    fn where_some_includes_were_given_this_machine_is_not_asked() {
        let folder = Folder::with(
            "half",
            &[
                ("k.conf", "global_defs {\n}\ninclude x/one.conf\ninclude x/two.conf\n"),
                ("x/one.conf", "vrrp_instance V {\n}\n"),
                ("x/two.conf", "vrrp_instance W {\n}\n"),
            ],
        );
        assert!(refusal(folder.read(&["k.conf", "x/one.conf"])).contains("two.conf, which was not given"));
        let given = folder.read(&["k.conf"]).expect("from this machine");
        assert_eq!(given.router_statements().0.len(), 3);
        let mut changes = Changes::default();
        given.is_all_named().expect("all is used");
        given.note_includes(&mut changes);
        assert_eq!(changes.into_inner().len(), 2, "both are listed");
    }

    #[test]
    fn lines_of_one_host_are_told() {
        let folder = Folder::with(
            "ids",
            &[("k.conf", "vrrp_instance V {\n@lb1 priority 150\n  @^x priority 1\n}\n")],
        );
        let given = folder.read(&["k.conf"]).expect("a router's file");
        let ids: Vec<(String, bool)> = given
            .ids()
            .into_iter()
            .map(|(id, at)| (id, at.ends_with("k.conf:2")))
            .collect();
        assert_eq!(ids, [("lb1".into(), true), ("x".into(), false)]);
        let text = format!("{:?}", given.router_statements().0);
        assert!(text.contains("150"), "{text}");
    }

    #[test]
    fn what_a_check_asks_for_is_what_the_daemons_are_called() {
        let check = |command: &str| format!("vrrp_script c {{\n script \"{command}\"\n}}\n");
        let folder = Folder::with(
            "called",
            &[
                ("plain.conf", &check("killall -0 haproxy")),
                ("ours.conf", &check("/usr/bin/killall -0 tandem-lb")),
                (
                    "process.conf",
                    "vrrp_track_process p {\n process /usr/sbin/tandem-vrrp\n}\n",
                ),
                (
                    "socket.conf",
                    &format!(
                        "track_lb l {{\n socket /run/tandem-lb/lb.sock\n}}\n# tandem-lb\n{}",
                        check("killall -0 haproxy")
                    ),
                ),
                ("main.conf", "global_defs {\n}\ninclude conf.d/check.conf\n"),
                ("conf.d/check.conf", &check("killall -0 tandem-lb")),
                ("script.conf", &check("/etc/keepalived/check.sh")),
                (
                    "check.sh",
                    "#!/bin/sh\nsystemctl is-active tandem-lb.service # and not tandem-vrrp\n",
                ),
            ],
        );
        let theirs = ["haproxy", "keepalived"];
        let ours = ["tandem-lb", "keepalived"];
        for (files, called) in [
            (&["plain.conf"][..], theirs),
            (&["ours.conf"], ours),
            (&["process.conf"], ["haproxy", "tandem-vrrp"]),
            (&["socket.conf"], theirs),
            (&["main.conf", "conf.d/check.conf"], ours),
            (&["main.conf"], ours),
            (&["script.conf", "check.sh"], ours),
        ] {
            assert_eq!(folder.read(files).expect("it is clear").called(), called, "{files:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_line() {
        let why = is_text("h.cfg", b"global\n  description \xe4\n")
            .expect_err("Latin-1")
            .to_string();
        assert!(why.starts_with("h.cfg:2: "), "{why}");
    }
}
