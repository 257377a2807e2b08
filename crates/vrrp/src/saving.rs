//! `config_save_dir`: each configuration as it was read, and the state before and after each reload, for whoever looks for
//! the reload that did it. Under Keepalived's names.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process;

use tandem_text::SourceMap;
use tandem_vrrp_config::Plan;

use crate::dump;
use crate::logs::Log;
use crate::reloading::cannot;

/// All files that a configuration is made of, one behind the other, each below its name.
pub(crate) fn joined(sources: &SourceMap) -> String {
    let one =
        |source: &tandem_text::Source| format!("# {}\n{}\n", source.name(), String::from_utf8_lossy(source.bytes()));
    sources.iter().map(one).collect()
}

/// What was read after so many reloads.
pub(crate) fn configuration(plan: &Plan, text: &str, reloads: u32, log: &Log) {
    save(plan, "keepalived.conf", &reloads.to_string(), text, log);
}

/// The state, `pre` or `post` this reload.
pub(crate) fn state(plan: &Plan, text: &str, reloads: u32, when: &str, log: &Log) {
    save(plan, "keepalived_vrrp", &format!("{reloads}.{when}"), text, log);
}

fn save(plan: &Plan, name: &str, number: &str, text: &str, log: &Log) {
    let Some(folder) = &plan.global.reload.save else { return };
    let path = folder.join(format!("{name}.{}.{number}", process::id()));
    if let Err(error) = make(folder).and_then(|()| dump::write(&path, text)) {
        log.error(&cannot("write", &path, &error));
    }
}

/// Only root looks into it: there are passwords.
fn make(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_is_kept_under_a_name_of_its_own() {
        let folder = std::env::temp_dir().join(format!("tandem-saving-{}", process::id()));
        let mut plan = Plan::default();
        let log = Log::default();
        configuration(&plan, "nobody asked", 0, &log);
        plan.global.reload.save = Some(folder.clone());
        let mut sources = SourceMap::default();
        sources.add("a.conf", "include b.conf\n");
        sources.add("b.conf", "# b\n");
        configuration(&plan, &joined(&sources), 0, &log);
        configuration(&plan, "second", 1, &log);
        state(&plan, "before", 1, "pre", &log);
        state(&plan, "after", 1, "post", &log);
        let mut names: Vec<_> = fs::read_dir(&folder)
            .expect("it was made")
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        let id = process::id();
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect("it is there");
        let first = read(&format!("keepalived.conf.{id}.0"));
        fs::remove_dir_all(&folder).expect("ours");
        assert_eq!(
            names,
            [
                format!("keepalived.conf.{id}.0"),
                format!("keepalived.conf.{id}.1"),
                format!("keepalived_vrrp.{id}.1.post"),
                format!("keepalived_vrrp.{id}.1.pre"),
            ]
        );
        assert_eq!(first, "# a.conf\ninclude b.conf\n\n# b.conf\n# b\n\n");
    }
}
