//! What is shown and what a key does: the whole of `top` without a terminal.

use clap::ValueEnum;

use super::snapshot::{Kind, Row, Snapshot};

/// What rows are ordered by. Without one they stand as they were configured; otherwise there are only servers, the
/// largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Sort {
    #[default]
    Configured,
    Name,
    Status,
    Sessions,
    Rate,
    In,
    Out,
    Queue,
    Errors,
}

/// What may be done to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Ready,
    Drain,
    Maint,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) backend: String,
    pub(super) server: String,
}

/// What keys mean at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    #[default]
    Browse,
    /// The filter is being typed.
    Filter,
    /// An order waits for a yes.
    Confirm(Order, Target),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Enter,
    Escape,
    Backspace,
    Interrupt,
    Char(char),
}

/// What a key leads to beyond the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Quit,
    Do(Order, Target),
}

/// So many rows are passed by a page key.
const PAGE: usize = 10;
/// A longer filter finds nothing.
const LONGEST: usize = 60;

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    snapshot: Option<Snapshot>,
    sort: Sort,
    is_turned: bool,
    filter: String,
    selected: usize,
    mode: Mode,
    /// What came of the latest order or question, when it is worth a word.
    said: Option<String>,
}

impl Sort {
    const ALL: [Sort; 9] = [
        Sort::Configured,
        Sort::Name,
        Sort::Status,
        Sort::Sessions,
        Sort::Rate,
        Sort::In,
        Sort::Out,
        Sort::Queue,
        Sort::Errors,
    ];

    fn moved(self, by: usize) -> Sort {
        let place = Sort::ALL.iter().position(|other| *other == self).unwrap_or(0);
        Sort::ALL[(place + by) % Sort::ALL.len()]
    }
}

impl Order {
    pub(super) fn word(self) -> &'static str {
        match self {
            Order::Ready => "ready",
            Order::Drain => "drain",
            Order::Maint => "maint",
        }
    }
}

impl State {
    pub(super) fn new(sort: Sort, filter: String) -> State {
        State {
            sort,
            filter,
            ..State::default()
        }
    }

    /// A new moment has come.
    pub(super) fn take(&mut self, mut snapshot: Snapshot) {
        if let Some(before) = &self.snapshot {
            snapshot.compare(before);
        }
        let selected = self.selected_row().map(identity);
        self.snapshot = Some(snapshot);
        // The same server stays selected wherever it has moved.
        let place = selected.and_then(|wanted| self.rows().iter().position(|row| identity(row) == wanted));
        self.select(place.unwrap_or(self.selected));
    }

    pub(super) fn say(&mut self, text: Option<String>) {
        self.said = text;
    }

    pub(super) fn handle(&mut self, key: Key) -> Option<Wish> {
        if key == Key::Interrupt {
            return Some(Wish::Quit);
        }
        match &self.mode {
            Mode::Browse => self.browse(key),
            Mode::Filter => {
                self.type_filter(key);
                None
            }
            Mode::Confirm(order, target) => {
                let wish = matches!(key, Key::Char('y' | 'Y')).then(|| Wish::Do(*order, target.clone()));
                self.said = wish.is_none().then(|| "not done".to_owned());
                self.mode = Mode::Browse;
                wish
            }
        }
    }

    fn browse(&mut self, key: Key) -> Option<Wish> {
        self.said = None;
        match key {
            Key::Char('q') => return Some(Wish::Quit),
            Key::Up | Key::Char('k') => self.select(self.selected.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.select(self.selected + 1),
            Key::PageUp => self.select(self.selected.saturating_sub(PAGE)),
            Key::PageDown => self.select(self.selected + PAGE),
            Key::First => self.select(0),
            Key::Last => self.select(usize::MAX),
            Key::Char('>') => self.order_by(self.sort.moved(1)),
            Key::Char('<') => self.order_by(self.sort.moved(Sort::ALL.len() - 1)),
            Key::Char('i') => self.is_turned = !self.is_turned,
            Key::Char('/') => self.mode = Mode::Filter,
            Key::Escape => self.filter.clear(),
            Key::Char('d') => self.ask_for(Order::Drain),
            Key::Char('m') => self.ask_for(Order::Maint),
            Key::Char('r') => self.ask_for(Order::Ready),
            _ => {}
        }
        None
    }

    fn type_filter(&mut self, key: Key) {
        match key {
            Key::Enter => self.mode = Mode::Browse,
            Key::Escape => {
                self.filter.clear();
                self.mode = Mode::Browse;
            }
            Key::Backspace => drop(self.filter.pop()),
            Key::Char(c) if self.filter.len() < LONGEST => self.filter.push(c),
            _ => {}
        }
        self.select(self.selected);
    }

    fn ask_for(&mut self, order: Order) {
        let server = self.selected_row().filter(|row| row.kind == Kind::Server);
        match server {
            Some(row) => {
                let target = Target {
                    backend: row.proxy.clone(),
                    server: row.name.clone(),
                };
                self.mode = Mode::Confirm(order, target);
            }
            None => self.said = Some("select a server first".to_owned()),
        }
    }

    fn order_by(&mut self, sort: Sort) {
        self.sort = sort;
        self.select(0);
    }

    fn select(&mut self, place: usize) {
        self.selected = place.min(self.rows().len().saturating_sub(1));
    }

    /// What is shown, in its order.
    pub(super) fn rows(&self) -> Vec<&Row> {
        let all = self.snapshot.iter().flat_map(|snapshot| &snapshot.rows);
        let is_sorted = self.sort != Sort::Configured;
        let mut rows: Vec<&Row> = all
            .filter(|row| row.proxy.contains(&self.filter) || row.name.contains(&self.filter))
            .filter(|row| !is_sorted || row.kind == Kind::Server)
            .collect();
        let by_size = |of: fn(&Row) -> u64| move |row: &&Row| std::cmp::Reverse(of(row));
        match self.sort {
            Sort::Configured => {}
            Sort::Name => rows.sort_by(|a, b| (&a.name, &a.proxy).cmp(&(&b.name, &b.proxy))),
            Sort::Status => rows.sort_by(|a, b| a.status.cmp(&b.status)),
            Sort::Sessions => rows.sort_by_key(by_size(|row| row.sessions)),
            Sort::Rate => rows.sort_by_key(by_size(|row| row.rate)),
            Sort::In => rows.sort_by_key(by_size(|row| row.in_rate.unwrap_or(0))),
            Sort::Out => rows.sort_by_key(by_size(|row| row.out_rate.unwrap_or(0))),
            Sort::Queue => rows.sort_by_key(by_size(|row| row.queue)),
            Sort::Errors => rows.sort_by_key(by_size(|row| row.errors)),
        }
        if is_sorted && self.is_turned {
            rows.reverse();
        }
        rows
    }

    pub(super) fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    pub(super) fn selected(&self) -> usize {
        self.selected
    }

    pub(super) fn sort(&self) -> Sort {
        self.sort
    }

    pub(super) fn filter(&self) -> &str {
        &self.filter
    }

    pub(super) fn mode(&self) -> &Mode {
        &self.mode
    }

    pub(super) fn said(&self) -> Option<&str> {
        self.said.as_deref()
    }

    fn selected_row(&self) -> Option<&Row> {
        self.rows().get(self.selected).copied()
    }
}

fn identity(row: &Row) -> (String, String) {
    (row.proxy.clone(), row.name.clone())
}

#[cfg(test)]
pub(super) mod tests;
