//! What `cargo metadata` says, reduced to what the rules ask.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Metadata {
    pub packages: Vec<Package>,
    pub workspace_members: Vec<String>,
    pub workspace_root: PathBuf,
    pub target_directory: PathBuf,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
pub struct Package {
    pub id: String,
    pub name: String,
    pub version: String,
    pub license: Option<String>,
    dependencies: Vec<Dependency>,
    pub targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Target {
    pub name: String,
    pub kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDependency>,
}

#[derive(Debug, Deserialize)]
struct NodeDependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Debug, Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

/// A member of the workspace and what it depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    /// Named in its manifest, to be linked into it or its build script.
    pub direct: BTreeSet<String>,
    /// Named in its manifest, for its tests only.
    pub for_tests: BTreeSet<String>,
    /// Linked into it, however far away.
    pub reached: BTreeSet<String>,
}

impl Metadata {
    /// Of the workspace around the current directory, for the machine that asks.
    pub fn load() -> Result<Metadata> {
        let platform = host_platform()?;
        let output = Command::new(cargo())
            .args([
                "metadata",
                "--locked",
                "--format-version",
                "1",
                "--filter-platform",
                &platform,
            ])
            .output()
            .context("cannot run cargo")?;
        if !output.status.success() {
            bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).context("cargo metadata printed something unexpected")
    }

    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|p| self.workspace_members.contains(&p.id))
    }

    pub fn has_member(&self, name: &str) -> bool {
        self.members().any(|p| p.name == name)
    }

    pub fn version_of(&self, name: &str) -> Option<&str> {
        self.members().find(|p| p.name == name).map(|p| p.version.as_str())
    }

    /// The members and their arrows, in the order of their names.
    pub fn graph(&self) -> Vec<Member> {
        let mut graph: Vec<Member> = self.members().map(|p| self.member(p)).collect();
        graph.sort_by(|a, b| a.name.cmp(&b.name));
        graph
    }

    fn member(&self, package: &Package) -> Member {
        let named = |for_tests: bool| {
            let wanted = package
                .dependencies
                .iter()
                .filter(|d| (d.kind.as_deref() == Some("dev")) == for_tests);
            wanted.map(|d| d.name.clone()).collect()
        };
        Member {
            name: package.name.clone(),
            direct: named(false),
            for_tests: named(true),
            reached: self.reached(&package.id),
        }
    }

    fn reached(&self, from: &str) -> BTreeSet<String> {
        let nodes: BTreeMap<&str, &Node> = self.resolve.nodes.iter().map(|n| (n.id.as_str(), n)).collect();
        let names: BTreeMap<&str, &str> = self.packages.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect();
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(node) = open.pop().and_then(|id| nodes.get(id)) {
            let linked = node
                .deps
                .iter()
                .filter(|d| d.dep_kinds.iter().any(|k| k.kind.is_none()));
            open.extend(linked.map(|d| d.pkg.as_str()).filter(|id| seen.insert(*id)));
        }
        seen.into_iter()
            .filter_map(|id| names.get(id))
            .map(|name| (*name).to_owned())
            .collect()
    }
}

impl Package {
    pub fn targets_of(&self, kind: &str) -> impl Iterator<Item = &str> {
        self.targets
            .iter()
            .filter(move |t| t.kind.iter().any(|k| k == kind))
            .map(|t| t.name.as_str())
    }
}

/// The cargo that runs us, so that a toolchain chosen on the command line stays chosen.
pub fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

pub fn host_platform() -> Result<String> {
    let output = Command::new(cargo()).arg("-vV").output().context("cannot run cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("cargo -vV names no host")
}
