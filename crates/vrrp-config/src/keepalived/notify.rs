//! `notify_…`: the same words in instances and groups.

use super::args::{Args, Outcome};
use super::command;
use crate::plan::{Command, Notify};

/// Something that is told of changes.
pub(super) trait Notifies {
    fn notify(&mut self) -> &mut Notify;
}

fn set(args: &mut Args<'_>, target: &mut Option<Command>) -> Outcome {
    *target = Some(command::with_user(args)?);
    Ok(())
}

pub(super) fn master<C: Notifies>(target: &mut C, args: &mut Args<'_>) -> Outcome {
    set(args, &mut target.notify().master)
}

pub(super) fn backup<C: Notifies>(target: &mut C, args: &mut Args<'_>) -> Outcome {
    set(args, &mut target.notify().backup)
}

pub(super) fn fault<C: Notifies>(target: &mut C, args: &mut Args<'_>) -> Outcome {
    set(args, &mut target.notify().fault)
}

pub(super) fn stop<C: Notifies>(target: &mut C, args: &mut Args<'_>) -> Outcome {
    set(args, &mut target.notify().stop)
}

pub(super) fn any<C: Notifies>(target: &mut C, args: &mut Args<'_>) -> Outcome {
    set(args, &mut target.notify().any)
}

pub(super) fn deleted<C: Notifies>(target: &mut C, args: &mut Args<'_>) -> Outcome {
    target.notify().says_deleted = true;
    if args.peek().is_none() {
        return Ok(());
    }
    set(args, &mut target.notify().deleted)
}

pub(super) fn master_rx_lower<C: Notifies>(target: &mut C, args: &mut Args<'_>) -> Outcome {
    set(args, &mut target.notify().master_rx_lower)
}

pub(super) fn split_brain<C: Notifies>(target: &mut C, args: &mut Args<'_>) -> Outcome {
    set(args, &mut target.notify().split_brain)
}

pub(super) fn priority_changes<C: Notifies>(target: &mut C, args: &mut Args<'_>) -> Outcome {
    target.notify().priority_changes = args.switch()?;
    Ok(())
}

pub(super) fn smtp_alert<C: Notifies>(target: &mut C, args: &mut Args<'_>) -> Outcome {
    target.notify().smtp_alert = args.switch()?;
    Ok(())
}
