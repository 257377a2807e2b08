//! How the state looks on a terminal.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState};

use super::plain::{COLUMNS, cells};
use super::snapshot::{Kind, Row as Figures};
use super::state::{Mode, Sort, State};

const KEYS: &str = "q quit  / filter  < > sort  i turn  d drain  m maint  r ready";

/// Between two columns.
const GAP: u16 = 2;

/// What the screen is about beside the figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub(super) source: &'a str,
    /// `false` where `NO_COLOR` is set.
    pub(super) colours: bool,
}

pub(super) fn draw(frame: &mut Frame<'_>, state: &State, look: Look<'_>) {
    let areas =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).split(frame.area());
    if let [top, middle, bottom] = areas[..] {
        frame.render_widget(head(state, look), top);
        table(frame, state, look, middle);
        frame.render_widget(foot(state, look), bottom);
    }
}

fn head<'a>(state: &'a State, look: Look<'a>) -> Line<'a> {
    let mut spans = vec![Span::styled(look.source, Style::new().add_modifier(Modifier::BOLD))];
    if let Some(snapshot) = state.snapshot() {
        let process = &snapshot.process;
        for (before, name) in [
            ("", "node"),
            ("version ", "Version"),
            ("up ", "Uptime"),
            ("connections ", "CurrConns"),
            ("new/s ", "ConnRate"),
        ] {
            let word = process.word(name);
            if !word.is_empty() {
                spans.push(Span::raw(format!("  {before}{word}")));
            }
        }
    }
    if !state.filter().is_empty() {
        spans.push(Span::raw(format!("  filter: {}", state.filter())));
    }
    Line::from(spans)
}

fn foot<'a>(state: &'a State, look: Look<'_>) -> Paragraph<'a> {
    let (text, colour) = match (state.mode(), state.said()) {
        (Mode::Confirm(order, target), _) => {
            let question = format!("{}/{}: {}? y or n", target.backend, target.server, order.word());
            (question, Some(Color::Yellow))
        }
        (Mode::Filter, _) => (format!("filter: {}_", state.filter()), None),
        (Mode::Browse, Some(said)) => (said.to_owned(), Some(Color::Red)),
        (Mode::Browse, None) => (KEYS.to_owned(), None),
    };
    let style = match colour.filter(|_| look.colours) {
        Some(colour) => Style::new().fg(colour).add_modifier(Modifier::BOLD),
        None => Style::new(),
    };
    Paragraph::new(text).style(style)
}

fn table(frame: &mut Frame<'_>, state: &State, look: Look<'_>, area: Rect) {
    let rows = state.rows();
    let shown: Vec<Vec<String>> = rows.iter().map(|row| cells(row)).collect();
    let widths: Vec<u16> = COLUMNS
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let widest = shown.iter().map(|row| row[place].chars().count()).max().unwrap_or(0);
            // No cell is as long as a u16 counts.
            widest.max(column.head.len() + 1) as u16
        })
        .collect();
    let fitting = fitting(&widths, area.width);
    let heads = COLUMNS.iter().take(fitting).map(|column| {
        let is_chosen = column
            .sort
            .is_some_and(|sort| sort != Sort::Configured && sort == state.sort());
        let text = if is_chosen {
            format!("{}*", column.head)
        } else {
            column.head.to_owned()
        };
        aligned(text, column.is_words)
    });
    let lines = rows.iter().zip(&shown).map(|(row, cells)| {
        let cells = cells
            .iter()
            .zip(&COLUMNS)
            .map(|(cell, column)| aligned(cell.clone(), column.is_words));
        Row::new(cells).style(if look.colours { colour(row) } else { Style::new() })
    });
    let table = Table::new(
        lines,
        widths.iter().take(fitting).map(|width| Constraint::Length(*width)),
    )
    .header(Row::new(heads).style(Style::new().add_modifier(Modifier::BOLD)))
    .column_spacing(GAP)
    .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut selection = TableState::new().with_selected((!shown.is_empty()).then(|| state.selected()));
    frame.render_stateful_widget(table, area, &mut selection);
}

