//! What a drill showed: drawn from the ledger once, and then only written in three forms.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::catalog::Drill;
use crate::load::knocker_rhythm;
use crate::load::ledger::{Book, Fate, Id};
use crate::pair::act::Side;
use crate::theirs::change::Change;

/// An answer that takes longer is late.
const LATE: Duration = Duration::from_millis(300);
pub const BUCKET: u64 = 100;

/// All times in milliseconds since the load ran evenly.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub drill: String,
    pub about: String,
    pub cast: String,
    /// Where the rehearsed files were somebody's own: what was otherwise in the lab.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    pub lasts: f64,
    pub steps: Vec<Done>,
    pub holders: Vec<Stretch>,
    pub brokers: usize,
    /// Of each broker, what it acknowledged in each hundred milliseconds.
    pub served: Vec<Vec<u64>>,
    pub marks: Vec<Mark>,
    pub figures: Figures,
    pub passed: bool,
    /// What was promised and not kept.
    pub broken_promises: Vec<String>,
}

/// A step, and how long the doing took.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Done {
    pub at: f64,
    pub took: f64,
    pub act: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stretch {
    /// None, or more than one when both had the address.
    pub hosts: Vec<String>,
    pub from: f64,
    pub to: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    pub kind: Kind,
    pub at: f64,
    /// Client and number; of a new connection only where it was in the row.
    pub id: String,
    pub took: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Acknowledged and gone.
    Lost,
    /// Acknowledged late.
    Late,
    /// Never acknowledged.
    Unanswered,
    /// A new connection that got no answer.
    Refused,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    pub acknowledged: usize,
    /// Of these, when the last step had been done.
    pub acknowledged_at_last: usize,
    pub lost: usize,
    /// Came out more than once.
    pub duplicated: usize,
    /// Lay in a broker that died or was stopped, and came when it was back.
    pub stranded: usize,
    pub late: usize,
    pub unanswered: usize,
    pub broken_connections: usize,
    pub refused_connections: usize,
    /// The longest time in which no new connection was answered; the same for one address.
    pub gap_ms: f64,
    pub client_gap_ms: f64,
    pub per_second: f64,
    pub median_ms: f64,
    pub worst_ms: f64,
    pub share_of_broker: Vec<usize>,
    /// Clients whose messages more than one broker took.
    pub strayed: usize,
}

/// When a broker died or was stopped, in the ledger's time.
#[derive(Clone, Copy, Debug)]
pub struct End {
    pub broker: usize,
    pub at: Duration,
}

/// When the load ran evenly, and when the last step's time was over, in the ledger's time.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub from: Duration,
    pub to: Duration,
}

impl Report {
    pub fn draw(
        drill: &Drill,
        cast: String,
        book: &Book,
        window: Window,
        steps: Vec<Done>,
        brokers: usize,
        ends: &[End],
    ) -> Report {
        let marks = marks(book, window);
        let figures = Figures {
            acknowledged_at_last: acknowledged_after(book, window, steps.last()),
            ..figures(book, window, &marks, brokers, ends)
        };
        Report {
            drill: drill.name.clone(),
            about: drill.about.clone(),
            cast,
            changes: Vec::new(),
            lasts: window.millis(window.to),
            steps,
            holders: holders(book, window),
            brokers,
            served: served(book, window, brokers),
            marks,
            figures,
            passed: true,
            broken_promises: Vec::new(),
        }
    }

    pub fn last_holders(&self) -> &[String] {
        self.holders.last().map_or(&[], |stretch| &stretch.hosts)
    }

    /// How often another host had the address than the one before; nobody and both between do not count.
    pub fn moves(&self) -> usize {
        let alone = self
            .holders
            .iter()
            .filter_map(|stretch| match stretch.hosts.as_slice() {
                [one] => Some(one),
                _ => None,
            });
        let alone: Vec<&String> = alone.collect();
        alone.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    /// From the first step until the host that had the address then has it no more, in milliseconds; for ever if it keeps it.
    pub fn held_ms(&self) -> f64 {
        let Some(step) = self.steps.first() else {
            return f64::INFINITY;
        };
        let mut after = self.holders.iter().skip_while(|stretch| stretch.to <= step.at);
        let Some(owner) = after.next().and_then(|stretch| stretch.hosts.first()) else {
            return 0.0;
        };
        let left = after.find(|stretch| !stretch.hosts.contains(owner));
        left.map_or(f64::INFINITY, |stretch| stretch.from - step.at)
    }

    /// What the broker that did least did, in per cent.
    pub fn least_share(&self) -> f64 {
        let shares = &self.figures.share_of_broker;
        let (least, all) = (shares.iter().min().copied().unwrap_or(0), shares.iter().sum::<usize>());
        100.0 * least as f64 / all.max(1) as f64
    }

    pub fn count(&self, kind: Kind) -> usize {
        self.marks.iter().filter(|mark| mark.kind == kind).count()
    }
}

impl Window {
    /// A tenth is enough for people, and the same number in every form.
    pub fn millis(self, at: Duration) -> f64 {
        let signed = at.as_secs_f64() - self.from.as_secs_f64();
        round(signed * 1000.0)
    }

