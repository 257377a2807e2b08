//! A router's file as the lab can have it: what would act on this machine, or asks for what a lab has not, is changed or
//! left out, and every such change is noted.

use tandem_text::SourceMap;
use tandem_text::keepalived::Statement;

use super::along::{Along, is_program, may_be_run};
use super::change::Changes;
use crate::pair::site::Paper;

/// A statement that can be changed, and written again.
struct Node {
    words: Vec<String>,
    /// Quotes and escapes are read as a command's.
    is_command: bool,
    block: Option<Vec<Node>>,
    place: String,
}

/// What the file becomes, and what it needs.
pub struct Mapped {
    pub text: String,
    pub folders: Vec<String>,
    /// Files that are to be where they are on the host.
    pub placed: Vec<(Paper, String)>,
}

struct Mapping<'a> {
    along: &'a mut Along,
    changes: &'a mut Changes,
    folders: Vec<String>,
    placed: Vec<(Paper, String)>,
}

const ONE_USER: &str = "a lab has one user, who has no rights on this machine";
const NO_MAIL: &str = "the lab has no mail server";
const ACTS: &str = "it is there to change something; name its script among the files to have it run";
const MANAGERS: [&str; 2] = ["systemctl", "service"];
const NO_MANAGER: &str = "a host of the lab has no service manager: it tells of the balancer and the router only";

pub fn map(statements: &[Statement], sources: &SourceMap, along: &mut Along, changes: &mut Changes) -> Mapped {
    let nodes = statements
        .iter()
        .map(|statement| Node::of(statement, sources))
        .collect();
    let mut mapping = Mapping {
        along,
        changes,
        folders: Vec::new(),
        placed: Vec::new(),
    };
    let mut text = String::new();
    for node in mapping.top(nodes) {
        node.write(&mut text, 0);
    }
    Mapped {
        text,
        folders: mapping.folders,
        placed: mapping.placed,
    }
}

/// What the checks run or look for, each a command as it is written.
pub fn checks(statements: &[Statement], sources: &SourceMap) -> Vec<String> {
    let kinds = ["vrrp_script", "vrrp_track_process"];
    let checks = statements.iter().map(|statement| Node::of(statement, sources));
    let parts = checks
        .filter(|node| kinds.contains(&node.keyword()))
        .flat_map(|node| node.block.unwrap_or_default());
    let commands = parts.filter(|part| ["script", "process"].contains(&part.keyword()));
    commands.filter_map(|part| part.words.get(1).cloned()).collect()
}

/// A path that every host of the lab has for itself, for a socket or a pipe.
pub fn own_path(path: &str) -> Option<String> {
    let is_own = ["/run/", "/var/run/"].iter().any(|own| path.starts_with(own));
    (!is_own && path.starts_with('/')).then(|| format!("/run/drill{path}"))
}

pub fn folder_of(path: &str) -> Option<String> {
    let (folder, _) = path.rsplit_once('/')?;
    (!folder.is_empty()).then(|| folder.to_owned())
}

