//! The terminal itself: keys in, pictures out. The balancer is asked by a thread of its own, so that one that is slow to
//! answer does not make the keys slow.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::screen::{Look, draw};
use super::snapshot::Snapshot;
use super::source::Source;
use super::state::{Key, Order, State, Target, Wish};

/// How long a key may wait for the screen.
const GLANCE: Duration = Duration::from_millis(50);
/// Questions beyond so many wait for the answers before them.
const WAITING: usize = 16;

enum Question {
    Figures,
    Act(Order, Target),
}

enum Answer {
    Figures(Box<Snapshot>),
    Said(Option<String>),
}

/// Shows the balancer until somebody has seen enough. When it cannot be asked at the beginning, that is an error.
pub(super) fn run(source: &Source, every: Duration, mut state: State) -> anyhow::Result<()> {
    let first = source
        .read()
        .with_context(|| format!("cannot ask the balancer at {source}"))?;
    state.take(first);
    let (ask, questions) = sync_channel(WAITING);
    let (answer, answers) = sync_channel(WAITING);
    let asked = source.clone();
    std::thread::spawn(move || converse(&asked, &questions, &answer));
    let mut terminal = ratatui::try_init().context("this is no terminal; --once needs none")?;
    let ended = watch(&mut terminal, source, every, &mut state, &ask, &answers);
    ratatui::restore();
    ended
}

/// Asks until nobody has a question any more.
fn converse(source: &Source, questions: &Receiver<Question>, answers: &SyncSender<Answer>) {
    for question in questions {
        let answer = match question {
            Question::Figures => match source.read() {
                Ok(snapshot) => Answer::Figures(Box::new(snapshot)),
                Err(error) => Answer::Said(Some(format!("no answer: {error}"))),
            },
            Question::Act(order, target) => match source.act(order, &target) {
                Ok(said) => Answer::Said(Some(said).filter(|said| !said.is_empty())),
                Err(error) => Answer::Said(Some(format!("not done: {error}"))),
            },
        };
        if answers.send(answer).is_err() {
            return;
        }
    }
}

fn watch(
    terminal: &mut DefaultTerminal,
    source: &Source,
    every: Duration,
    state: &mut State,
    ask: &SyncSender<Question>,
    answers: &Receiver<Answer>,
) -> anyhow::Result<()> {
    let name = source.to_string();
    let look = Look {
        source: &name,
        colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    let mut next = Instant::now() + every;
    let gone = |_| anyhow!("nobody asks the balancer any more");
    loop {
        terminal.draw(|frame| draw(frame, state, look))?;
        if event::poll(GLANCE)?
            && let Some(key) = key(&event::read()?)
        {
            match state.handle(key) {
                Some(Wish::Quit) => return Ok(()),
                Some(Wish::Do(order, target)) => {
                    ask.send(Question::Act(order, target)).map_err(gone)?;
                    // What came of it is seen at once.
                    ask.send(Question::Figures).map_err(gone)?;
                }
                None => {}
            }
        }
        for answer in answers.try_iter() {
            match answer {
                Answer::Figures(snapshot) => {
                    state.take(*snapshot);
                    next = Instant::now() + every;
                }
                Answer::Said(text) => state.say(text),
            }
        }
        if Instant::now() >= next {
            ask.send(Question::Figures).map_err(gone)?;
            // Not again before the answer; one that does not come is waited for as long as the question takes.
            next = Instant::now() + every.max(Duration::from_secs(1));
        }
    }
}

fn key(event: &Event) -> Option<Key> {
    let Event::Key(KeyEvent {
        code,
        modifiers,
        kind: KeyEventKind::Press | KeyEventKind::Repeat,
        ..
    }) = event
    else {
        return None;
    };
    Some(match code {
        KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => Key::Interrupt,
        KeyCode::Char(c) => Key::Char(*c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::First,
        KeyCode::End => Key::Last,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}
