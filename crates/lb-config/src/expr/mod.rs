//! Text to an [`Expr`]: `fetch(args),converter(args),…`, with the place of every mistake.

mod args;
mod call;
mod converters;
mod counters;
mod fetches;
mod kept;
mod maps;
mod refused;
mod secrets;
mod times;
mod tls;

use std::ops::Range;
use std::path::Path;

use tandem_lb_core::expr::{Expr, Kind, Scope, Variable};
use tandem_lb_core::stick::DataType;
use tandem_text::{Code, Span, nearest};

use crate::code;
use crate::shelf::Shelf;
use args::Args;
use call::Call;
pub(crate) use converters::names as converters;
pub(crate) use counters::{SLOTS, converters as table_converters, fetches as counter_fetches};
pub(crate) use fetches::known;
pub(crate) use kept::{condition_of_variables, conditions_of_variables};
pub(crate) use refused::{CONVERTERS as REFUSED_CONVERTERS, FETCHES as REFUSED_FETCHES};

/// What parsing may ask: the environment, and files that the configuration names.
#[derive(Clone, Copy)]
pub struct World<'a> {
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// A file's content, or why it cannot be read.
    pub file: &'a dyn Fn(&str) -> Result<Vec<u8>, String>,
    /// Where lists of patterns are kept together.
    pub(crate) lists: Option<&'a Shelf>,
    /// The line that is read.
    pub(crate) line: Option<Span>,
    /// The proxy that is being read: its stick table is meant where none is named.
    pub(crate) proxy: Option<&'a str>,
    /// Where paths begin that do not begin with `/`; where the process was started if nobody says.
    pub(crate) base: Option<&'a Path>,
}

impl<'a> World<'a> {
    pub fn new(
        env: &'a dyn Fn(&str) -> Option<String>,
        file: &'a dyn Fn(&str) -> Result<Vec<u8>, String>,
    ) -> World<'a> {
        World {
            env,
            file,
            lists: None,
            line: None,
            proxy: None,
            base: None,
        }
    }
}

/// Something that an expression names and that has to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    Frontend(String),
    Backend(String),
    /// That of the proxy itself, which then has to have one.
    OwnBackend,
    /// `backend/server`, or a server of the proxy itself.
    Server(Option<String>, String),
    /// The stick table of this proxy.
    Table(String),
    /// That it counts this.
    Stored(String, DataType),
    /// That its keys can be made of such values.
    Keyed(String, Kind),
    Userlist(String),
    /// A section `resolvers`.
    Resolvers(String),
    /// A `filter` of the proxy itself.
    Limiter(String),
    /// And one that connections do not share.
    OwnLimiter(String),
    /// Which rule decided last, which then is remembered.
    LastRule,
}

/// An expression, and how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spelled {
    pub(crate) text: String,
    pub(crate) expr: Expr,
}

/// An expression, and what it leans on.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(crate) expr: Expr,
    pub(crate) references: Vec<(Reference, Range<usize>)>,
}

/// What is wrong, and where in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExprError {
    pub(crate) at: Range<usize>,
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl ExprError {
    pub(crate) fn new(code: Code, at: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            at,
            code,
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// Reads one expression; all of the text belongs to it.
pub(crate) fn parse(text: &str, world: World<'_>) -> Result<Parsed, ExprError> {
    let calls = call::split(text)?;
    let mut references = Vec::new();
    let mut expr: Option<Expr> = None;
    for call in calls {
        let mut args = Args::new(&call, world, &mut references);
        match &mut expr {
            None => expr = Some(Expr::of(fetches::read(&call, &mut args)?)),
            Some(expr) => {
                let converter = converters::read(&call, &mut args)?;
                let kind = expr.kind();
                if !kind.becomes(converter.input()) {
                    let message = format!(
                        "`{}` takes a value of the type {}, and is given one of the type {}",
                        call.name,
                        converter.input().word(),
                        kind.word()
                    );
                    return Err(ExprError::new(code::BAD_VALUE, call.name_at.clone(), message));
                }
                expr.converters.push(converter);
            }
        }
        args.finish()?;
    }
    match expr {
        Some(expr) => Ok(Parsed { expr, references }),
        None => Err(ExprError::new(code::MISSING, 0..text.len(), "an expression is missing")),
    }
}

/// `scope.name`
pub(crate) fn variable(text: &str, at: Range<usize>) -> Result<Variable, ExprError> {
    const SCOPES: [(&str, Scope); 6] = [
        ("proc", Scope::Process),
        ("sess", Scope::Session),
        ("txn", Scope::Transaction),
        ("req", Scope::Request),
        ("res", Scope::Response),
        ("check", Scope::Check),
    ];
    let bad = |message: String| ExprError::new(code::BAD_VALUE, at.clone(), message);
    let (scope, name) = text
        .split_once('.')
        .ok_or_else(|| bad(format!("`{text}` is no variable")).help("write it with its scope, such as `txn.name`"))?;
    let Some((_, scope)) = SCOPES.iter().find(|(word, _)| *word == scope) else {
        let error = bad(format!("`{scope}` is no scope of variables"));
        return Err(error.help("the scopes are: proc, sess, txn, req, res, check"));
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    if name.is_empty() || !name.chars().all(fits) {
        return Err(bad(format!("`{name}` is no name of a variable")).help("it has letters, digits, _ and . only"));
    }
    Ok(Variable {
        scope: *scope,
        name: name.into(),
    })
}

/// For a name that no table has.
fn unknown<'a>(what: &str, call: &Call<'_>, known: impl Iterator<Item = &'a str>) -> ExprError {
    let error = ExprError::new(
        code::UNKNOWN,
        call.name_at.clone(),
        format!("`{}` is no {what}", call.name),
    );
    match nearest(call.name, known) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// For a name that HAProxy knows and we do not.
fn unsupported(call: &Call<'_>, why: &str) -> ExprError {
    let message = format!("`{}` is known to HAProxy, but not supported", call.name);
    ExprError::new(code::UNSUPPORTED, call.name_at.clone(), message).help(why)
}

#[cfg(test)]
mod tests;