impl Mapping<'_> {
    fn top(&mut self, nodes: Vec<Node>) -> Vec<Node> {
        let mut kept = Vec::new();
        for mut node in nodes {
            match node.keyword() {
                "global_defs" => {
                    node.inside(|child| self.global(child));
                    node.block.get_or_insert_default().push(Node::made("script_user root"));
                }
                "vrrp_script" => node.inside(|child| self.script(child)),
                "vrrp_track_process" => self.process(&mut node),
                "vrrp_track_file" | "track_file" => node.inside(|child| self.tracked_file(child)),
                "track_lb" => node.inside(|child| self.socket(child)),
                "vrrp_instance" | "vrrp_sync_group" => node.inside(|child| self.member(child)),
                "virtual_server" | "virtual_server_group" => {
                    self.left_out(&node, "the lab's kernel forwards nothing (IPVS)");
                    continue;
                }
                "net_namespace" | "net_namespace_ipvs" => {
                    self.left_out(&node, "every host of a lab is a namespace already");
                    continue;
                }
                _ => {}
            }
            kept.push(node);
        }
        if !kept.iter().any(|node| node.keyword() == "global_defs") {
            let mut global = Node::made("global_defs");
            global.block = Some(vec![Node::made("script_user root")]);
            kept.insert(0, global);
        }
        kept
    }

    fn global(&mut self, mut node: Node) -> Option<Node> {
        match node.keyword() {
            "script_user" => {
                if node.words.get(1).is_none_or(|user| user != "root") {
                    self.changes
                        .note(&node.place, node.shown(), Some("script_user root"), ONE_USER);
                }
                return None;
            }
            "enable_script_security" => {
                self.left_out(&node, "in a lab no file is root's");
                return None;
            }
            "startup_script"
            | "shutdown_script"
            | "notify_fifo"
            | "notify_fifo_script"
            | "vrrp_notify_fifo"
            | "vrrp_notify_fifo_script" => return self.acting(node),
            "net_namespace" | "net_namespace_ipvs" | "enable_dbus" => {
                self.left_out(&node, "a lab has neither");
                return None;
            }
            keyword if keyword.starts_with("smtp") || keyword.starts_with("notification_email") => {
                self.left_out(&node, NO_MAIL);
                return None;
            }
            _ => {}
        }
        self.lead(&mut node);
        Some(node)
    }

    fn member(&mut self, mut node: Node) -> Option<Node> {
        match node.keyword() {
            keyword if keyword.starts_with("notify") => return self.acting(node),
            keyword if keyword.starts_with("smtp_alert") => {
                self.left_out(&node, NO_MAIL);
                return None;
            }
            // Its block is a script here.
            "track_process" => node.words[0] = "track_script".into(),
            _ => {}
        }
        self.lead(&mut node);
        Some(node)
    }

    /// Something that is run when something happens: only if it is itself what was given, whatever its arguments are.
    fn acting(&mut self, mut node: Node) -> Option<Node> {
        let program = node.words.get(1).and_then(|command| program(command));
        let is_fifo = node.keyword().ends_with("fifo");
        if is_fifo || program.is_none_or(|program| self.along.copy_of(program).is_none()) {
            self.left_out(&node, ACTS);
            return None;
        }
        let was = node.shown();
        // Behind the command stand a user and a group.
        node.words.truncate(2);
        self.managers(&node);
        let (command, of_machine) = (node.words[1].clone(), "the file was brought along");
        node.words[1] = self.along.lead(&command).unwrap_or(command);
        self.changes.note(&node.place, was, Some(&node.shown()), of_machine);
        Some(node)
    }

    fn script(&mut self, mut node: Node) -> Option<Node> {
        match node.keyword() {
            "user" => {
                if node.words.get(1).is_none_or(|user| user != "root") {
                    self.changes
                        .note(&node.place, node.shown(), Some("user root"), ONE_USER);
                }
                return None;
            }
            "script" => {}
            _ => return Some(node),
        }
        if node.words.len() > 2 {
            let user = node.words.split_off(2).join(" ");
            self.changes.note(
                &node.place,
                format!("{} {user}", node.shown()),
                Some(&node.shown()),
                ONE_USER,
            );
        }
        self.managers(&node);
        let was = node.shown();
        let Some(command) = node.words.get(1).cloned() else {
            return Some(node);
        };
        let now = self.along.lead(&command);
        let given = program(&command).is_some_and(|program| self.along.copy_of(program).is_some());
        let why_not = match missing(&command).filter(|_| !given) {
            Some(missing) => Some(format!("{missing} is not on this machine and was not given")),
            None => program(&command)
                .filter(|program| !given && program.starts_with('/') && !may_be_run(program))
                .map(|program| {
                    format!("{program} can be run with more rights than a lab has only; give it among the files")
                }),
        };
        if let Some(why) = why_not {
            let why = format!("{why}: here it always says that all is well");
            self.changes.note(&node.place, was, Some("script true"), &why);
            node.words[1] = "true".into();
        } else if let Some(now) = now {
            let shown = format!("script {now}");
            self.changes
                .note(&node.place, was, Some(&shown), "the file was brought along");
            node.words[1] = now;
        }
        Some(node)
    }

    fn managers(&mut self, node: &Node) {
        let asks = |word: &str| MANAGERS.contains(&word.rsplit('/').next().unwrap_or_default());
        let words = node
            .words
            .iter()
            .flat_map(|word| word.split(|c: char| !(c.is_alphanumeric() || "/._-".contains(c))));
        if words.into_iter().any(asks) {
            let shown = node.shown();
            self.changes.note(&node.place, shown.clone(), Some(&shown), NO_MANAGER);
        }
    }

    /// The kernel tells the processes of a lab only to this machine: a script asks instead.
    fn process(&mut self, node: &mut Node) {
        let was = node.shown();
        node.words[0] = "vrrp_script".into();
        let mut name = String::new();
        let mut kept = Vec::new();
        for child in node.block.take().unwrap_or_default() {
            match child.keyword() {
                "process" => {
                    name = child.words.get(1).cloned().unwrap_or_default();
                    if child.words.len() > 2 {
                        self.left_out(&child, "only its name is asked for here");
                    }
                }
                "weight" => kept.push(child),
                _ => self.left_out(&child, "a script asks each second whether there is one"),
            }
        }
        let base = name.rsplit('/').next().unwrap_or_default();
        let mut script = Node::made("script");
        script.words.push(format!("pidof {base}"));
        script.is_command = true;
        let now = format!("vrrp_script with `pidof {base}` each second");
        self.changes.note(
            &node.place,
            was,
            Some(&now),
            "the kernel tells only this machine of processes",
        );
        kept.extend([
            script,
            Node::made("interval 1"),
            Node::made("fall 1"),
            Node::made("rise 1"),
        ]);
        node.block = Some(kept);
    }

    /// Of a given file, or of this machine's, each host has a copy: in its own /run where it was there.
    fn tracked_file(&mut self, mut node: Node) -> Option<Node> {
        let path = match (node.keyword(), node.words.get(1)) {
            ("file", Some(path)) => path.clone(),
            _ => return Some(node),
        };
        let was = node.shown();
        let (bytes, why) = match (self.along.bytes_of(&path), plain(&path)) {
            (Some(bytes), _) => (bytes, "it begins as the file that was given"),
            (None, Some(bytes)) => (bytes, "it begins as this machine's"),
            (None, None) => (
                b"0\n".to_vec(),
                "it is not on this machine and was not given: it begins with 0",
            ),
        };
        let own = own_path(&path);
        let why = match own {
            Some(_) => format!("each host has one of its own, which no program finds where it was; {why}"),
            None => why.to_owned(),
        };
        let at = own.unwrap_or(path);
        self.changes.note(&node.place, was, Some(&format!("file {at}")), &why);
        let paper = Paper {
            name: String::new(),
            bytes,
            runs: false,
        };
        if !self.placed.iter().any(|(_, placed)| *placed == at) {
            self.placed.push((paper, at.clone()));
        }
        node.words[1] = at;
        Some(node)
    }

    fn socket(&mut self, mut node: Node) -> Option<Node> {
        if node.keyword() == "socket"
            && let Some(path) = node.words.get(1).cloned()
        {
            if let Some(own) = own_path(&path) {
                self.changes
                    .note(&node.place, node.shown(), Some(&own), "each host has one of its own");
                node.words[1] = own;
            }
            self.folders.extend(folder_of(&node.words[1]));
        }
        Some(node)
    }

    /// Whether any of it was brought along.
    fn lead(&mut self, node: &mut Node) -> bool {
        let was = node.shown();
        let mut has_changed = false;
        for word in &mut node.words[1..] {
            if let Some(led) = self.along.lead(word) {
                *word = led;
                has_changed = true;
            }
        }
        if has_changed {
            let now = node.shown();
            self.changes
                .note(&node.place, was, Some(&now), "the file was brought along");
        }
        has_changed
    }

    fn left_out(&mut self, node: &Node, why: &str) {
        self.changes.note(&node.place, node.shown(), None, why);
    }
}

