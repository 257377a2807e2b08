//! What operators have changed of the files of TLS, for a successor: it reads the files as they are on the disk.

use std::path::{Path, PathBuf};

use tandem_lb_config::ListLine;
use tandem_lb_core::snapshot::{FileKind, FileStage, FileState};
use tandem_tls::Pieces;

use super::desk::{Desk, DeskError, Kind};
use super::lists::Listed;
use super::vault::Vault;

const KINDS: [(Kind, FileKind); 3] = [
    (Kind::Certificate, FileKind::Certificate),
    (Kind::Authorities, FileKind::Authorities),
    (Kind::Revoked, FileKind::Revoked),
];

impl Desk {
    /// In the order in which a successor is to follow them.
    pub(crate) fn states(&self, vault: &Vault) -> Vec<FileState> {
        let mut states = Vec::new();
        let now = vault.now();
        // What only a list uses that an order has changed is not in any file that a successor reads. What was committed
        // comes as that.
        for (path, _) in self.lists_in_force(vault) {
            for line in now.shelf.lists.get(path).iter().flat_map(|list| &list.lines) {
                let path = &line.certificate;
                if let Some(pieces) = now.shelf.certificates.get(path)
                    && !self
                        .in_force(Kind::Certificate)
                        .any(|(file, _, known)| file == path && is_same(known, pieces))
                {
                    states.push(FileState {
                        kind: FileKind::Certificate,
                        path: path.clone(),
                        stage: FileStage::Spare,
                        content: packed(pieces),
                    });
                }
            }
        }
        for (ours, kind) in KINDS {
            let of = |path: &Path, stage, pieces: &Pieces| FileState {
                kind,
                path: path.to_owned(),
                stage,
                content: packed(pieces),
            };
            for (path, before, pieces) in self.in_force(ours) {
                // A reload since has read another.
                if let Some(now) = now.shelf.content(ours, path).filter(|now| is_same(now, pieces)) {
                    let before = packed(before);
                    states.push(of(path, FileStage::Used { before }, &now));
                }
            }
            let spare = self.spare(ours);
            states.extend(spare.map(|(path, pieces)| of(path, FileStage::Spare, pieces)));
            states.extend(self.open(ours).map(|(path, pieces)| of(path, FileStage::Open, pieces)));
        }
        // Behind the certificates that they are about.
        states.extend(self.response_states(vault));
        states.extend(self.key_states(vault));
        states.extend(self.lists_in_force(vault).map(|(path, listed)| FileState {
            kind: FileKind::List,
            path: path.clone(),
            stage: FileStage::Used {
                before: text(&listed.before),
            },
            content: text(&listed.now),
        }));
        states
    }

    /// Those that were changed by order, and not read again since.
    fn lists_in_force(&self, vault: &Vault) -> impl Iterator<Item = (&PathBuf, &Listed)> {
        let now = vault.now();
        let is_in_force = move |path: &PathBuf, listed: &Listed| {
            let list = now.shelf.lists.get(path);
            list.is_some_and(|list| list.lines == listed.now)
        };
        self.listed
            .iter()
            .filter(move |(path, listed)| is_in_force(path, listed))
    }

    /// Goes on from what was changed in the process before.
    pub(crate) fn resume(&mut self, vault: &Vault, states: &[FileState]) {
        for state in states {
            let path = &state.path;
            match self.follow(vault, state) {
                Ok(true) => {}
                Ok(false) => tracing::info!("{}: the file says something else now and counts", path.display()),
                Err(why) => tracing::warn!("{}: what was changed by order is gone: {why}", path.display()),
            }
        }
    }

