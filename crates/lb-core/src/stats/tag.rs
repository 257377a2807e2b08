//! What kind of thing a value is: three letters in the typed form, three words in JSON.

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Metric,
    Status,
    Key,
    Config,
    Product,
}

/// How it may be read, added up and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    Age,
    Avg,
    Counter,
    Duration,
    Gauge,
    Limit,
    Max,
    Name,
    Output,
    Rate,
}

/// Where it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Process,
    Service,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tags {
    pub origin: Origin,
    pub nature: Nature,
    pub scope: Scope,
}

impl Tags {
    pub const fn new(origin: Origin, nature: Nature, scope: Scope) -> Tags {
        Tags { origin, nature, scope }
    }

    pub(super) fn letters(self) -> [char; 3] {
        [self.origin.row().0, self.nature.row().0, self.scope.row().0]
    }

    pub(super) fn words(self) -> [&'static str; 3] {
        [self.origin.row().1, self.nature.row().1, self.scope.row().1]
    }
}

impl Origin {
    const fn row(self) -> (char, &'static str) {
        match self {
            Origin::Metric => ('M', "Metric"),
            Origin::Status => ('S', "Status"),
            Origin::Key => ('K', "Key"),
            Origin::Config => ('C', "Config"),
            Origin::Product => ('P', "Product"),
        }
    }
}

impl Nature {
    const fn row(self) -> (char, &'static str) {
        match self {
            Nature::Age => ('A', "Age"),
            Nature::Avg => ('a', "Avg"),
            Nature::Counter => ('C', "Counter"),
            Nature::Duration => ('D', "Duration"),
            Nature::Gauge => ('G', "Gauge"),
            Nature::Limit => ('L', "Limit"),
            Nature::Max => ('M', "Max"),
            Nature::Name => ('N', "Name"),
            Nature::Output => ('O', "Output"),
            Nature::Rate => ('R', "Rate"),
        }
    }
}

impl Scope {
    const fn row(self) -> (char, &'static str) {
        match self {
            Scope::Process => ('P', "Process"),
            Scope::Service => ('S', "Service"),
        }
    }
}
