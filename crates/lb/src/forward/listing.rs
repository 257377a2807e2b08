//! What nft says of our table.

use std::collections::BTreeMap;

use serde::Deserialize;
use tandem_lb_core::forward::{Objects, Traffic};
use tandem_ops::nft::{self, NftError};

const NAME: &str = "tandem_forward";

#[derive(Deserialize)]
struct Listing {
    nftables: Vec<Entry>,
}

/// One thing; only one of these is there.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    table: Option<Named>,
    chain: Option<Named>,
    map: Option<Named>,
    counter: Option<Counter>,
}

#[derive(Deserialize)]
struct Named {
    family: String,
    name: String,
}

#[derive(Deserialize)]
struct Counter {
    name: String,
    packets: u64,
    bytes: u64,
}

/// What stands in our table; nothing where there is none.
pub(super) async fn objects() -> Result<Objects, NftError> {
    let tables = read(&nft::list(&["list", "tables"]).await?)?;
    let is_ours = |table: &Named| table.family == "inet" && table.name == NAME;
    if !tables.iter().filter_map(|entry| entry.table.as_ref()).any(is_ours) {
        return Ok(Objects::default());
    }
    // Without elements: the pins may be many.
    let entries = read(&nft::list(&["-t", "list", "table", "inet", NAME]).await?)?;
    let mut objects = Objects {
        is_table: true,
        ..Objects::default()
    };
    for entry in entries {
        objects.chains.extend(entry.chain.map(|chain| chain.name));
        objects.maps.extend(entry.map.map(|map| map.name));
        objects.counters.extend(entry.counter.map(|counter| counter.name));
    }
    Ok(objects)
}

pub(super) async fn counters() -> Result<BTreeMap<String, Traffic>, NftError> {
    let entries = read(&nft::list(&["list", "counters", "table", "inet", NAME]).await?)?;
    let counters = entries.into_iter().filter_map(|entry| entry.counter);
    let named = counters.map(|Counter { name, packets, bytes }| (name, Traffic { packets, bytes }));
    Ok(named.collect())
}

fn read(text: &[u8]) -> Result<Vec<Entry>, NftError> {
    let listing: Listing =
        serde_json::from_slice(text).map_err(|error| NftError::Refused(format!("its words make no sense: {error}")))?;
    Ok(listing.nftables)
}