    /// False when the file has changed since.
    fn follow(&mut self, vault: &Vault, state: &FileState) -> Result<bool, DeskError> {
        let FileState { path, content, .. } = state;
        if let (FileKind::List, FileStage::Used { before }) = (state.kind, &state.stage) {
            let followed = self.resume_lines(vault, path, &lines(before), lines(content));
            return followed.map_err(|why| DeskError::Bad(why.to_string()));
        }
        if let (FileKind::Response, FileStage::Used { before }) = (state.kind, &state.stage) {
            return self.resume_response(vault, path, before, content);
        }
        if let (FileKind::TicketKeys, FileStage::Used { before }) = (state.kind, &state.stage) {
            return self.resume_keys(vault, path, before, content);
        }
        let found = KINDS.iter().find(|(_, kind)| *kind == state.kind);
        let Some((kind, _)) = found.copied() else {
            return Ok(false);
        };
        let pieces = unpacked(content);
        let read = vault.now().shelf.content(kind, path);
        match &state.stage {
            // Somebody may have written it there meanwhile.
            FileStage::Used { before } if read.as_ref().is_some_and(|read| !is_same(read, &unpacked(before))) => {
                return Ok(read.is_some_and(|read| is_same(&read, &pieces)));
            }
            FileStage::Used { .. } if read.is_some() => {
                // What is said of it comes by itself.
                self.put(vault, kind, path, Pieces { ocsp: None, ..pieces })?;
            }
            FileStage::Used { .. } | FileStage::Spare if self.spare.contains_key(&(kind, path.clone())) => {}
            FileStage::Spare if read.is_some() => {
                return Ok(read.is_some_and(|read| is_same(&read, &pieces) || read.whole() == pieces.whole()));
            }
            // What only a list uses that an order has changed.
            FileStage::Used { .. } | FileStage::Spare => {
                self.create(vault, kind, path)?;
                if pieces != Pieces::default() {
                    self.put(vault, kind, path, pieces)?;
                }
            }
            FileStage::Open => self.reopen(vault, kind, path, pieces)?,
        }
        Ok(true)
    }
}

/// But for what an authority says of it, which is replaced by itself, too.
pub(super) fn is_same(one: &Pieces, other: &Pieces) -> bool {
    (&one.pem, &one.key, &one.issuer) == (&other.pem, &other.key, &other.issuer)
}

/// What a file and those beside it hold, in one. A file that is alone stands there as it is.
fn packed(pieces: &Pieces) -> Vec<u8> {
    let Pieces { pem, key, ocsp, issuer } = pieces;
    if (key, ocsp, issuer) == (&None, &None, &None) {
        return pem.clone();
    }
    let mut all = vec![0];
    for piece in [Some(pem), key.as_ref(), ocsp.as_ref(), issuer.as_ref()] {
        let length = piece.map_or(u32::MAX, |piece| u32::try_from(piece.len()).unwrap_or(0));
        all.extend(length.to_be_bytes());
        all.extend(piece.into_iter().flatten());
    }
    all
}

fn unpacked(all: &[u8]) -> Pieces {
    let Some(mut rest) = all.strip_prefix(&[0]) else {
        return Pieces::plain(all);
    };
    let mut next = || {
        let (length, behind) = rest.split_first_chunk()?;
        let (piece, behind) = match u32::from_be_bytes(*length) {
            u32::MAX => (None, behind),
            length => behind
                .split_at_checked(length as usize)
                .map(|(a, b)| (Some(a.to_vec()), b))?,
        };
        rest = behind;
        piece
    };
    Pieces {
        pem: next().unwrap_or_default(),
        key: next(),
        ocsp: next(),
        issuer: next(),
    }
}

fn text(lines: &[ListLine]) -> Vec<u8> {
    let lines = lines.iter().map(|line| format!("{} {line}\n", line.number));
    lines.collect::<String>().into_bytes()
}

