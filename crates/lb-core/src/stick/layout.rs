//! Where each value stands in an entry's block of words.

use super::{DataType, Stored};

const NOWHERE: u8 = u8::MAX;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    columns: Vec<Column>,
    /// The column of each type.
    places: [u8; DataType::ALL.len()],
    words: u16,
}

/// One thing that all entries hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub stored: Stored,
    /// The first of its words.
    pub(super) offset: u16,
}

impl Layout {
    pub(super) fn new(store: &[Stored]) -> Layout {
        let mut layout = Layout {
            columns: Vec::with_capacity(store.len()),
            places: [NOWHERE; DataType::ALL.len()],
            words: 0,
        };
        for (stored, place) in store.iter().zip(0..) {
            layout.columns.push(Column {
                stored: *stored,
                offset: layout.words,
            });
            layout.places[stored.data.number()] = place;
            layout.words += stored.count * stored.data.form().words();
        }
        layout
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub fn column(&self, data: DataType) -> Option<&Column> {
        self.columns.get(usize::from(self.places[data.number()]))
    }

    /// The column and the place in it of a value, also where an array stands for it.
    pub(super) fn find(&self, data: DataType, at: u16) -> Option<(&Column, u16)> {
        let own = self.column(data).map(|column| (column, at));
        let found = own.or_else(|| {
            let (array, first) = data.array()?;
            Some((self.column(array)?, first + at))
        });
        found.filter(|(column, at)| *at < column.stored.count)
    }

    /// How many words an entry's block has.
    pub const fn words(&self) -> usize {
        self.words as usize
    }
}

impl Column {
    /// The first word of one of its values.
    pub(super) const fn word(&self, at: u16) -> usize {
        self.offset as usize + at as usize * self.stored.data.form().words() as usize
    }
}