    fn has(self, at: Duration) -> bool {
        (self.from..self.to).contains(&at)
    }
}

fn round(millis: f64) -> f64 {
    (millis * 10.0).round() / 10.0
}

fn span(from: Duration, to: Duration) -> f64 {
    round(to.saturating_sub(from).as_secs_f64() * 1000.0)
}

fn marks(book: &Book, window: Window) -> Vec<Mark> {
    let mut marks = Vec::new();
    for (id, fate) in &book.fates {
        let name = |id: &Id| format!("{}:{}", id.client, id.number);
        let kind = match fate.acked {
            Some(_) if fate.taken.is_empty() => Kind::Lost,
            Some(at) if at.saturating_sub(fate.sent) > LATE => Kind::Late,
            Some(_) => continue,
            None => Kind::Unanswered,
        };
        marks.push(Mark {
            kind,
            at: window.millis(fate.sent),
            id: name(id),
            took: fate.acked.map(|at| span(fate.sent, at)),
        });
    }
    for (number, knock) in book.knocks.iter().enumerate() {
        if knock.answered.is_none() && window.has(knock.begun) {
            marks.push(Mark {
                kind: Kind::Refused,
                at: window.millis(knock.begun),
                id: number.to_string(),
                took: None,
            });
        }
    }
    marks.sort_by(|a, b| a.at.total_cmp(&b.at));
    marks
}

fn holders(book: &Book, window: Window) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for (number, (at, by)) in book.holders.iter().enumerate() {
        let next = book.holders.get(number + 1).map_or(window.to, |(at, _)| *at);
        let (from, to) = ((*at).max(window.from), next.min(window.to));
        if from < to {
            stretches.push(Stretch {
                hosts: by.iter().map(|side| Side(*side).to_string()).collect(),
                from: window.millis(from),
                to: window.millis(to),
            });
        }
    }
    stretches
}

fn served(book: &Book, window: Window, brokers: usize) -> Vec<Vec<u64>> {
    let length = window.to.saturating_sub(window.from).as_millis();
    let buckets = usize::try_from(length.div_ceil(BUCKET.into())).unwrap_or(0);
    let mut served = vec![vec![0; buckets]; brokers];
    for fate in book.fates.values() {
        let (Some(acked), Some((_, broker))) = (fate.acked, fate.taken.first()) else {
            continue;
        };
        let Some(since) = acked.checked_sub(window.from) else {
            continue;
        };
        let place = usize::try_from(since.as_millis() / u128::from(BUCKET)).unwrap_or(usize::MAX);
        if let Some(count) = served.get_mut(*broker).and_then(|row| row.get_mut(place)) {
            *count += 1;
        }
    }
    served
}

fn acknowledged_after(book: &Book, window: Window, step: Option<&Done>) -> usize {
    let over = step.map_or(0.0, |step| step.at + step.took);
    let acked = book.fates.values().filter_map(|fate| fate.acked);
    acked.filter(|at| window.has(*at) && window.millis(*at) >= over).count()
}

fn figures(book: &Book, window: Window, marks: &[Mark], brokers: usize, ends: &[End]) -> Figures {
    let count = |kind| marks.iter().filter(|mark| mark.kind == kind).count();
    let acked = || book.fates.values().filter_map(|fate| Some((fate, fate.acked?)));
    let lay_there = |(fate, acked): &(&Fate, Duration)| {
        let first = fate.taken.first();
        let met = |end: &End| first.is_some_and(|(taken, by)| *by == end.broker && (*acked..*taken).contains(&end.at));
        ends.iter().any(met)
    };
    let mut took: Vec<f64> = acked().map(|(fate, at)| span(fate.sent, at)).collect();
    took.sort_by(f64::total_cmp);
    let share = |broker| {
        let served = |fate: &&Fate| fate.taken.first().is_some_and(|(_, by)| *by == broker);
        book.fates.values().filter(served).count()
    };
    let rhythm = knocker_rhythm();
    let places = book
        .knocks
        .iter()
        .map(|knock| knock.place)
        .max()
        .map_or(0, |most| most + 1);
    let of = |place| gap(book, window, Some(place), rhythm);
    Figures {
        acknowledged: acked().count(),
        // Counted where the steps are known.
        acknowledged_at_last: 0,
        lost: count(Kind::Lost),
        duplicated: book.fates.values().filter(|fate| fate.taken.len() > 1).count(),
        stranded: acked().filter(lay_there).count(),
        late: count(Kind::Late),
        unanswered: count(Kind::Unanswered),
        broken_connections: book.breaks.iter().filter(|(at, _)| window.has(*at)).count(),
        refused_connections: count(Kind::Refused),
        gap_ms: gap(book, window, None, rhythm),
        client_gap_ms: (0..places).map(of).fold(0.0, f64::max),
        per_second: round(
            acked().filter(|(_, at)| window.has(*at)).count() as f64 * 1000.0 / window.millis(window.to).max(1.0),
        ),
        median_ms: took.get(took.len() / 2).copied().unwrap_or(0.0),
        worst_ms: took.last().copied().unwrap_or(0.0),
        share_of_broker: (0..brokers).map(share).collect(),
        strayed: strayed(book),
    }
}

