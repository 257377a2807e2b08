//! `track_file`

use std::path::PathBuf;

use tandem_vrrp_core::settings::FileSettings;

use super::args::{Args, Outcome};
use super::keyword::{Keyword, Kind, keyword, read_block};
use super::section::Section;
use super::{top, track};
use crate::draft::{Draft, OwnWeight, TrackFile};

pub(super) fn block(draft: &mut Draft, args: &mut Args<'_>) -> Outcome {
    let name = top::block_name(args)?;
    top::unique(&name, draft.files.iter().map(|file| &file.name), "the file").inspect_err(|_| args.skip_all())?;
    let mut file = TrackFile {
        name,
        settings: FileSettings {
            path: PathBuf::new(),
            init: None,
        },
        weight: OwnWeight {
            value: 1,
            reverse: false,
        },
    };
    let statements = args.block()?;
    read_block(
        &[KEYWORDS],
        Section::TrackFile,
        &mut file,
        statements,
        args.sources(),
        args.reporter(),
    );
    draft.files.push(file);
    Ok(())
}

pub(super) const KEYWORDS: &[Keyword<TrackFile>] = &[
    keyword("file", Kind::Words, "its path", |file, args| {
        file.settings.path = PathBuf::from(&*args.text("a path")?);
        Ok(())
    }),
    keyword(
        "weight",
        Kind::Words,
        "what its number is multiplied by; 1",
        |file, args| {
            file.weight = track::own_weight(args, i64::from(i32::MAX))?;
            Ok(())
        },
    ),
    keyword(
        "init_file",
        Kind::Words,
        "write it at start: [NUMBER] [overwrite]",
        |file, args| {
            let mut init = (0, args.accept("overwrite"));
            if !init.1 && args.peek().is_some() {
                init.0 = args.number(i64::from(i32::MIN)..=i64::from(i32::MAX))?;
                init.1 = args.accept("overwrite");
            }
            file.settings.init = Some(init);
            Ok(())
        },
    ),
];
