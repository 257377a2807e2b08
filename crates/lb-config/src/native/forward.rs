//! `mode = "forward"`, in the native form.

use tandem_text::{Diagnostic, Spanned};

use super::lower::Lowering;
use super::model;
use super::value::{Number, Time, Value};
use crate::code;
use crate::draft::{Mode, Proxy};
use crate::plan::Forward;

impl Lowering<'_> {
    /// The mode is a word of its own here; further on a section that is forwarded is one of `tcp`.
    pub(super) fn forward(&mut self, written: Option<toml::Spanned<model::Forward>>, proxy: &mut Proxy) {
        let is_forwarded = proxy.settings.mode == Mode::Forward;
        let at = written
            .as_ref()
            .map_or(proxy.name.span, |table| self.span(table.span()));
        if !is_forwarded {
            if written.is_some() {
                let message = format!("`{}` is not forwarded, so this means nothing", proxy.name.value);
                self.report
                    .push(Diagnostic::error(code::CONFLICT, at, message).help("add `mode = \"forward\"`"));
            }
            return;
        }
        proxy.settings.mode = Mode::Tcp;
        if !proxy.role.accepts() {
            let message = format!(
                "`{}` is a backend: how clients come to it is for its frontend to say",
                proxy.name.value
            );
            self.report.push(
                Diagnostic::error(code::MISPLACED, at, message).help("write `mode = \"forward\"` in the frontend"),
            );
            return;
        }
        let (usual, written) = (
            Forward::default(),
            written.map(toml::Spanned::into_inner).unwrap_or_default(),
        );
        let forward = Forward {
            key: written.hash.map_or(usual.key, |key| key.0),
            seed: written.seed.map_or(usual.seed, |seed| seed.0.0),
            pin_for: written.pin.map_or(usual.pin_for, |time| time.0.0),
            pins: written.pins.map_or(usual.pins, |most| most.0.0),
            ..usual
        };
        proxy.forward = Some(Spanned::new(forward, at));
    }
}

/// The table of a section, as far as it is not as usual.
pub(super) fn table(forward: &Forward) -> model::Forward {
    let Forward {
        at: _,
        key,
        seed,
        pin_for,
        pins,
    } = forward;
    let usual = Forward::default();
    model::Forward {
        hash: (*key != usual.key).then_some(Value(*key)),
        seed: (*seed != usual.seed).then_some(Value(Number(*seed))),
        pin: (*pin_for != usual.pin_for).then_some(Value(Time(*pin_for))),
        pins: (*pins != usual.pins).then_some(Value(Number(*pins))),
    }
}
