//! Whole files.

mod guides;
mod properties;
mod whole;

use std::net::{IpAddr, Ipv4Addr};

use tandem_text::{Converted, Fate};

use crate::{File, Refused, World, convert};

/// Nothing is random, so that texts can be compared.
const WORLD: World<'static> = World {
    variable: &|name| (name == "activemq.data").then(|| "/srv/activemq/data".to_owned()),
    address: &|name| (name == "mq1").then_some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))),
    hash: &|password| Some(format!("$argon2id$of-{}", password.len())),
};

fn made(texts: &[&str]) -> Result<Converted, Box<Refused>> {
    let files: Vec<File> = texts
        .iter()
        .zip(1..)
        .map(|(text, number)| File {
            name: format!("{number}.xml").into(),
            bytes: text.as_bytes().to_vec(),
        })
        .collect();
    convert(&files, WORLD)
}

#[track_caller]
fn of(text: &str) -> Converted {
    made(&[text]).unwrap_or_else(|refused| panic!("{:?}", refused.diagnostic))
}

/// A broker with these elements in it.
#[track_caller]
fn of_broker(inner: &str) -> Converted {
    of(&format!("<beans><broker>\n{inner}\n</broker></beans>"))
}

#[track_caller]
fn of_core(inner: &str) -> Converted {
    of(&format!("<configuration><core>\n{inner}\n</core></configuration>"))
}

/// What became of the thing that is shown so.
#[track_caller]
fn fate<'a>(made: &'a Converted, text: &str) -> &'a Fate {
    let found = made.receipts.iter().find(|receipt| receipt.text == text);
    let all: Vec<&str> = made.receipts.iter().map(|receipt| receipt.text.as_str()).collect();
    &found.unwrap_or_else(|| panic!("{text} is not among {all:#?}")).fate
}

#[track_caller]
fn dropped<'a>(made: &'a Converted, text: &str) -> &'a str {
    match fate(made, text) {
        Fate::Dropped(why) => why,
        other => panic!("{text}: {other}"),
    }
}

/// Of the TOML, without comments.
fn lines(made: &Converted) -> Vec<&str> {
    let lines = made.toml.lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}
