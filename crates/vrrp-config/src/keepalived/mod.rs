//! `keepalived.conf` to a draft: blocks, and in each the keywords of its table.

pub(crate) mod args;
mod bfd;
mod command;
mod encap;
mod garp;
mod garp_group;
mod global;
mod global_runtime;
mod group;
mod hmac;
mod instance;
mod instance_policy;
pub(crate) mod keyword;
mod known;
mod mail;
mod notify;
mod pair_link;
mod route;
mod rule;
mod script;
pub(crate) mod section;
mod top;
mod track;
mod track_file;
mod track_lb;
mod track_process;
mod vmac;

use tandem_text::SourceMap;
use tandem_text::keepalived::Statement;

use crate::draft::Draft;
use crate::report::Report;
pub(crate) use bfd::is_link_local;
pub use keyword::{KeywordDoc, keyword_docs};
pub use known::{Answered, Effect, answered_docs};
use section::Section;
pub(crate) use track::weight as track_weight;

/// Both dialects end here: statements to a draft.
pub(crate) fn read(statements: &[Statement], sources: &SourceMap, draft: &mut Draft, report: &mut Report) {
    // What holds for all is wanted where one is read, wherever it stands.
    let is_global = |statement: &&Statement| statement.keyword().text == "global_defs";
    let mut read = |statements: &mut dyn Iterator<Item = &Statement>| {
        for statement in statements {
            keyword::read_block(
                &[top::KEYWORDS],
                Section::Top,
                draft,
                std::slice::from_ref(statement),
                sources,
                report,
            );
        }
    };
    read(&mut statements.iter().filter(is_global));
    read(&mut statements.iter().filter(|statement| !is_global(statement)));
}
