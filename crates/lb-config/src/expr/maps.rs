//! The `map` converters: a file of keys and values, read once.

use tandem_lb_core::acl::{How, Map, Method};
use tandem_lb_core::expr::Kind;

use super::args::Args;
use super::call::Call;
use super::{ExprError, unknown};
use crate::shelf::{Shelf, Use};

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
    let has_groups = suffix == "_regm";
    let method = match how {
        "regm" if has_groups => named("reg"),
        "str" | "beg" | "end" | "sub" | "dir" | "dom" | "ip" | "int" | "reg" => named(how),
        _ => None,
    };
    let how = How {
        method: method.ok_or_else(|| odd(call))?,
        any_case: false,
    };
    let alone = Shelf::default();
    let shelf = args.world.lists.unwrap_or(&alone);
    let list = shelf.file(path, Use::Map, args.world);
    let list = list.map_err(|why| args.bad(format!("cannot read `{path}`: {why}")))?;
    let values = shelf.values(how, output, &list);
    let values = values.map_err(|why| args.bad(format!("`{path}`: {why}")))?;
    let otherwise = args.maybe().map(|text| Map::value(text, output)).transpose();
    let otherwise = otherwise.map_err(|why| args.bad(why.to_string()))?;
    Ok(Map {
        values,
        otherwise,
        has_groups,
    })
}

fn named(how: &str) -> Option<Method> {
    let known = Method::NAMED.iter().find(|(name, _)| *name == how);
    known.map(|(_, method)| *method)
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
        "map_regm",
        "map_ip",
        "map_int",
        "map_str_int",
        "map_str_ip",
        "map_ip_int",
    ];
    unknown("converter", call, known.into_iter())
}
