//! The blocks, with what each knows.

use super::keyword::{Keyword, Kind};
use super::{
    bfd, garp_group, global, group, hmac, instance, pair_link, script, top, track_file, track_lb, track_process,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Top,
    Global,
    Instance,
    Authentication,
    Hmac,
    Quorum,
    Group,
    Script,
    TrackFile,
    TrackProcess,
    TrackLb,
    TrackGroup,
    Bfd,
    GarpGroup,
    PairLink,
}

type Entry = (&'static str, Kind, &'static str);

impl Section {
    pub(crate) const ALL: [Self; 15] = [
        Self::Top,
        Self::Global,
        Self::Instance,
        Self::Authentication,
        Self::Hmac,
        Self::Quorum,
        Self::Group,
        Self::Script,
        Self::TrackFile,
        Self::TrackProcess,
        Self::TrackLb,
        Self::TrackGroup,
        Self::Bfd,
        Self::GarpGroup,
        Self::PairLink,
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Top => "",
            Self::Global => "global_defs",
            Self::Instance => "vrrp_instance",
            Self::Authentication => "authentication",
            Self::Hmac => "auth_hmac",
            Self::Quorum => "quorum",
            Self::Group => "vrrp_sync_group",
            Self::Script => "vrrp_script",
            Self::TrackFile => "track_file",
            Self::TrackProcess => "vrrp_track_process",
            Self::TrackLb => "track_lb",
            Self::TrackGroup => "track_group",
            Self::Bfd => "bfd_instance",
            Self::GarpGroup => "garp_group",
            Self::PairLink => "pair_link",
        }
    }

    pub(crate) fn entries(self) -> Vec<Entry> {
        fn of<C>(tables: &[&'static [Keyword<C>]]) -> Vec<Entry> {
            let keywords = tables.iter().flat_map(|table| table.iter());
            keywords
                .map(|keyword| (keyword.word, keyword.kind, keyword.summary))
                .collect()
        }
        match self {
            Self::Top => of(&[top::KEYWORDS]),
            Self::Global => of(global::TABLES),
            Self::Instance => of(instance::TABLES),
            Self::Authentication => of(&[instance::AUTHENTICATION]),
            Self::Hmac => of(&[hmac::KEYWORDS]),
            Self::Quorum => of(&[instance::QUORUM]),
            Self::Group => of(group::TABLES),
            Self::Script => of(&[script::KEYWORDS]),
            Self::TrackFile => of(&[track_file::KEYWORDS]),
            Self::TrackProcess => of(&[track_process::KEYWORDS]),
            Self::TrackLb => of(&[track_lb::KEYWORDS]),
            Self::TrackGroup => of(&[group::TRACK_GROUP]),
            Self::Bfd => of(&[bfd::KEYWORDS]),
            Self::GarpGroup => of(&[garp_group::KEYWORDS]),
            Self::PairLink => of(&[pair_link::KEYWORDS]),
        }
    }
}