const SHELLS: [&str; 6] = ["sh", "bash", "dash", "python", "python3", "perl"];

/// What is run: the first word, or a shell's script.
pub fn program(command: &str) -> Option<&str> {
    let mut words = command.split_whitespace();
    let first = words.next()?;
    match SHELLS.contains(&first.rsplit('/').next().unwrap_or_default()) {
        true => words.next().filter(|word| word.starts_with('/')),
        false => Some(first),
    }
}

/// What of a command cannot be run here.
fn missing(command: &str) -> Option<&str> {
    let first = command.split_whitespace().next()?;
    if first.starts_with('<') {
        return None;
    }
    if !is_program(first) {
        return Some(first);
    }
    program(command).filter(|program| *program != first && !is_program(program))
}

/// A file's content. A pipe would be waited for.
fn plain(path: &str) -> Option<Vec<u8>> {
    let is_file = std::fs::metadata(path).is_ok_and(|about| about.is_file());
    is_file.then(|| std::fs::read(path).ok()).flatten()
}

impl Node {
    fn of(statement: &Statement, sources: &SourceMap) -> Node {
        let is_command = statement.keyword().text == "script" || statement.keyword().text.starts_with("notify");
        let command = is_command.then(|| statement.command_words(sources).ok()).flatten();
        let words = command.as_deref().unwrap_or(&statement.words);
        let block = statement.block.as_ref();
        Node {
            words: words.iter().map(|word| word.text.clone()).collect(),
            is_command,
            block: block.map(|block| block.statements.iter().map(|inner| Node::of(inner, sources)).collect()),
            place: sources.origin(statement.span()).to_string(),
        }
    }

