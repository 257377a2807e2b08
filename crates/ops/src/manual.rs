//! A program's manual pages and its completions for shells, made of its own command line, so that they cannot differ from it.
//!
//! Packages are built with them: `PROGRAM --generate DIR` writes what `cargo xtask deb` puts into place.

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// The chapter of the manual: what people run, or what administrators let run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chapter {
    Commands,
    Daemons,
}

impl Chapter {
    fn number(self) -> &'static str {
        match self {
            Chapter::Commands => "1",
            Chapter::Daemons => "8",
        }
    }
}

/// Writes `man/NAME.N`, a page for each subcommand, and `bash/`, `zsh/` and `fish/` into `folder`.
pub fn write(mut command: Command, chapter: Chapter, folder: &Path) -> io::Result<()> {
    for (shell, name) in [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")] {
        let folder = folder.join(name);
        fs::create_dir_all(&folder)?;
        let program = command.get_name().to_owned();
        clap_complete::generate_to(shell, &mut command, program, folder)?;
    }
    let folder = folder.join("man");
    fs::create_dir_all(&folder)?;
    command.build();
    pages(&command, chapter, &folder)
}

fn pages(command: &Command, chapter: Chapter, folder: &Path) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let mut page = Vec::new();
    Man::new(command.clone())
        .title(name.to_uppercase())
        .section(chapter.number())
        .source("Tandem")
        .manual("Tandem")
        .render(&mut page)?;
    fs::write(folder.join(format!("{name}.{}", chapter.number())), page)?;
    let shown = command
        .get_subcommands()
        .filter(|s| !s.is_hide_set() && s.get_name() != "help");
    for subcommand in shown {
        pages(subcommand, chapter, folder)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn written(folder: &Path, file: &str) -> String {
        fs::read_to_string(folder.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
    }

    #[test]
    fn each_command_that_people_may_give_has_a_page_and_is_completed() {
        let folder = std::env::temp_dir().join(format!("tandem-manual-{}", std::process::id()));
        let command = Command::new("prog")
            .arg(Arg::new("where").long("where").help("The place"))
            .subcommand(Command::new("shown").about("Shows"))
            .subcommand(Command::new("secret").hide(true));
        write(command, Chapter::Daemons, &folder).expect("written");
        let page = written(&folder, "man/prog.8");
        assert!(page.contains(".TH PROG 8") && page.contains("The place"), "{page}");
        assert!(written(&folder, "man/prog-shown.8").contains("Shows"));
        assert!(!folder.join("man/prog-secret.8").exists());
        for file in ["bash/prog.bash", "zsh/_prog", "fish/prog.fish"] {
            assert!(written(&folder, file).contains("where"), "{file}");
        }
        fs::remove_dir_all(&folder).expect("removed");
    }
}
