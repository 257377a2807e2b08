//! One line of the statistics: the values of a frontend, a backend or a server at one moment.

use super::field::Field;
use super::value::Value;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Frontend,
    Backend,
    Server,
    Listener,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    kind: Kind,
    iid: u32,
    sid: u32,
    values: Vec<Option<Value>>,
}

impl Kind {
    /// The letter in front of typed lines.
    pub const fn letter(self) -> char {
        match self {
            Kind::Frontend => 'F',
            Kind::Backend => 'B',
            Kind::Server => 'S',
            Kind::Listener => 'L',
        }
    }

    /// The number in the `type` column.
    pub const fn number(self) -> u32 {
        match self {
            Kind::Frontend => 0,
            Kind::Backend => 1,
            Kind::Server => 2,
            Kind::Listener => 3,
        }
    }

    /// The `objType` in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Frontend => "Frontend",
            Kind::Backend => "Backend",
            Kind::Server => "Server",
            Kind::Listener => "Listener",
        }
    }
}

impl Row {
    /// A row with the fields that say whose it is. `sid` is 0 for proxies.
    pub fn new(kind: Kind, proxy: &str, name: &str, iid: u32, sid: u32) -> Row {
        let values = vec![None; Field::COUNT];
        let mut row = Row { kind, iid, sid, values };
        row.set(Field::Pxname, proxy);
        row.set(Field::Svname, name);
        row.set(Field::Pid, 1u32);
        row.set(Field::Iid, iid);
        row.set(Field::Sid, sid);
        row.set(Field::Type, kind.number());
        row
    }

    pub fn set(&mut self, field: Field, value: impl Into<Value>) {
        self.values[field.position()] = Some(value.into());
    }

    /// Leaves the cell empty.
    pub fn hide(&mut self, field: Field) {
        self.values[field.position()] = None;
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The proxy's number.
    pub fn iid(&self) -> u32 {
        self.iid
    }

    /// The server's number.
    pub fn sid(&self) -> u32 {
        self.sid
    }

    /// `None` where the CSV cell is empty.
    pub fn value(&self, field: Field) -> Option<&Value> {
        self.values[field.position()].as_ref()
    }

    /// The text of a field; empty when it has none.
    pub fn text(&self, field: Field) -> &str {
        match self.value(field) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// The number of a field; 0 when it has none.
    pub fn number(&self, field: Field) -> i128 {
        self.value(field).and_then(Value::number).unwrap_or(0)
    }

    /// The fields that have a value, in order.
    pub fn values(&self) -> impl Iterator<Item = (Field, &Value)> {
        Field::all().filter_map(|field| self.value(field).map(|value| (field, value)))
    }
}
