//! Names and what they say, put together so that none takes another's place.

use serde_json::{Map, Value, json};

use super::answer::value;

pub(super) type Fields = Map<String, Value>;

/// All of them, unless one is none or a name comes twice.
pub(super) fn unique(pairs: impl IntoIterator<Item = Option<(String, Value)>>) -> Option<Fields> {
    let mut fields = Fields::new();
    for pair in pairs {
        let (name, said) = pair?;
        if fields.insert(name, said).is_some() {
            return None;
        }
    }
    Some(fields)
}

/// `fields`, and `key=value` among `words`. What stands in brackets belongs to the word that opens them, the words
/// that are nothing of the kind and those whose name is taken are in `words`.
pub(super) fn assigned(mut fields: Fields, words: &str) -> Fields {
    let mut others: Vec<Value> = Vec::new();
    for word in joined(words) {
        match word.split_once('=') {
            Some((name, said)) if !name.is_empty() && name != "words" && !fields.contains_key(name) => {
                fields.insert(name.to_owned(), value(said));
            }
            _ => others.push(json!(word)),
        }
    }
    if !others.is_empty() {
        fields.insert("words".to_owned(), Value::Array(others));
    }
    fields
}

/// Words, with those in one pair of brackets as one: `st=0x21(cl W:sRa)`.
fn joined(words: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        let is_open = |last: &String| last.contains('=') && last.matches('(').count() > last.matches(')').count();
        match all.last_mut().filter(|last| is_open(last)) {
            Some(last) => *last += &format!(" {word}"),
            None => all.push(word.to_owned()),
        }
    }
    all
}

/// `Key: value` lines as objects: one, if no key comes twice, otherwise another one wherever one does. What stands
/// behind `Certificate #1:` is below it.
pub(super) fn records(pairs: Vec<(String, Value)>) -> Value {
    let is_head = |(name, said): &(String, Value)| said == "" && name.contains(" #");
    let Some(first) = pairs.iter().position(is_head) else {
        return one_or_many(pairs);
    };
    let (own, rest) = pairs.split_at(first);
    let mut below: Vec<Vec<(String, Value)>> = Vec::new();
    for pair in rest {
        match below.last_mut().filter(|_| !is_head(pair)) {
            Some(last) => last.push(pair.clone()),
            None => below.push(vec![("name".to_owned(), json!(pair.0))]),
        }
    }
    let mut all = own.to_vec();
    all.push(("below".to_owned(), below.into_iter().map(one_or_many).collect()));
    one_or_many(all)
}

fn one_or_many(pairs: Vec<(String, Value)>) -> Value {
    let mut all = vec![Fields::new()];
    for (name, said) in pairs {
        if all.last().is_some_and(|last| last.contains_key(&name)) {
            all.push(Fields::new());
        }
        if let Some(last) = all.last_mut() {
            last.insert(name, said);
        }
    }
    match all.len() {
        1 => all.swap_remove(0).into(),
        _ => json!(all),
    }
}
