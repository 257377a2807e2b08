//! `server` and `default-server` lines.

mod header;
mod options;

use std::ops::RangeInclusive;
use std::sync::Arc;

use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Spanned};

use super::args::{Args, Outcome, bad_address};
use super::option::{self, WordOption};
use super::unsupported::SERVER_OPTIONS;
use super::{resolvers, section, tls};
use crate::draft::{Proxy, Server, ServerOptions};
use crate::plan::{Host, ServerPort};
use crate::tls::Words;
use crate::{address, code};

pub(crate) use header::told;
use options::OPTIONS;

/// What a line may set: options that `default-server` shares, and an id that it does not.
pub(super) struct Target {
    pub(super) options: ServerOptions,
    pub(super) tls: Words,
    id: Option<Spanned<u32>>,
    guid: Option<Arc<str>>,
}

pub(super) const TABLES: &[&[WordOption<Target>]] = &[OPTIONS, tls::OF_SERVER, resolvers::OF_SERVER];

pub(super) fn line(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let name = section::name(args.word("the server's name")?)?;
    let server = rest_of_line(proxy, args, name)?;
    proxy.servers.push(server);
    Ok(())
}

/// `server-template PREFIX N|FIRST-LAST ADDRESS …`: as many servers of one name, which get their addresses as they are
/// found, or of one address, until somebody gives them others.
pub(super) fn template(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let prefix = section::name(args.word("what the servers' names begin with")?)?;
    let numbers = numbers(args.word("how many servers")?)?;
    let server = rest_of_line(proxy, args, prefix)?;
    proxy.servers.extend(server.numbered(numbers));
    Ok(())
}

fn numbers(word: &Word) -> Result<RangeInclusive<u32>, Diagnostic> {
    const MOST: u32 = 10_000;
    let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n > 0);
    let range = match word.text.split_once('-') {
        None => number(&word.text).map(|last| 1..=last),
        Some((first, last)) => number(first).zip(number(last)).map(|(first, last)| first..=last),
    };
    range
        .filter(|range| !range.is_empty() && range.end() - range.start() < MOST)
        .ok_or_else(|| {
            Diagnostic::error(
                code::BAD_VALUE,
                word.span,
                format!("`{}` is no number of servers", word.text),
            )
            .help("write 5, or 3-7 for the servers with these numbers")
        })
}

/// The address and the options.
fn rest_of_line(proxy: &mut Proxy, args: &mut Args<'_>, name: Spanned<Arc<str>>) -> Result<Server, Diagnostic> {
    let address = server_address(args, &name);
    let mut target = Target {
        options: proxy.settings.server.clone(),
        tls: proxy.settings.server_tls.clone(),
        id: None,
        guid: None,
    };
    // The options are read even behind a bad address, so that all mistakes show at once.
    option::read(TABLES, SERVER_OPTIONS, "server", &mut target, args);
    let (host, port) = address?;
    let origin = args.origin();
    Ok(Server {
        name,
        host,
        port,
        id: target.id,
        options: target.options,
        tls: Spanned::new(target.tls, args.line_span()),
        origin,
        guid: target.guid,
    })
}

/// A word of the options in the address's place is an address that was forgotten.
fn server_address(args: &mut Args<'_>, name: &Spanned<Arc<str>>) -> Result<(Host, ServerPort), Diagnostic> {
    let forgotten = |word: &str| {
        TABLES.iter().copied().flatten().any(|option| option.word == word)
            || SERVER_OPTIONS.iter().any(|option| option.word == word)
    };
    if args
        .peek()
        .is_none_or(|word| word.text.is_empty() || forgotten(&word.text))
    {
        let message = format!("server `{}` has no address", name.value);
        return Err(Diagnostic::error(code::NO_ADDRESS, name.span, message)
            .help(format!("write `server {} ADDRESS:PORT`", name.value)));
    }
    let word = args.word("an address")?;
    address::server_or_any(&word.text).map_err(|error| bad_address(word, &error))
}

pub(super) fn defaults(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let mut target = Target {
        options: proxy.settings.server.clone(),
        tls: proxy.settings.server_tls.clone(),
        id: None,
        guid: None,
    };
    option::read(TABLES, SERVER_OPTIONS, "default-server", &mut target, args);
    proxy.settings.server = target.options;
    proxy.settings.server_tls = target.tls;
    match target.id {
        None => Ok(()),
        Some(id) => Err(Diagnostic::error(
            code::MISPLACED,
            id.span,
            "an id cannot be the default of several servers",
        )
        .help("write `id` on the `server` line")),
    }
}