fn lines(text: &[u8]) -> Vec<ListLine> {
    let line = |line: &str| {
        let (number, text) = line.split_once(' ')?;
        ListLine::read(text, number.parse().ok()?).ok().flatten()
    };
    String::from_utf8_lossy(text).lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use tandem_lb_config::NamedText;

    use super::*;
    use crate::outside::Outside;
    use crate::tls::Loaded;

    /// What the files of one folder come to, and nothing changed by order.
    fn begun(folder: &Path) -> (Vault, Desk) {
        let list = folder.join("list");
        let text = format!("frontend f\n bind 127.0.0.1:1 ssl crt-list {}\n", list.display());
        let loaded = tandem_lb_config::load(&[NamedText::new("t", text)], &|_| None, None);
        let plan = loaded.plan.expect("it is whole");
        let vault = Vault::default();
        vault.replace(Loaded::read(&plan, &Loaded::default(), &Outside::Here).expect("all is there"));
        (vault, Desk::default())
    }

    #[test]
    fn a_successor_follows_all_and_takes_nothing_for_changed() {
        let folder = std::env::temp_dir().join(format!("tandem-bequest-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let pem = include_str!("../../../../tests/corpus/configs/files/broker.pem");
        let (shown, key) = pem.split_at(pem.find("-----BEGIN PRIVATE").expect("a key"));
        let [list, apart, other, ours] = ["list", "apart.pem", "other.pem", "ours.pem"].map(|name| folder.join(name));
        for (path, text) in [
            (&apart, shown),
            (&folder.join("apart.pem.key"), key),
            (&other, pem),
            (&list, &format!("{}\n{}\n", apart.display(), other.display())),
        ] {
            std::fs::write(path, text).expect("it is written");
        }
        let (vault, mut desk) = begun(&folder);
        let kind = Kind::Certificate;
        let changed = |times: usize| format!("{pem}{}", "\n".repeat(times)).into_bytes();
        let put = |desk: &mut Desk, file: &Path, content: &[u8]| {
            desk.set(&vault, kind, file, content).expect("it is one");
            desk.commit(&vault, kind, file).expect("it fits");
        };
        put(&mut desk, &other, &changed(1));
        desk.create(&vault, kind, &ours).expect("it is new");
        put(&mut desk, &ours, &changed(2));
        let line = format!("{} a.example", ours.display());
        desk.add_line(&vault, &list, &line).expect("it is known");
        put(&mut desk, &ours, &changed(3));
        desk.staple(&vault, std::slice::from_ref(&ours), b"said")
            .expect("it is stapled");

        let states = desk.states(&vault);
        let (heir, mut heirs) = begun(&folder);
        for state in &states {
            let followed = heirs.follow(&heir, state);
            assert!(matches!(followed, Ok(true)), "{}: {followed:?}", state.path.display());
        }
        let (was, is) = (&vault.now().shelf, &heir.now().shelf);
        assert_eq!((&was.certificates, &was.lists), (&is.certificates, &is.lists));
        std::fs::remove_dir_all(folder).ok();
    }

    /// A folder with one certificate in a list, and that certificate.
    fn alone(name: &str) -> (PathBuf, PathBuf, &'static str) {
        let folder = std::env::temp_dir().join(format!("tandem-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let pem = include_str!("../../../../tests/corpus/configs/files/broker.pem");
        let file = folder.join("a.pem");
        for (path, text) in [(&file, pem), (&folder.join("list"), &format!("{}\n", file.display()))] {
            std::fs::write(path, text).expect("it is written");
        }
        (folder, file, pem)
    }

    #[test]
    fn what_is_said_of_a_certificate_meanwhile_stays_said() {
        let (folder, file, pem) = alone("stapled");
        let (vault, mut desk) = begun(&folder);
        let kind = Kind::Certificate;
        let said = |vault: &Vault| vault.now().shelf.certificates[&file].ocsp.clone();
        let staple = |desk: &mut Desk, response: &[u8]| {
            let stapled = desk.staple(&vault, std::slice::from_ref(&file), response);
            stapled.expect("it is stapled");
        };
        staple(&mut desk, b"old");
        let set = desk.set(&vault, kind, &file, format!("{pem}\n").as_bytes());
        assert!(set.expect("it is one").is_first);
        staple(&mut desk, b"new");
        let shown = desk.content(&vault.now(), kind, &format!("*{}", file.display()));
        assert_eq!(shown.expect("it waits").0.ocsp.as_deref(), Some(&b"new"[..]));
        desk.commit(&vault, kind, &file).expect("it fits");
        assert_eq!(said(&vault).as_deref(), Some(&b"new"[..]));
        // What was put into the transaction itself is what the operator wants.
        let own = Pieces {
            ocsp: Some(b"own".to_vec()),
            ..Pieces::plain(pem.as_bytes())
        };
        desk.reopen(&vault, kind, &file, own).expect("it is known");
        staple(&mut desk, b"newer");
        desk.commit(&vault, kind, &file).expect("it fits");
        assert_eq!(said(&vault).as_deref(), Some(&b"own"[..]));
        // What waits where nobody has put a response comes without one to a successor.
        desk.set(&vault, kind, &file, pem.as_bytes()).expect("it is one");
        let (heir, mut heirs) = begun(&folder);
        heirs.resume(&heir, &desk.states(&vault));
        assert_eq!(said(&heir).as_deref(), Some(&b"own"[..]));
        assert!(heirs.open(kind).all(|(_, pieces)| pieces.ocsp.is_none()) && heirs.open(kind).count() == 1);
        std::fs::remove_dir_all(folder).ok();
    }

    #[test]
    fn a_response_between_two_commits_is_no_other_file() {
        let (folder, file, pem) = alone("committed");
        let (vault, mut desk) = begun(&folder);
        let kind = Kind::Certificate;
        let second = Pieces {
            ocsp: Some(b"old".to_vec()),
            ..Pieces::plain(format!("{pem}\n").as_bytes())
        };
        desk.put(&vault, kind, &file, second).expect("it fits");
        desk.staple(&vault, std::slice::from_ref(&file), b"new")
            .expect("it is stapled");
        let third = format!("{pem}\n\n");
        desk.set(&vault, kind, &file, third.as_bytes()).expect("it is one");
        desk.commit(&vault, kind, &file).expect("it fits");
        // Twice, since the second has it from the first.
        let mut states = desk.states(&vault);
        for _ in 0..2 {
            let (heir, mut heirs) = begun(&folder);
            for state in &states {
                let followed = heirs.follow(&heir, state);
                assert!(matches!(followed, Ok(true)), "{:?}: {followed:?}", state.kind);
            }
            let pieces = heir.now().shelf.certificates[&file].clone();
            assert_eq!(pieces.pem, third.as_bytes());
            assert_eq!(pieces.ocsp.as_deref(), Some(&b"new"[..]));
            states = heirs.states(&heir);
        }
        std::fs::remove_dir_all(folder).ok();
    }

    #[test]
    fn who_watches_hears_of_no_certificate_that_was_taken_out() {
        let (folder, file, pem) = alone("taken-out");
        let other = folder.join("b.pem");
        std::fs::write(&other, pem).expect("it is written");
        let list = folder.join("list");
        std::fs::write(&list, format!("{}\n{}\n", file.display(), other.display())).expect("it is written");
        let (vault, mut desk) = begun(&folder);
        let watched = |vault: &Vault| {
            let now = vault.now();
            now.expiries().iter().map(|seen| seen.file.clone()).collect::<Vec<_>>()
        };
        let [a, b] = [&file, &other].map(|file| file.display().to_string());
        assert_eq!(watched(&vault), [a.clone(), b.clone()]);
        desk.delete_line(&vault, &list, &other, None).expect("it is listed");
        assert_eq!(watched(&vault), std::slice::from_ref(&a));
        desk.add_line(&vault, &list, &b).expect("it is kept");
        assert_eq!(watched(&vault), [a, b]);
        std::fs::remove_dir_all(folder).ok();
    }

    #[test]
    fn lines_keep_their_numbers() {
        let all = b"1 /etc/a.pem [alpn h2] a.example !b.example\n7 b.pem\n";
        assert_eq!(lines(all).iter().map(|line| line.number).collect::<Vec<_>>(), [1, 7]);
        assert_eq!(text(&lines(all)), all);
    }
}
