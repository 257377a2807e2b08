//! What is remembered of clients: where each went, how often it came, how much it carried.
//!
//! All entries live equally long after they were last used, so the order of use is the order of expiry: one list through
//! the entries answers "who expires next" and "who is dropped when it is full", and a refresh is a move to its end. What an
//! entry stores is one block of 32-bit words, laid out by what the table's `store` asks for ([`Layout`]).

mod assign;
mod data;
mod dump;
mod index;
mod journal;
mod key;
mod layout;
mod names;
mod news;
mod rate;
mod settings;
mod since;
mod slots;
mod table;
mod tracking;
mod values;

#[cfg(test)]
mod tests;

pub use assign::{Assigned, Standing, assign};
pub use data::{DataType, Form};
pub use dump::{Dumped, Raw, Value};
pub use key::{Key, key_for};
pub use layout::{Column, Layout};
pub use news::{Changes, Learned, Since};
pub use rate::Rate;
pub use settings::{KeyType, Stored, TableSettings};
pub use slots::Place;
pub use table::{Removed, StickEntry, StickTable, Store};
pub use values::Counted;