/// How many columns there is room for, from the left; a column is whole or not there.
fn fitting(widths: &[u16], room: u16) -> usize {
    let mut left = room;
    let fits = |width: &&u16| {
        let rest = left.checked_sub(**width);
        left = rest.unwrap_or(0).saturating_sub(GAP);
        rest.is_some()
    };
    widths.iter().take_while(fits).count().max(1)
}

fn aligned(text: String, is_words: bool) -> Cell<'static> {
    let alignment = if is_words { Alignment::Left } else { Alignment::Right };
    Cell::new(Line::from(text).alignment(alignment))
}

/// The page's colours as far as a terminal has them.
fn colour(row: &Figures) -> Style {
    let word = row.status.split(' ').next().unwrap_or_default();
    let is_between = row.status.contains('/');
    match (row.kind, word) {
        (Kind::Frontend | Kind::Backend | Kind::Listener, "DOWN" | "STOP") => Style::new().fg(Color::Red),
        (Kind::Frontend | Kind::Backend | Kind::Listener, _) => Style::new().add_modifier(Modifier::BOLD),
        (Kind::Server, "DOWN") => Style::new().fg(if is_between { Color::Yellow } else { Color::Red }),
        (Kind::Server, "MAINT") => Style::new().fg(Color::Magenta),
        (Kind::Server, "DRAIN" | "NOLB") => Style::new().fg(Color::Blue),
        (Kind::Server, "no") => Style::new(),
        (Kind::Server, _) if is_between => Style::new().fg(Color::Yellow),
        (Kind::Server, _) => Style::new().fg(Color::Green),
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::Key;
    use super::super::state::tests::example;
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Buffer;

    fn drawn(state: &State, width: u16, height: u16, colours: bool) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal in memory");
        let look = Look {
            source: "/run/lb.sock",
            colours,
        };
        terminal
            .draw(|frame| draw(frame, state, look))
            .expect("nothing can fail in memory");
        terminal.backend().buffer().clone()
    }

    fn lines(buffer: &Buffer) -> Vec<String> {
        let line = |y| {
            (0..buffer.area.width)
                .map(|x| buffer[(x, y)].symbol())
                .collect::<String>()
        };
        (0..buffer.area.height).map(|y| line(y).trim_end().to_owned()).collect()
    }

    #[test]
    fn figures_and_keys() {
        let mut state = example();
        let seen = lines(&drawn(&state, 140, 9, true));
        assert_eq!(seen[0], "/run/lb.sock  lb1  up 0d 0h01m00s");
        assert!(seen[1].starts_with("NAME"), "{seen:?}");
        assert!(seen[2].starts_with("fe frontend  OPEN"), "{seen:?}");
        assert!(
            seen[3].starts_with("  be/a") && seen[3].ends_with("L4OK 0ms"),
            "{seen:?}"
        );
        assert_eq!(seen[8], KEYS);
        for (keys, last) in [("jd", "be/a: drain? y or n"), ("n", "not done"), ("/b", "filter: b_")] {
            keys.chars().for_each(|c| drop(state.handle(Key::Char(c))));
            assert_eq!(lines(&drawn(&state, 140, 9, true))[8], last, "{keys}");
        }
        state.handle(Key::Escape);
        state.handle(Key::Char('>'));
        assert!(lines(&drawn(&state, 140, 9, true))[1].starts_with("NAME*"));
    }

    #[test]
    fn colours_say_the_status_and_can_be_left_out() {
        let state = example();
        let with = drawn(&state, 140, 9, true);
        assert_eq!((with[(2, 3)].fg, with[(2, 4)].fg), (Color::Green, Color::Red));
        let without = drawn(&state, 140, 9, false);
        assert!(without.content.iter().all(|cell| cell.fg == Color::Reset));
        assert!(
            without[(0, 2)].modifier.contains(Modifier::REVERSED),
            "the selection is seen all the same"
        );
    }

    #[test]
    fn a_small_terminal_is_no_trouble() {
        for (width, height) in [(1, 1), (3, 2), (20, 3), (40, 4)] {
            drawn(&example(), width, height, true);
        }
        // The selected row is scrolled to.
        let mut state = example();
        state.handle(Key::Last);
        assert!(lines(&drawn(&state, 60, 5, true))[3].starts_with("be backend"));
    }
}