fn strayed(book: &Book) -> usize {
    let mut seen: BTreeMap<u8, BTreeSet<usize>> = BTreeMap::new();
    for (id, fate) in &book.fates {
        let brokers = fate.taken.iter().map(|(_, broker)| *broker);
        seen.entry(id.client).or_default().extend(brokers);
    }
    seen.values().filter(|brokers| brokers.len() > 1).count()
}

/// The longest time between two answers, without the pause that there is anyway.
fn gap(book: &Book, window: Window, place: Option<u8>, rhythm: Duration) -> f64 {
    let ours = book
        .knocks
        .iter()
        .filter(|knock| place.is_none_or(|place| knock.place == place));
    let mut answers: Vec<Duration> = ours
        .filter_map(|knock| knock.answered)
        .filter(|at| window.has(*at))
        .collect();
    answers.extend([window.from, window.to]);
    answers.sort_unstable();
    let longest = answers
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .max()
        .unwrap_or_default();
    round(longest.saturating_sub(rhythm).as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::ledger::Knock;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn service_counts_from_the_end_of_the_last_step() {
        let mut book = Book::default();
        for (number, acked) in [1100, 1400, 1500, 2500].into_iter().enumerate() {
            let (client, number) = (1, number as u32);
            let fate = Fate {
                acked: Some(ms(acked)),
                ..Fate::default()
            };
            book.fates.insert(Id { client, number }, fate);
        }
        let window = Window {
            from: ms(1000),
            to: ms(2000),
        };
        let step = |took| Done {
            at: 300.0,
            took,
            act: String::new(),
        };
        assert_eq!(acknowledged_after(&book, window, None), 3);
        assert_eq!(acknowledged_after(&book, window, Some(&step(100.0))), 2);
        assert_eq!(acknowledged_after(&book, window, Some(&step(300.0))), 0);
    }

    #[test]
    fn every_message_has_its_mark_and_its_place() {
        let mut book = Book::default();
        let fates = [
            (1100, Some(1110), vec![(1120, 0)]),
            (1150, Some(1160), vec![]),
            (1200, Some(1900), vec![(1910, 1), (1950, 1)]),
            (1300, None, vec![]),
            (1310, Some(1320), vec![(2600, 0)]),
        ];
        for (number, (sent, acked, taken)) in fates.into_iter().enumerate() {
            let fate = Fate {
                sent: ms(sent),
                acked: acked.map(ms),
                tries: 1,
                taken: taken.into_iter().map(|(at, by)| (ms(at), by)).collect(),
            };
            book.fates.insert(
                Id {
                    client: 1,
                    number: number as u32,
                },
                fate,
            );
        }
        for (begun, answered) in [(1000, Some(1010)), (1020, None), (1200, Some(1310)), (1980, Some(1990))] {
            book.knocks.push(Knock {
                place: 0,
                begun: ms(begun),
                answered: answered.map(ms),
            });
        }
        book.holders = vec![(ms(0), vec![0]), (ms(1500), vec![]), (ms(1600), vec![1])];
        let window = Window {
            from: ms(1000),
            to: ms(2000),
        };
        let marks = marks(&book, window);
        let kinds: Vec<(Kind, f64)> = marks.iter().map(|mark| (mark.kind, mark.at)).collect();
        assert_eq!(
            kinds,
            [
                (Kind::Refused, 20.0),
                (Kind::Lost, 150.0),
                (Kind::Late, 200.0),
                (Kind::Unanswered, 300.0)
            ]
        );
        let figures = figures(
            &book,
            window,
            &marks,
            2,
            &[End {
                broker: 0,
                at: ms(2000),
            }],
        );
        assert_eq!(
            (figures.acknowledged, figures.lost, figures.duplicated, figures.stranded),
            (4, 1, 1, 1)
        );
        assert_eq!((figures.gap_ms, figures.client_gap_ms), (660.0, 660.0));
        assert_eq!(figures.share_of_broker, [2, 1]);
        assert_eq!(figures.strayed, 1);
        let served = served(&book, window, 2);
        assert_eq!((served[0][1], served[0][3], served[1][9]), (1, 1, 1));
        let hosts: Vec<(Vec<String>, f64, f64)> = holders(&book, window)
            .into_iter()
            .map(|s| (s.hosts, s.from, s.to))
            .collect();
        assert_eq!(
            hosts,
            [
                (vec!["lb1".into()], 0.0, 500.0),
                (vec![], 500.0, 600.0),
                (vec!["lb2".into()], 600.0, 1000.0)
            ]
        );
    }
}
