//! `cargo xtask deb`: the packages that two bare hosts are given. A folder is laid out as it shall be on the host, and
//! `dpkg-deb` makes a file of it; what goes where is the table in [`package`].

mod package;
mod scripts;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::metadata::{Metadata, cargo};
use package::{Glibc, PACKAGES, Package, Program};

#[derive(Args)]
pub struct Arguments {
    /// Packages for trying, of the programs that lie in this folder: nothing is built and nothing compressed
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// Where the packages go; target/deb if not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let metadata = Metadata::load()?;
    let built = match &arguments.programs {
        Some(folder) => folder.clone(),
        None => build(&metadata)?,
    };
    let press = Press {
        root: metadata.workspace_root.clone(),
        built,
        out: arguments
            .out
            .clone()
            .unwrap_or_else(|| metadata.target_directory.join("deb")),
        version: metadata
            .version_of("tandem-lb")
            .context("tandem-lb has no version")?
            .to_owned(),
        architecture: said(Command::new("dpkg").arg("--print-architecture"))?,
        pressure: if arguments.programs.is_some() { "-Znone" } else { "-Zxz" },
    };
    for package in PACKAGES {
        let file = press.make(package)?;
        writeln!(std::io::stdout().lock(), "{}", file.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder of what is shipped, freshly built.
fn build(metadata: &Metadata) -> Result<PathBuf> {
    let mut build = Command::new(cargo());
    build.args(["build", "--locked", "--release"]);
    build.current_dir(&metadata.workspace_root);
    for package in ["tandem-lb", "tandem-vrrp", "tandem-mq", "tandem-cli"] {
        build.args(["--package", package]);
    }
    if !build.status().context("cannot run cargo build")?.success() {
        bail!("cargo build has failed");
    }
    Ok(metadata.target_directory.join("release"))
}

/// Where things come from, and where the packages go.
struct Press {
    root: PathBuf,
    built: PathBuf,
    out: PathBuf,
    version: String,
    architecture: String,
    /// dpkg-deb's option for how small the packages become.
    pressure: &'static str,
}

impl Press {
    fn make(&self, package: &Package) -> Result<PathBuf> {
        let stage = self.out.join("stage").join(package.name);
        clear(&stage)?;
        for program in package.programs {
            self.program(program, package, &stage)?;
        }
        for (link, to) in package.links {
            let link = stage.join(link);
            folder_of(&link)?;
            symlink(to, &link).with_context(|| link.display().to_string())?;
        }
        for (from, to) in package.files {
            self.file(from, &stage.join(to).join(file_name(from)))?;
        }
        let doc = stage.join("usr/share/doc").join(package.name);
        place(&doc.join("copyright"), package::COPYRIGHT.as_bytes(), 0o644)?;
        for example in package.examples {
            self.file(example, &doc.join("examples").join(example.trim_start_matches("etc/")))?;
        }
        self.control(package, &stage)?;
        let file = self
            .out
            .join(format!("{}_{}_{}.deb", package.name, self.version, self.architecture));
        let mut pack = Command::new("dpkg-deb");
        pack.args(["--root-owner-group", self.pressure, "--build"])
            .args([&stage, &file]);
        said(&mut pack)?;
        clear(&stage)?;
        Ok(file)
    }

    /// The program without what only a debugger reads, its manual pages and its completions.
    fn program(&self, program: &Program, package: &Package, stage: &Path) -> Result<()> {
        let built = self.built.join(program.name);
        let installed = stage.join(program.folder).join(program.name);
        folder_of(&installed)?;
        said(
            Command::new("strip")
                .arg("--strip-debug")
                .arg("-o")
                .args([&installed, &built]),
        )?;
        fs::set_permissions(&installed, Permissions::from_mode(0o755))?;
        if program.generate.is_empty() {
            return Ok(());
        }
        let generated = self.out.join("generated").join(package.name);
        // Of a program that had more commands, pages would be left.
        clear(&generated)?;
        said(Command::new(&built).args(program.generate).arg(&generated))?;
        for (from, to) in [
            ("bash", "usr/share/bash-completion/completions"),
            ("zsh", "usr/share/zsh/vendor-completions"),
            ("fish", "usr/share/fish/vendor_completions.d"),
        ] {
            for file in listed(&generated.join(from))? {
                // bash looks for the command's own name.
                let name = file_name(&file);
                let name = name.strip_suffix(".bash").unwrap_or(name);
                place(&stage.join(to).join(name), &fs::read(&file)?, 0o644)?;
            }
        }
        for page in listed(&generated.join("man"))? {
            let chapter = page
                .extension()
                .and_then(OsStr::to_str)
                .context("a page has a chapter")?;
            let to = stage.join(format!("usr/share/man/man{chapter}")).join(file_name(&page));
            place(&to, &fs::read(&page)?, 0o644)?;
            said(Command::new("gzip").args(["-9nf"]).arg(&to))?;
        }
        clear(&generated)
    }

    fn file(&self, from: &str, to: &Path) -> Result<()> {
        let content = fs::read(self.root.join(from)).with_context(|| from.to_owned())?;
        place(to, &content, 0o644)
    }

    fn glibc(&self, package: &Package) -> Result<Option<Glibc>> {
        let mut newest = None;
        for program in package.programs {
            let mut ask = Command::new("readelf");
            ask.env("LC_ALL", "C")
                .arg("--version-info")
                .arg(self.built.join(program.name));
            newest = newest.max(Glibc::read(&said(&mut ask)?));
        }
        Ok(newest)
    }

    fn control(&self, package: &Package, stage: &Path) -> Result<()> {
        let folder = stage.join("DEBIAN");
        let kibibytes = size_of(stage)?.div_ceil(1024);
        let depends = package.depends(self.glibc(package)?);
        let fields = [("Depends", depends.as_str())]
            .into_iter()
            .chain(package.relations.iter().copied());
        let relations: String = fields.map(|(field, value)| format!("{field}: {value}\n")).collect();
        let control = format!(
            "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: {}\nInstalled-Size: {kibibytes}\nSection: net\n\
             Priority: optional\n{relations}Description: {}\n {}\n",
            package.name,
            self.version,
            self.architecture,
            package::MAINTAINER,
            package.title,
            package.description
        );
        place(&folder.join("control"), control.as_bytes(), 0o644)?;
        for (name, text) in scripts::of(package) {
            place(&folder.join(name), text.as_bytes(), 0o755)?;
        }
        Ok(())
    }
}

fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok(())
}

fn place(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    folder_of(path)?;
    fs::write(path, content).with_context(|| path.display().to_string())?;
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(())
}

/// Makes the folder that a path lies in, readable for everybody whatever the umask is.
fn folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().context("no folder")?;
    if folder.is_dir() {
        return Ok(());
    }
    folder_of(folder)?;
    fs::create_dir(folder).with_context(|| folder.display().to_string())?;
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    Ok(())
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

fn size_of(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for path in listed(folder)? {
        let what = fs::symlink_metadata(&path)?;
        sum += if what.is_dir() { size_of(&path)? } else { what.len() };
    }
    Ok(sum)
}

fn file_name(path: &(impl AsRef<Path> + ?Sized)) -> &str {
    path.as_ref().file_name().and_then(OsStr::to_str).unwrap_or_default()
}

/// What a command wrote, or why it failed.
fn said(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        bail!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
