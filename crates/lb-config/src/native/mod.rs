//! The native dialect: TOML to a draft. `etc/tandem-lb.toml` shows and explains it.

mod forward;
mod layout;
mod lookup;
mod lower;
mod model;
mod peers;
mod ring;
mod rules;
mod settings;
mod shape;
mod spoken;
mod tls;
mod userlist;
mod value;
mod write;

use std::path::PathBuf;

use tandem_lb_core::backend::InitState;
use tandem_text::{Diagnostic, FileId, SourceMap, Span};

pub(crate) use layout::{Notes, Piece};
pub(crate) use spoken::say;

use crate::code;
use crate::draft::{self, Draft, Role};
use crate::expr::World;
use crate::plan;

pub(crate) fn read(
    sources: &SourceMap,
    file: FileId,
    world: World<'_>,
    draft: &mut Draft,
    report: &mut Vec<Diagnostic>,
) {
    match std::str::from_utf8(sources.bytes(file)) {
        Ok(text) => {
            let (document, removed) = shape::read::<model::Document>(file, text, report);
            let base = document.global.default_path.clone().map(PathBuf::from);
            let base = base.or_else(|| draft.global.tls.base.clone());
            let world = World {
                base: base.as_deref(),
                ..world
            };
            lower::Lowering {
                sources,
                file,
                world,
                removed,
                report,
            }
            .document(document, draft);
        }
        Err(error) => {
            let at = error.valid_up_to();
            let span = Span::new(file, at, at + 1);
            report.push(Diagnostic::error(code::SYNTAX, span, "this is not UTF-8").help("save the file as UTF-8"));
        }
    }
}

/// What a file of this dialect begins with before its `[defaults]`.
pub(crate) fn usual() -> draft::Settings {
    let mut settings = draft::Settings::default();
    // Nobody is sent to a server of which nothing is known, unless it is asked for.
    settings.server.init = InitState::Down;
    settings
}

/// The tables that say the same as these parts of a draft.
pub(crate) fn global(global: &plan::Global) -> toml::Table {
    layout::tree(&write::global(global))
}

pub(crate) fn settings(settings: &draft::Settings, role: Role) -> toml::Table {
    layout::tree(&write::settings(settings, &usual(), role))
}

pub(crate) fn userlist(list: &draft::Userlist) -> toml::Table {
    layout::tree(&userlist::Userlist::of(list))
}

pub(crate) fn ring(ring: &draft::Ring) -> toml::Table {
    layout::tree(&ring::Ring::of(ring))
}

/// The key for lines that begin with this word.
pub(crate) fn key_of(keyword: &str) -> &str {
    match keyword {
        "use_backend" => "use-backend",
        "stick" => "stick-rules",
        "stats" => "stats-rules",
        other => other,
    }
}

/// `base` is what `[defaults]` says.
pub(crate) fn proxy(proxy: &draft::Proxy, base: &draft::Settings) -> toml::Table {
    layout::ordered(layout::tree(&write::proxy(proxy, base)))
}

pub(crate) fn peers(section: &draft::Peers) -> toml::Table {
    layout::ordered(layout::tree(&write::peers(section)))
}

pub(crate) fn resolvers(section: &plan::Resolvers) -> toml::Table {
    layout::tree(&write::resolvers(section))
}
