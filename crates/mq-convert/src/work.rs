//! What the rules have at hand while the files are read.

use crate::World;
use crate::draft::{Draft, Listener, Permits, Policy, User};
use crate::xml::Element;

/// Where a setting belongs to something that is not written.
pub(crate) const NOT_THERE: &str = "what it is about is not there";

/// What became of something.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Kept(String),
    Implied,
    NoEffect(String),
    /// The node does not have it.
    Missing(String),
    /// Nobody knows it.
    Unknown(String),
    /// Its value cannot be read.
    Wrong(String),
}

impl Outcome {
    pub(crate) fn kept(place: &str) -> Outcome {
        Outcome::Kept(place.to_owned())
    }

    pub(crate) fn missing(why: &str) -> Outcome {
        Outcome::Missing(why.to_owned())
    }

    pub(crate) fn no_effect(why: &str) -> Outcome {
        Outcome::NoEffect(why.to_owned())
    }
}

/// A setting (or an element itself) as it is said.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) element: &'a Element,
    /// Of the setting; empty for the element.
    pub(crate) name: &'a str,
    /// With names filled in.
    pub(crate) value: &'a str,
    /// A `${name}` in it that has no value.
    pub(crate) missing: Option<&'a str>,
    /// Its own place among the receipts.
    pub(crate) entry: usize,
}

impl Said<'_> {
    pub(crate) fn is_true(&self) -> bool {
        self.value.eq_ignore_ascii_case("true")
    }
}

pub(crate) struct Work<'a> {
    pub(crate) world: World<'a>,
    pub(crate) draft: Draft,
    /// What is open just now.
    pub(crate) listener: Option<Listener>,
    pub(crate) policy: Option<Policy>,
    pub(crate) redelivery: Option<Policy>,
    pub(crate) user: Option<User>,
    pub(crate) permits: Option<Permits>,
    pub(crate) address: String,
    /// What else is to be known about what is read just now.
    pub(crate) notes: Vec<String>,
    /// Receipts beside the one for what is read just now: its parts.
    pub(crate) beside: Vec<(String, Outcome)>,
    /// What becomes of earlier ones after all.
    pub(crate) amended: Vec<(usize, Outcome)>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(world: World<'a>) -> Work<'a> {
        Work {
            world,
            draft: Draft::default(),
            listener: None,
            policy: None,
            redelivery: None,
            user: None,
            permits: None,
            address: String::new(),
            notes: Vec::new(),
            beside: Vec::new(),
            amended: Vec::new(),
        }
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// A text with its `${names}` filled in as far as they are known.
    pub(crate) fn filled(&self, text: &str) -> String {
        crate::placeholder::fill(text, self.world).text
    }
}
