//! What was given for one host: a router's file, a balancer's files, and what those name.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tandem_lb_config as balancer;
use tandem_ops::disk::Disk;
use tandem_text::keepalived::Files;
use tandem_text::{Diagnostic, Renderer, SourceMap};
use tandem_vrrp_config as router;

use super::along::Along;
use crate::{check, file};

pub struct Given {
    pub router: (String, Vec<u8>),
    pub balancer: Vec<(String, Vec<u8>)>,
    pub along: Along,
    /// By their own names, for those who include them.
    others: Vec<(String, Vec<u8>)>,
}

impl Given {
    /// `which` is the option's name, for messages.
    pub fn read(which: &str, files: &[PathBuf]) -> anyhow::Result<Given> {
        let mut routers = Vec::new();
        let mut balancer = Vec::new();
        let mut along = Along::new();
        let mut others = Vec::new();
        for path in files {
            let (name, bytes) = file::read(path)?;
            if check::is_routers(&bytes) && !is_script(&bytes) {
                routers.push((name, bytes));
            } else if is_balancers(&bytes) {
                balancer.push((name, bytes));
            } else {
                let own = base_name(path);
                along.bring(&own, bytes.clone());
                others.push((own, bytes));
            }
        }
        if balancer.is_empty() {
            bail!(
                "{which}: none of the files is a balancer's (haproxy.cfg or its TOML form): both daemons of a host are rehearsed"
            );
        }
        // What another one includes is no router's file of its own.
        if routers.len() > 1 {
            for (name, bytes) in routers.split_off(1) {
                others.push((base_name(Path::new(&name)), bytes));
            }
        }
        let router = routers.pop().with_context(|| {
            format!("{which}: none of the files is a router's (keepalived.conf or its TOML form): both daemons of a host are rehearsed")
        })?;
        Ok(Given {
            router,
            balancer,
            along,
            others,
        })
    }

    pub fn router_plan(&self) -> anyhow::Result<router::Plan> {
        let (name, bytes) = &self.router;
        let loaded = self.on_machine(|machine| router::load(name, bytes.clone(), machine, None));
        first_mistake(&loaded.diagnostics, &loaded.sources)?;
        loaded.plan.with_context(|| format!("{name} cannot be used"))
    }

    pub fn router_statements(&self) -> (Vec<tandem_text::keepalived::Statement>, SourceMap) {
        let (name, bytes) = &self.router;
        self.on_machine(|machine| router::statements(name, bytes.clone(), machine))
    }

    /// Of texts that take the place of this host's files.
    pub fn balancer_plan(&self, texts: &[(String, String)]) -> anyhow::Result<balancer::Plan> {
        let texts: Vec<balancer::NamedText> = texts
            .iter()
            .map(|(name, text)| balancer::NamedText::new(name.as_str(), text.as_bytes()))
            .collect();
        let lists = Disk::for_lists();
        let env = |name: &str| std::env::var(name).ok();
        let file = |path: &str| match self.other(path) {
            Some(bytes) => Ok(bytes.to_vec()),
            None => lists.read_file(path).map_err(|why| why.to_string()),
        };
        let loaded = balancer::load_in(&texts, balancer::World::new(&env, &file), None);
        first_mistake(&loaded.diagnostics, &loaded.sources)?;
        loaded.plan.context("the balancer's files cannot be used")
    }

    fn on_machine<T>(&self, read: impl FnOnce(&router::Machine<'_>) -> T) -> T {
        let disk = Disk::new();
        let files = Included {
            given: self,
            disk: &disk,
        };
        check::on_this_machine(|machine| {
            let context = tandem_text::keepalived::Context {
                files: &files,
                ..machine.context
            };
            read(&router::Machine { context, ..*machine })
        })
    }

    fn other(&self, path: &str) -> Option<&[u8]> {
        let name = base_name(Path::new(path));
        let found = self.others.iter().find(|(other, _)| *other == name);
        found.map(|(_, bytes)| bytes.as_slice())
    }
}

/// Included files: those that were given come first.
struct Included<'a> {
    given: &'a Given,
    disk: &'a Disk,
}

impl Files for Included<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match self.given.other(path) {
            Some(bytes) => Ok(bytes.to_vec()),
            None => Files::read(self.disk, path),
        }
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let mut all = self.disk.list(directory);
        all.extend(self.given.others.iter().map(|(name, _)| name.clone()));
        all
    }
}

fn base_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_script(bytes: &[u8]) -> bool {
    bytes.starts_with(b"#!")
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

fn first_mistake(diagnostics: &[Diagnostic], sources: &SourceMap) -> anyhow::Result<()> {
    if let Some(mistake) = diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        bail!("{}", Renderer::new(sources).render(mistake).trim_end());
    }
    Ok(())
}
