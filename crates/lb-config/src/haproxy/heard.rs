//! The lines themselves, as their reader hears them: for whoever changes some and leaves the others as they are.

use tandem_text::Span;
use tandem_text::haproxy::Line;

use super::Reader;
use super::journal::What;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub at: Span,
    /// The first word of the section's head; empty before the first.
    pub section: String,
    /// With quotes and variables resolved, as the environment is at this line.
    pub words: Vec<String>,
    /// A condition, or a line that one left out.
    pub is_left_out: bool,
}

impl Reader {
    /// Nothing where nobody asks.
    pub(super) fn hear(&mut self, line: &Line, what: What) {
        let Some(heard) = &mut self.heard else { return };
        let words: Vec<String> = line.words.iter().map(|word| word.text.clone()).collect();
        let section = match what {
            What::Head => words.first().cloned().unwrap_or_default(),
            _ => heard.last().map(|before| before.section.clone()).unwrap_or_default(),
        };
        heard.push(Heard {
            at: line.span,
            section,
            words,
            is_left_out: what == What::Decided,
        });
    }
}
