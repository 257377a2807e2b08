//! What stands on a terminal: as much of a VT100 as programs use that draw with `curses`.

pub struct Screen {
    cells: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// Of a sequence that is not whole yet.
    pending: Vec<u8>,
}

impl Screen {
    pub fn new(rows: usize, columns: usize) -> Screen {
        Screen {
            cells: vec![vec![' '; columns]; rows],
            row: 0,
            column: 0,
            pending: Vec::new(),
        }
    }

    pub fn text(&self) -> String {
        let line = |cells: &Vec<char>| cells.iter().collect::<String>() + "\n";
        self.cells.iter().map(line).collect()
    }

    pub fn take(&mut self, bytes: &[u8]) {
        let mut all = std::mem::take(&mut self.pending);
        all.extend_from_slice(bytes);
        let mut rest = &all[..];
        while let [first, behind @ ..] = rest {
            rest = match first {
                0x1b => match sequence(behind) {
                    Some((parameters, last, behind)) => {
                        self.obey(parameters, last);
                        behind
                    }
                    None => {
                        self.pending = rest.to_vec();
                        return;
                    }
                },
                _ => {
                    self.put(*first);
                    behind
                }
            };
        }
    }

    fn put(&mut self, byte: u8) {
        let (rows, columns) = (self.cells.len(), self.cells[0].len());
        match byte {
            b'\r' => self.column = 0,
            b'\n' => self.row = (self.row + 1).min(rows - 1),
            8 => self.column = self.column.saturating_sub(1),
            b'\t' => self.column = (self.column / 8 * 8 + 8).min(columns - 1),
            b' '..=b'~' => {
                self.cells[self.row][self.column.min(columns - 1)] = char::from(byte);
                self.column += 1;
            }
            _ => {}
        }
    }

    /// What is not about where something stands changes nothing.
    fn obey(&mut self, parameters: &[u8], last: u8) {
        let (rows, columns) = (self.cells.len(), self.cells[0].len());
        let numbers: Vec<usize> = String::from_utf8_lossy(parameters)
            .split(';')
            .map(|number| number.parse().unwrap_or(0))
            .collect();
        let count = numbers[0].max(1);
        let place = |at: usize, most: usize| numbers.get(at).copied().unwrap_or(1).clamp(1, most) - 1;
        match last {
            b'H' | b'f' => (self.row, self.column) = (place(0, rows), place(1, columns)),
            b'A' => self.row = self.row.saturating_sub(count),
            b'B' => self.row = (self.row + count).min(rows - 1),
            b'C' => self.column = (self.column + count).min(columns - 1),
            b'D' => self.column = self.column.saturating_sub(count),
            b'K' => {
                let (from, to) = match numbers[0] {
                    0 => (self.column.min(columns), columns),
                    1 => (0, (self.column + 1).min(columns)),
                    _ => (0, columns),
                };
                self.cells[self.row][from..to].fill(' ');
            }
            b'J' => {
                let column = self.column.min(columns);
                self.cells[self.row][if numbers[0] == 0 { column } else { 0 }..].fill(' ');
                let from = if numbers[0] == 0 { self.row + 1 } else { 0 };
                self.cells[from..].iter_mut().for_each(|line| line.fill(' '));
            }
            _ => {}
        }
    }
}

/// Parameters, the last letter and what stands behind it; `None` where it is not whole. Only those that begin with `[` have
/// parameters.
fn sequence(bytes: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    match bytes {
        [b'[', rest @ ..] => {
            let end = rest.iter().position(u8::is_ascii_alphabetic)?;
            Some((&rest[..end], rest[end], &rest[end + 1..]))
        }
        [b'(' | b')', _, rest @ ..] => Some((b"", 0, rest)),
        [b'(' | b')'] | [] => None,
        [_, rest @ ..] => Some((b"", 0, rest)),
    }
}
