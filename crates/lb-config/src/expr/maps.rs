//! The `map` converters: a file of keys and values, read once.

use std::borrow::Cow;

use tandem_lb_core::acl::{Map, MapKind, Numbers, Regex, TextMatch, Texts};
use tandem_lb_core::expr::{Kind, Sample};

use super::args::Args;
use super::call::Call;
use super::{ExprError, unknown};
use crate::acl::{network, number_range};

/// `map_<match>[_<output>]`; `map` alone compares texts.
pub(super) fn read(suffix: &str, call: &Call<'_>, args: &mut Args<'_>) -> Result<Map, ExprError> {
    let mut words = suffix.split('_').skip(1);
    let how = words.next().unwrap_or("str");
    let output = match words.next() {
        None | Some("str") => Kind::Text,
        Some("int") => Kind::Int,
        Some("ip") => Kind::Ip,
        Some(_) => return Err(odd(call)),
    };
    let path = args.text("a file")?;
    let content = (args.world.file)(path).map_err(|why| args.bad(format!("cannot read `{path}`: {why}")))?;
    let rows: Vec<(&str, &str)> = rows(&content).map_err(|why| args.bad(format!("`{path}`: {why}")))?;
    let in_file = |why: String| args.bad(format!("`{path}`: {why}"));
    let keys = || rows.iter().map(|(key, _)| *key);
    let texts = |how| MapKind::Text(Texts::of(how, false, keys().map(|key| key.as_bytes().into())));
    let keys = match how {
        "str" => texts(TextMatch::Equal),
        "beg" => texts(TextMatch::Begins),
        "end" => texts(TextMatch::Ends),
        "sub" => texts(TextMatch::Contains),
        "dir" => texts(TextMatch::Directory),
        "dom" => texts(TextMatch::Domain),
        "ip" => MapKind::Ip(keys().map(network).collect::<Result<_, _>>().map_err(in_file)?),
        "int" => MapKind::Int(Numbers(
            keys().map(number_range).collect::<Result<_, _>>().map_err(in_file)?,
        )),
        "reg" => MapKind::Regex(
            keys()
                .map(|key| Regex::new(key, false).map_err(|error| error.to_string()))
                .collect::<Result<_, _>>()
                .map_err(in_file)?,
        ),
        _ => return Err(odd(call)),
    };
    let values = rows.iter().map(|(_, text)| value(text, output));
    let values = values.collect::<Result<_, _>>().map_err(in_file)?;
    let otherwise = args.maybe().map(|text| value(text, output)).transpose();
    let otherwise = otherwise.map_err(|why| args.bad(why))?;
    Ok(Map {
        keys,
        values,
        otherwise,
        output,
    })
}

fn odd(call: &Call<'_>) -> ExprError {
    let known = [
        "map_str",
        "map_beg",
        "map_end",
        "map_sub",
        "map_dir",
        "map_dom",
        "map_reg",
        "map_ip",
        "map_int",
        "map_str_int",
        "map_str_ip",
        "map_ip_int",
    ];
    unknown("converter", call, known.into_iter())
}

/// Key and value; what stands behind a blank is the value, without blanks around it.
fn rows(content: &[u8]) -> Result<Vec<(&str, &str)>, String> {
    let lines = lines(content)?;
    let mut rows = Vec::new();
    for line in lines {
        let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        rows.push((key, value.trim()));
    }
    Ok(rows)
}

/// The lines of a file of patterns that say something: empty ones and those that begin with `#` do not.
pub(crate) fn lines(content: &[u8]) -> Result<Vec<&str>, String> {
    let text = std::str::from_utf8(content).map_err(|_| "it is not UTF-8".to_owned())?;
    let lines = text.lines().map(str::trim);
    Ok(lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect())
}

fn value(text: &str, output: Kind) -> Result<Sample<'static>, String> {
    match output {
        Kind::Int => text
            .parse()
            .map(Sample::Int)
            .map_err(|_| format!("the value `{text}` is not a number")),
        Kind::Ip => text
            .parse()
            .map(Sample::Ip)
            .map_err(|_| format!("the value `{text}` is not an address")),
        _ => Ok(Sample::Text(Cow::Owned(text.as_bytes().to_vec()))),
    }
}
