//! `keepalived.conf` as TOML: the same Plan, and a word about each line.

use std::fs;
use std::path::Path;

use tandem_text::{Fate, Verdict};
use tandem_vrrp_config::convert::convert;

use crate::machine;

/// The committed configurations that have a Plan.
#[test]
fn every_configuration_means_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["fuzz/corpus/keepalived", "../../etc", "../../etc/pair"];
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).expect("it is committed"));
    let mut files: Vec<_> = files
        .map(|file| file.expect("readable").path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    let (mut same, mut wrong) = (0, Vec::new());
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".toml") || name.ends_with(".cfg") || !(name.ends_with(".conf") || name.starts_with("found-"))
        {
            continue;
        }
        let found = convert(&name, fs::read(&path).expect("readable"), &machine());
        match found.verdict {
            Verdict::Same | Verdict::Renumbered => same += 1,
            Verdict::Incomplete => {
                let says = found
                    .receipts
                    .iter()
                    .any(|receipt| matches!(receipt.fate, Fate::Dropped(_)));
                let is_refused = found.diagnostics.iter().any(|said| said.is_error());
                if !says && !is_refused {
                    wrong.push(format!("{name}: not complete, and no line says why\n{}", found.toml));
                }
            }
            Verdict::Different => wrong.push(format!("{name} means something else:\n{}", found.toml)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(same >= 6, "{same}");
}

#[test]
fn each_line_is_accounted_for() {
    let text = "! A pair\nglobal_defs {\n  router_id lb1\n  nothing_such 3\n}\n$PRIO=101\n\
                vrrp_script alive {\n  script \"/usr/bin/pgrep -x 'tandem lb'\"\n  interval 2\n}\n\
                vrrp_instance VI_1 {\n  interface eth0\n  virtual_router_id 9\n  priority $PRIO\n  \
                virtual_ipaddress {\n    10.9.0.50/24 dev eth0\n    10.9.0.51/24\n  }\n  track_script {\n    alive\n  }\n  \
                notify_master /etc/hello master\n}\n";
    let found = convert("k.conf", text, &machine());
    assert_eq!(found.verdict, Verdict::Same, "{}", found.toml);
    let toml = "[global]\nrouter-id = \"lb1\"\n\n[[script]]\nname = \"alive\"\n\
                script = \"/usr/bin/pgrep -x \'tandem lb\'\"\ninterval = 2\n\n[[instance]]\nname = \"VI_1\"\n\
                interface = \"eth0\"\nvirtual-router-id = 9\npriority = 101\nvirtual-ipaddress = [\n    \"10.9.0.50/24 dev eth0\",\n    \
                \"10.9.0.51/24\",\n]\ntrack-script = [\"alive\"]\nnotify-master = [\"/etc/hello\", \"master\"]\n";
    assert_eq!(found.toml, toml);
    let fates: Vec<(usize, &str)> = found
        .receipts
        .iter()
        .map(|receipt| (receipt.line, receipt.fate.word()))
        .collect();
    let kept = |line| (line, "kept");
    let mut expected: Vec<_> = [2, 3].map(kept).into();
    expected.extend([(4, "dropped"), (6, "implied")]);
    expected.extend([7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 19, 20, 22].map(kept));
    assert_eq!(fates, expected);
}
