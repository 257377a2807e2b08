//! What an expression leans on beside the value that goes through it. Where nobody could give it or keep it, an
//! expression that wants it is refused when the configuration is read.

use super::{Converter, Expr, Operand, Scope, Secret, Variable};

/// What a converter wants from its surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use<'a> {
    Reads(&'a Variable),
    /// Or forgets it.
    Sets(&'a Variable),
    /// The state of a backend, a server or a stick table.
    Proxies,
}

impl Expr {
    /// What its converters use. Its fetch is not looked at.
    pub fn uses(&self) -> Vec<Use<'_>> {
        let mut uses = Vec::new();
        for converter in &self.converters {
            converter.uses(&mut uses);
        }
        uses
    }

    /// Whether a variable is another one afterwards.
    pub fn changes_variables(&self) -> bool {
        self.uses().iter().any(|used| matches!(used, Use::Sets(_)))
    }

    /// Whether only a connection can answer, or proxies that run.
    pub fn needs_connection(&self) -> bool {
        let is_elsewhere = |used: &Use<'_>| match used {
            Use::Reads(variable) | Use::Sets(variable) => variable.scope != Scope::Process,
            Use::Proxies => true,
        };
        self.fetch.needs_connection() || self.uses().iter().any(is_elsewhere)
    }
}

impl Converter {
    /// All are listed, so that a new one is not forgotten here.
    fn uses<'a>(&'a self, uses: &mut Vec<Use<'a>>) {
        let kept = |secret: &'a Secret| match secret {
            Secret::Kept(variable) => Some(Use::Reads(variable)),
            Secret::Given(_) => None,
        };
        match self {
            Converter::Arith(_, Operand::Variable(variable))
            | Converter::Compare(variable)
            | Converter::IsSecret(variable) => uses.push(Use::Reads(variable)),
            Converter::Concat { variable, .. } | Converter::AddItem { variable, .. } => {
                uses.extend(variable.as_ref().map(Use::Reads));
            }
            Converter::Authenticate(_, key) => uses.extend(kept(key)),
            Converter::Open(sealing, tag) => {
                uses.extend([&sealing.nonce, &sealing.key, tag].into_iter().filter_map(kept));
            }
            Converter::Seal(sealing, into) => {
                uses.extend([&sealing.nonce, &sealing.key].into_iter().filter_map(kept));
                uses.push(Use::Sets(into));
            }
            Converter::Keep(variable, _) | Converter::Forget(variable) => uses.push(Use::Sets(variable)),
            Converter::UsableServers | Converter::ServerQueue | Converter::Table { .. } => uses.push(Use::Proxies),
            Converter::Arith(_, Operand::Number(_))
            | Converter::IpMask { .. }
            | Converter::Text(_)
            | Converter::Hash(_)
            | Converter::Digest(_)
            | Converter::Not
            | Converter::Bool
            | Converter::Neg
            | Converter::Complement
            | Converter::Odd
            | Converter::Even
            | Converter::Length
            | Converter::Bytes { .. }
            | Converter::Replace { .. }
            | Converter::NetworkOrder
            | Converter::Chunks(_)
            | Converter::Query(_)
            | Converter::Token(..)
            | Converter::Protobuf(_)
            | Converter::Choose { .. }
            | Converter::Time(_)
            | Converter::FixIsValid
            | Converter::FixValue(_)
            | Converter::MqttIsValid
            | Converter::MqttField(..)
            | Converter::Map(_) => {}
        }
    }
}
