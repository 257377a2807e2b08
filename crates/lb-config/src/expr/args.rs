//! The arguments of one call, taken one after the other.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::{Range, RangeInclusive};

use tandem_text::nearest;

use super::call::Call;
use super::{ExprError, Reference, World, variable};
use crate::code;
use tandem_lb_core::expr::{Operand, Variable};

type Result<T> = std::result::Result<T, ExprError>;

pub(super) struct Args<'a> {
    call: &'a Call<'a>,
    next: usize,
    pub(super) world: World<'a>,
    references: &'a mut Vec<(Reference, Range<usize>)>,
}

impl<'a> Args<'a> {
    pub(super) fn new(
        call: &'a Call<'a>,
        world: World<'a>,
        references: &'a mut Vec<(Reference, Range<usize>)>,
    ) -> Self {
        Self {
            call,
            next: 0,
            world,
            references,
        }
    }

    /// Where the argument that was taken last stands.
    pub(super) fn at(&self) -> Range<usize> {
        let last = self.next.checked_sub(1).and_then(|at| self.call.args.get(at));
        last.map_or(self.call.name_at.clone(), |(_, at)| at.clone())
    }

    pub(super) fn refer(&mut self, reference: Reference) {
        let at = self.at();
        self.references.push((reference, at));
    }

    pub(super) fn bad(&self, message: impl Into<String>) -> ExprError {
        ExprError::new(code::BAD_VALUE, self.at(), message)
    }

    pub(super) fn maybe(&mut self) -> Option<&'a str> {
        let (text, _) = self.call.args.get(self.next)?;
        self.next += 1;
        Some(text)
    }

    /// Nothing is an argument of whatever has parentheses: an empty text.
    pub(super) fn text_or_empty(&mut self, what: &str) -> Result<&'a str> {
        let has_parentheses = self.call.at.len() > self.call.name_at.len();
        match self.call.args.is_empty() && has_parentheses {
            true => Ok(""),
            false => self.text(what),
        }
    }

    pub(super) fn has_more(&self) -> bool {
        self.next < self.call.args.len()
    }

    pub(super) fn text(&mut self, what: &str) -> Result<&'a str> {
        let name = self.call.name;
        let at = self.call.at.clone();
        self.maybe()
            .ok_or_else(|| ExprError::new(code::MISSING, at, format!("`{name}` needs {what}")))
    }

    /// One that may be left out, or empty.
    pub(super) fn filled(&mut self) -> Option<&'a str> {
        self.maybe().filter(|text| !text.is_empty())
    }

    pub(super) fn number(&mut self, what: &str, range: RangeInclusive<i64>) -> Result<i64> {
        let text = self.text(what)?;
        self.as_number(text, range)
    }

    pub(super) fn maybe_number(&mut self, range: RangeInclusive<i64>) -> Result<Option<i64>> {
        self.filled().map(|text| self.as_number(text, range)).transpose()
    }

    pub(super) fn as_number(&self, text: &str, range: RangeInclusive<i64>) -> Result<i64> {
        let number = text.parse().ok().filter(|n| range.contains(n));
        number.ok_or_else(|| match (range.start(), range.end()) {
            (&i64::MIN, &i64::MAX) => self.bad(format!("`{text}` is not a number")),
            (low, high) => self.bad(format!("`{text}` is not a number from {low} to {high}")),
        })
    }

    pub(super) fn unsigned(&mut self, what: &str) -> Result<u32> {
        let number = self.number(what, 0..=i64::from(u32::MAX))?;
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }

    pub(super) fn maybe_unsigned(&mut self) -> Result<Option<u32>> {
        let number = self.maybe_number(0..=i64::from(u32::MAX))?;
        Ok(number.and_then(|n| u32::try_from(n).ok()))
    }

    pub(super) fn choice<T: Copy>(&mut self, what: &str, choices: &[(&str, T)]) -> Result<T> {
        let text = self.text(what)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Ok(*value);
        }
        let error = self.bad(format!("`{text}` is not {what}"));
        Err(match nearest(text, choices.iter().map(|(name, _)| *name)) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                error.help(format!("write one of: {}", names.join(", ")))
            }
        })
    }

    pub(super) fn variable(&mut self) -> Result<Variable> {
        let text = self.text("a variable")?;
        variable(text, self.at())
    }

    /// A number or the name of a variable.
    pub(super) fn operand(&mut self) -> Result<Operand> {
        let text = self.text("a number or a variable")?;
        match text.parse() {
            Ok(number) => Ok(Operand::Number(number)),
            Err(_) if text.contains('.') => variable(text, self.at()).map(Operand::Variable),
            Err(_) => Err(self.bad(format!("`{text}` is neither a number nor a variable"))),
        }
    }

    /// A number of leading bits, or a mask.
    pub(super) fn v4_mask(&mut self) -> Result<u32> {
        let text = self.text("a mask")?;
        let width = text.parse().ok().filter(|width| *width <= 32);
        let mask = width.map(|width: u32| u32::MAX.checked_shl(32 - width).unwrap_or(0));
        mask.or_else(|| text.parse().ok().map(|mask: Ipv4Addr| mask.into()))
            .ok_or_else(|| self.bad(format!("`{text}` is not a mask of IPv4 addresses")))
    }

    pub(super) fn maybe_v6_mask(&mut self) -> Result<u128> {
        let Some(text) = self.filled() else {
            return Ok(u128::MAX);
        };
        let width = text.parse().ok().filter(|width| *width <= 128);
        let mask = width.map(|width: u32| u128::MAX.checked_shl(128 - width).unwrap_or(0));
        mask.or_else(|| text.parse().ok().map(|mask: Ipv6Addr| mask.into()))
            .ok_or_else(|| self.bad(format!("`{text}` is not a mask of IPv6 addresses")))
    }

    /// Nothing may be left over.
    pub(super) fn finish(&self) -> Result<()> {
        let Some((text, at)) = self.call.args.get(self.next) else {
            return Ok(());
        };
        let message = format!("`{text}` is too much for `{}`", self.call.name);
        Err(ExprError::new(code::EXTRA, at.clone(), message).help("leave it out"))
    }
}