    fn made(words: &str) -> Node {
        Node {
            words: words.split(' ').map(str::to_owned).collect(),
            is_command: false,
            block: None,
            place: String::new(),
        }
    }

    fn keyword(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// For people.
    fn shown(&self) -> String {
        self.words.join(" ")
    }

    fn inside(&mut self, what: impl FnMut(Node) -> Option<Node>) {
        if let Some(block) = self.block.take() {
            self.block = Some(block.into_iter().filter_map(what).collect());
        }
    }

    fn write(&self, out: &mut String, depth: usize) {
        let indent = "    ".repeat(depth);
        let words: Vec<String> = self.words.iter().map(|word| self.quoted(word)).collect();
        *out += &format!("{indent}{}", words.join(" "));
        if let Some(block) = &self.block {
            *out += " {\n";
            for node in block {
                node.write(out, depth + 1);
            }
            *out += &format!("{indent}}}");
        }
        *out += "\n";
    }

    fn quoted(&self, word: &str) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+,=%*".contains(c);
        if !word.is_empty() && word.chars().all(is_plain) {
            return word.to_owned();
        }
        if self.is_command {
            return format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""));
        }
        format!("\"{word}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;

    fn mapped(text: &str, along: &mut Along) -> (String, Vec<String>) {
        let (statements, sources) =
            check::on_this_machine(|machine| tandem_vrrp_config::statements("k.conf", text.as_bytes(), machine));
        let mut changes = Changes::default();
        let mapped = map(&statements, &sources, along, &mut changes);
        let changes = changes.into_inner().iter().map(ToString::to_string).collect();
        (mapped.text, changes)
    }

    #[test]
    fn what_would_act_on_this_machine_stays_out_and_is_said() {
        let text = "global_defs {\n script_user nobody\n enable_script_security\n smtp_server 10.0.0.9\n}\n\
                    vrrp_instance V {\n interface eth0\n notify_master /etc/up.sh\n virtual_ipaddress {\n 10.0.0.1/24\n }\n}\n";
        let (text, changes) = mapped(text, &mut Along::default());
        assert_eq!(
            text,
            "global_defs {\n    script_user root\n}\nvrrp_instance V {\n    interface eth0\n    virtual_ipaddress {\n        \
             10.0.0.1/24\n    }\n}\n"
        );
        let places: Vec<&str> = changes.iter().filter_map(|change| change.split(": ").next()).collect();
        assert_eq!(places, ["k.conf:2", "k.conf:3", "k.conf:4", "k.conf:8"]);
    }

    #[test]
    fn a_check_stays_as_it_is() {
        for command in [
            "/bin/sh -c '/usr/bin/killall -0 haproxy'",
            "/bin/timeout 2 /usr/bin/killall -0 haproxy",
        ] {
            let text = format!("vrrp_script c {{\n script \"{command}\"\n weight 2\n}}\n");
            let (mapped, changes) = mapped(&text, &mut Along::default());
            assert!(mapped.contains(&format!("script \"{command}\"")), "{mapped}");
            assert!(changes.is_empty(), "{changes:?}");
        }
        let text = "vrrp_script c {\n script \"/bin/sh -c 'systemctl is-active haproxy'\"\n}\n";
        let (_, changes) = mapped(text, &mut Along::default());
        assert!(changes[0].starts_with("k.conf:2: ") && changes[0].contains("no service manager"));
    }

    #[test]
    fn a_process_is_asked_for_and_what_that_leaves_out_is_said() {
        let text = "vrrp_track_process p {\n process haproxy -f x\n weight 5\n quorum 2\n delay 3\n}\n\
                    vrrp_instance V {\n track_process {\n p\n }\n}\n";
        let (text, changes) = mapped(text, &mut Along::default());
        assert!(
            text.contains("vrrp_script p {\n    weight 5\n    script \"pidof haproxy\"\n")
                && text.contains("track_script {\n        p\n"),
            "{text}"
        );
        let places: Vec<&str> = changes.iter().filter_map(|change| change.split(": ").next()).collect();
        assert_eq!(places, ["k.conf:2", "k.conf:4", "k.conf:5", "k.conf:1"]);
    }

    #[test]
    fn a_given_argument_is_no_given_program() {
        let text = "vrrp_instance V {\n notify_master \"/bin/rm -rf /tmp/none/svc.sh\"\n \
                    notify_backup \"/bin/sh -c /etc/svc.sh\"\n notify_fault \"/etc/svc.sh up /etc/svc.sh\" nobody\n}\n";
        let mut along = Along::default();
        along.bring("svc.sh", b"#!/bin/sh\n".to_vec());
        let (text, changes) = mapped(text, &mut along);
        let copy = format!("{}/along/svc.sh", crate::pair::site::FOLDER);
        assert!(!text.contains("/bin/rm") && !text.contains("/bin/sh"), "{text}");
        assert!(text.contains(&format!("notify_fault \"{copy} up {copy}\"\n")), "{text}");
        assert_eq!(changes.len(), 3, "{changes:?}");
    }

    #[test]
    fn a_tracked_file_is_the_given_one_where_it_was() {
        let text = "vrrp_track_file w {\n file /run/x/weight\n}\nvrrp_track_file v {\n file /no/such/v\n}\n";
        let mut along = Along::default();
        along.bring("weight", b"-50\n".to_vec());
        let (statements, sources) =
            check::on_this_machine(|machine| tandem_vrrp_config::statements("k.conf", text.as_bytes(), machine));
        let mut changes = Changes::default();
        let mapped = map(&statements, &sources, &mut along, &mut changes);
        let placed: Vec<(&[u8], &str)> = mapped
            .placed
            .iter()
            .map(|(paper, path)| (paper.bytes.as_slice(), path.as_str()))
            .collect();
        assert_eq!(
            placed,
            [(&b"-50\n"[..], "/run/x/weight"), (b"0\n", "/run/drill/no/such/v")]
        );
        assert_eq!(changes.into_inner().len(), 2);
    }

    #[test]
    fn nobody_waits_for_a_tracked_pipe() {
        let path = std::env::temp_dir().join(format!("tandem-tracked-pipe-{}", std::process::id()));
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("the temporary folder is writable");
        let (to, read) = std::sync::mpsc::sync_channel(1);
        let pipe = path.display().to_string();
        std::thread::spawn(move || to.send(plain(&pipe)));
        assert_eq!(read.recv_timeout(std::time::Duration::from_secs(10)), Ok(None));
        std::fs::remove_file(&path).expect("ours");
    }

    #[test]
    fn a_script_is_brought_along_or_missed() {
        let text = "vrrp_script c {\n script \"/bin/sh /no/such/check.sh 'a b'\"\n}\n";
        let mut along = Along::default();
        let (without, changes) = mapped(text, &mut along);
        assert!(without.contains("    script true\n"), "{without}");
        assert!(
            changes[0].contains("/no/such/check.sh is not on this machine"),
            "{changes:?}"
        );
        along.bring("check.sh", b"#!/bin/sh\n".to_vec());
        let (with, _) = mapped(text, &mut along);
        assert!(
            with.contains(&format!(
                "script \"/bin/sh {}/along/check.sh 'a b'\"",
                crate::pair::site::FOLDER
            )),
            "{with}"
        );
    }

    #[test]
    fn a_socket_elsewhere_is_each_host_s_own() {
        let text = "track_lb l {\n socket /var/lib/haproxy/stats\n}\ntrack_lb m {\n socket /run/lb.sock\n}\n";
        let (text, changes) = mapped(text, &mut Along::default());
        assert!(
            text.contains("/run/drill/var/lib/haproxy/stats") && text.contains("socket /run/lb.sock"),
            "{text}"
        );
        assert_eq!(changes.len(), 1);
    }
}
