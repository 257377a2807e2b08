//! Many patterns at once: which subscriptions a name reaches, at a cost that grows with the name and not with their number.
//!
//! A tree of words. Looking a name up walks all ways at the same time, so each node is visited once for each word at most.

use std::collections::{BTreeMap, BTreeSet};

use crate::Pattern;
use crate::pattern::Word;

const ROOT: usize = 0;

#[derive(Debug)]
pub(crate) struct Tree<T> {
    nodes: Vec<Node<T>>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Node<T> {
    exactly: BTreeMap<Box<str>, usize>,
    one: Option<usize>,
    rest: Option<usize>,
    /// It is such a `rest`: any word leads back to it.
    repeats: bool,
    here: Vec<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Node {
            exactly: BTreeMap::new(),
            one: None,
            rest: None,
            repeats: false,
            here: Vec::new(),
        }
    }
}

impl<T> Node<T> {
    fn is_unused(&self) -> bool {
        self.here.is_empty() && self.exactly.is_empty() && self.one.is_none() && self.rest.is_none()
    }
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Tree {
            nodes: vec![Node::default()],
            free: Vec::new(),
        }
    }
}

impl<T: Copy + PartialEq> Tree<T> {
    pub(crate) fn insert(&mut self, pattern: &Pattern, id: T) {
        let mut at = ROOT;
        for word in pattern.words() {
            at = match self.next(at, word) {
                Some(next) => next,
                None => self.grow(at, word),
            };
        }
        self.nodes[at].here.push(id);
    }

    pub(crate) fn remove(&mut self, pattern: &Pattern, id: T) {
        let mut way = vec![ROOT];
        for word in pattern.words() {
            match way.last().and_then(|at| self.next(*at, word)) {
                Some(next) => way.push(next),
                None => return,
            }
        }
        if let Some(last) = way.last() {
            self.nodes[*last].here.retain(|known| *known != id);
        }
        for (step, word) in way.windows(2).zip(pattern.words()).rev() {
            if !self.nodes[step[1]].is_unused() {
                return;
            }
            self.cut(step[0], word);
            self.free.push(step[1]);
        }
    }

    /// All that match, in no order that means anything. Holes at the beginning do not stand for the broker's own names.
    pub(crate) fn matching(&self, name: &str) -> Vec<T> {
        self.matches(name, !name.starts_with('$'))
    }

    /// The same, where no name is the broker's own.
    pub(crate) fn all_matching(&self, name: &str) -> Vec<T> {
        self.matches(name, true)
    }

    fn matches(&self, name: &str, mut holes: bool) -> Vec<T> {
        let mut now = BTreeSet::from([ROOT]);
        if holes {
            self.skip(&mut now);
        }
        for word in name.split('.') {
            let mut next = BTreeSet::new();
            for at in now {
                let node = &self.nodes[at];
                next.extend(node.exactly.get(word));
                next.extend(node.one.filter(|_| holes));
                if node.repeats {
                    next.insert(at);
                }
            }
            holes = true;
            self.skip(&mut next);
            now = next;
        }
        now.into_iter()
            .flat_map(|at| self.nodes[at].here.iter().copied())
            .collect()
    }

    /// `#` stands for no word, too.
    fn skip(&self, now: &mut BTreeSet<usize>) {
        let mut open: Vec<usize> = now.iter().copied().collect();
        while let Some(at) = open.pop() {
            if let Some(rest) = self.nodes[at].rest
                && now.insert(rest)
            {
                open.push(rest);
            }
        }
    }

    fn next(&self, at: usize, word: &Word) -> Option<usize> {
        let node = &self.nodes[at];
        match word {
            Word::Exactly(word) => node.exactly.get(word).copied(),
            Word::One => node.one,
            Word::Rest => node.rest,
        }
    }

    fn grow(&mut self, at: usize, word: &Word) -> usize {
        let node = Node {
            repeats: *word == Word::Rest,
            ..Node::default()
        };
        let new = match self.free.pop() {
            Some(free) => {
                self.nodes[free] = node;
                free
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        };
        let from = &mut self.nodes[at];
        match word {
            Word::Exactly(word) => drop(from.exactly.insert(word.clone(), new)),
            Word::One => from.one = Some(new),
            Word::Rest => from.rest = Some(new),
        }
        new
    }

    fn cut(&mut self, at: usize, word: &Word) {
        let from = &mut self.nodes[at];
        match word {
            Word::Exactly(word) => drop(from.exactly.remove(word)),
            Word::One => from.one = None,
            Word::Rest => from.rest = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QueueId;
    use proptest::prelude::*;

    fn words(of: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(of), 1..5).prop_map(|words| words.join("."))
    }

    proptest! {
        #[test]
        fn it_agrees_with_each_pattern_alone(
            patterns in prop::collection::vec((words(&["a", "b", "*", "#", "$s"]), any::<bool>()), 0..20),
            name in words(&["a", "b", "c", "$s"]),
        ) {
            let mut tree = Tree::default();
            for (number, (pattern, _)) in (0..).zip(&patterns) {
                tree.insert(&Pattern::new(pattern), QueueId(number));
            }
            for (number, (pattern, stays)) in (0..).zip(&patterns) {
                if !stays {
                    tree.remove(&Pattern::new(pattern), QueueId(number));
                }
            }
            let mut found = tree.matching(&name);
            found.sort();
            let alone = (0..).zip(&patterns).filter(|(_, (pattern, stays))| *stays && Pattern::new(pattern).matches(&name));
            let alone: Vec<QueueId> = alone.map(|(number, _)| QueueId(number)).collect();
            prop_assert_eq!(found, alone);
            for (number, (pattern, _)) in (0..).zip(&patterns) {
                tree.remove(&Pattern::new(pattern), QueueId(number));
            }
            prop_assert!(tree.nodes[ROOT].is_unused());
            prop_assert_eq!(tree.free.len() + 1, tree.nodes.len());
        }
    }
}
