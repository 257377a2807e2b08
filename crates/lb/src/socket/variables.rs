//! `get var` and `set var`: the variables of the process, which rules read and write as well.

use tandem_lb_config::{self as plan, Dialect, NamedText};
use tandem_lb_core::expr::{Kind, Sample, Scope, Variable};
use tandem_lb_core::rules::{Action, Made};
use tandem_ops::control::{Call, Reply};

use super::Room;
use crate::directory::Nobody;

pub(super) fn get(room: &Room, call: &Call) -> Reply {
    let name = call.arg(0);
    if name.is_empty() {
        return Reply::error("Missing process-wide variable identifier.");
    }
    let value = named(name).and_then(|variable| room.directory.variable(&variable));
    let Some(value) = value else {
        return Reply::error("Variable not found.");
    };
    let kind = match value.kind() {
        Kind::Any => "any",
        Kind::Bool => "bool",
        Kind::Int => "sint",
        Kind::Ip => "addr",
        Kind::V4 => "ipv4",
        Kind::V6 => "ipv6",
        Kind::Text => "str",
        Kind::Binary => "bin",
    };
    Reply::info(format!("{name}: type={kind} value=<{}>", shown(value)))
}

/// HAProxy lets this be done in its experimental mode only; here nothing has to be switched on for it.
pub(super) fn set(room: &Room, call: &Call) -> Reply {
    let name = call.arg(0);
    if name.is_empty() {
        return Reply::error("Missing process-wide variable identifier.");
    }
    let (how, text) = match call.args() {
        [_] => return Reply::error("Missing either 'expr', 'fmt' or expression."),
        [_, text] => ("expr", text.as_str()),
        [_, how, text, ..] => (how.as_str(), text.as_str()),
        [] => return Reply::Done,
    };
    if how != "expr" {
        return Reply::error(format!("'set var': arg type must be 'expr', but got '{how}'."));
    }
    if !name.starts_with("proc.") {
        return Reply::error(format!(
            "'set var': cannot set variable '{name}', only scope 'proc' is permitted here."
        ));
    }
    let (variable, made) = match read(name, text) {
        Ok(read) => read,
        Err(why) => return Reply::error(why),
    };
    match made.value(&Nobody(&room.directory)) {
        Some(value) => {
            room.directory.set_variable(&variable, Some(value));
            Reply::Done
        }
        None => Reply::error("'set var': the expression has no value where there is no connection."),
    }
}

fn named(name: &str) -> Option<Variable> {
    Some(Variable {
        scope: Scope::Process,
        name: name.strip_prefix("proc.")?.into(),
    })
}

/// The rule that a configuration would hold.
fn read(name: &str, text: &str) -> Result<(Variable, Made), String> {
    let is_odd = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '#' | '$');
    if name.contains(is_odd) || text.contains(is_odd) {
        return Err("quotes, blanks, backslashes, '$' and '#' cannot be part of an expression here".to_owned());
    }
    let text = format!("frontend x\n timeout client 1s\n tcp-request content set-var({name}) {text}\n");
    let loaded = plan::load(&[NamedText::new("set var", text)], &|_| None, Some(Dialect::Haproxy));
    let errors = loaded.diagnostics.iter().filter(|d| d.is_error());
    let errors: Vec<String> = errors.map(|d| d.message.clone()).collect();
    if !errors.is_empty() {
        return Err(errors.join("\n"));
    }
    let frontend = loaded.plan.and_then(|plan| plan.frontends.into_iter().next());
    let rule = frontend.and_then(|f| f.requests.content.rules.into_iter().next());
    match rule.map(|rule| rule.action) {
        Some(Action::SetVar(variable, when, made)) if when.is_empty() => Ok((variable, made)),
        _ => Err(format!("'set var': '{name}' cannot be set")),
    }
}

/// HAProxy writes truth as a number, and nothing of what is binary up to its first zero; here it is hexadecimal.
fn shown(value: Sample<'_>) -> String {
    match value {
        Sample::Bool(truth) => u8::from(truth).to_string(),
        Sample::Binary(bytes) => bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
        other => String::from_utf8_lossy(&other.into_text()).into_owned(),
    }
}
