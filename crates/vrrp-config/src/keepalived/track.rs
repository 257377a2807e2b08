//! `track_…` blocks and weights.

use tandem_text::Diagnostic;
use tandem_vrrp_core::settings::Weight;

use super::args::{Args, Outcome};
use crate::draft::{OwnWeight, Track, TrackKind};

/// `WEIGHT [reverse]`
pub(super) fn own_weight(args: &mut Args<'_>, most: i64) -> Result<OwnWeight, Diagnostic> {
    Ok(OwnWeight {
        value: args.number(-most..=most)?,
        reverse: reverse(args).unwrap_or_default(),
    })
}

fn reverse(args: &mut Args<'_>) -> Option<bool> {
    if args.accept("reverse") {
        return Some(true);
    }
    (args.accept("noreverse") || args.accept("no_reverse")).then_some(false)
}

/// The lines of a block: `NAME [weight WEIGHT [reverse]]`.
pub(super) fn uses(args: &mut Args<'_>, kind: TrackKind, tracks: &mut Vec<Track>) -> Outcome {
    args.lines(|line| {
        let name = line.name("a name")?;
        let mut track = Track {
            kind,
            name,
            weight: None,
            reverse: None,
        };
        if line.accept("weight") {
            let most = match kind {
                TrackKind::File | TrackKind::Process => 254,
                _ => 253,
            };
            track.weight = Some(line.number(-most..=most)?);
            track.reverse = reverse(line);
        }
        tracks.push(track);
        Ok(())
    })
}

/// What counts when nothing else is said about a use.
pub(crate) const fn weight(track: &Track, own: OwnWeight) -> Weight {
    let value = match track.weight {
        Some(value) => value,
        None => own.value,
    };
    let reverse = match (track.reverse, track.weight) {
        (Some(reverse), _) => reverse,
        (None, Some(_)) => false,
        (None, None) => own.reverse,
    };
    Weight { value, reverse }
}
