//! The environment as the file changes it: `setenv`, `presetenv`, `unsetenv`, `resetenv`. It holds for the lines that
//! follow, and nothing of the process itself changes.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tandem_text::Diagnostic;

use super::args::{Args, Outcome};
use super::keyword::explained;
use crate::code;

#[derive(Debug, Default)]
pub(super) struct Environment(RefCell<Changes>);

#[derive(Debug, Default)]
struct Changes {
    /// Set, or taken away.
    names: BTreeMap<String, Option<String>>,
    /// What is not named is gone.
    is_reset: bool,
}

impl Environment {
    pub(super) fn look_up(&self, name: &str, outside: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let changes = self.0.borrow();
        match changes.names.get(name) {
            Some(value) => value.clone(),
            None if changes.is_reset => None,
            None => outside(name),
        }
    }

    /// Reads the line if it is one of these.
    pub(super) fn line(&self, args: &mut Args<'_>) -> Option<Outcome> {
        let word = args.peek()?;
        let read = match word.text.as_str() {
            "setenv" => Environment::set,
            "presetenv" => Environment::preset,
            "unsetenv" => Environment::unset,
            "resetenv" => Environment::reset,
            _ => return None,
        };
        args.skip(1);
        let read = read(self, args).and_then(|()| args.finish(&word.text));
        Some(read.map_err(|diagnostic| explained(diagnostic, &word.text, "NAME, and for some of them a value")))
    }

    fn set(&self, args: &mut Args<'_>) -> Outcome {
        let (name, value) = (name(args)?, args.text("a value")?);
        self.0.borrow_mut().names.insert(name, Some(value));
        Ok(())
    }

    fn preset(&self, args: &mut Args<'_>) -> Outcome {
        let (name, value) = (name(args)?, args.text("a value")?);
        if self.look_up(&name, args.world.env).is_none() {
            self.0.borrow_mut().names.insert(name, Some(value));
        }
        Ok(())
    }

    fn unset(&self, args: &mut Args<'_>) -> Outcome {
        self.0.borrow_mut().names.insert(name(args)?, None);
        while args.peek().is_some() {
            self.0.borrow_mut().names.insert(name(args)?, None);
        }
        Ok(())
    }

    /// Takes away all but the named ones.
    fn reset(&self, args: &mut Args<'_>) -> Outcome {
        let mut kept = BTreeMap::new();
        while args.peek().is_some() {
            let name = name(args)?;
            let value = self.look_up(&name, args.world.env);
            kept.insert(name, value);
        }
        *self.0.borrow_mut() = Changes {
            names: kept,
            is_reset: true,
        };
        Ok(())
    }
}

fn name(args: &mut Args<'_>) -> Result<String, Diagnostic> {
    let word = args.word("the name of a variable")?;
    if word.text.contains('=') {
        let message = format!("`{}` is no name of a variable", word.text);
        return Err(Diagnostic::error(code::BAD_VALUE, word.span, message).help("write the value as a word of its own"));
    }
    Ok(word.text.clone())
}
