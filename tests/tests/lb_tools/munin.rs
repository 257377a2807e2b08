//! The two plugins of `munin-plugins-extra`: one matches the page's CSV with expressions, one by position.

use std::path::Path;
use std::process::Command;

use super::room::say;
use super::stage::{Side, Stage, assert_same, run};

const FOLDER: &str = "/usr/share/munin/plugins";

fn lines(plugin: &str, side: &Side, argument: &str, variables: &[(&str, &str)]) -> Option<Vec<String>> {
    let mut command = Command::new("perl");
    command
        .arg(format!("{FOLDER}/{plugin}"))
        .arg(argument)
        .env("PERL5LIB", "/usr/share/perl5")
        .env("MUNIN_LIBDIR", "/usr/share/munin")
        .env("url", format!("http://{}/;csv;norefresh", side.page()))
        .envs(variables.iter().copied());
    let text = run(&mut command)?;
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
fn both_plugins() {
    let can_ask = Command::new("perl").args(["-MLWP::UserAgent", "-e", "1"]).status();
    let is_here = Path::new(FOLDER).join("haproxy_ng").exists() && can_ask.is_ok_and(|status| status.success());
    if !is_here {
        return say("SKIP munin: munin-plugins-extra and libwww-perl are not installed");
    }
    let Some(stage) = Stage::set("munin") else { return };
    for (plugin, variables) in [("haproxy_", &[][..]), ("haproxy_ng", &[])] {
        for argument in ["config", ""] {
            let [Some(theirs), Some(ours)] = stage.both(|side| lines(plugin, side, argument, variables)) else {
                return say("SKIP munin: perl is not installed");
            };
            // The page counts who asks it, and what it sends differs in length.
            let calm = |lines: Vec<String>| {
                let lines = lines.into_iter();
                lines.filter(|line| !line.contains("page")).collect::<Vec<_>>()
            };
            assert_same(&format!("{plugin} {argument}"), [calm(theirs), calm(ours)]);
        }
    }
}
