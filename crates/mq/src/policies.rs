//! Policies as the configuration and the console write them.

use anyhow::{Context, bail};
use serde::Deserialize;
use tandem_mq_core::PolicyRecord;
use tandem_mq_core::broker::{MOST_POLICIES, check_policy};

use crate::permissions;

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Policy {
    pub(crate) name: String,
    pub(crate) pattern: String,
    /// The highest one that matches counts alone.
    #[serde(default)]
    pub(crate) priority: u32,
    pub(crate) max_delivery_attempts: Option<u32>,
    /// Empty is nowhere.
    pub(crate) dead_letter: Option<String>,
    pub(crate) expiry: Option<String>,
    /// In milliseconds.
    pub(crate) message_ttl: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) max_length_bytes: Option<u64>,
    /// In milliseconds.
    pub(crate) redelivery_delay: Option<u64>,
    pub(crate) redelivery_delay_multiplier: Option<f64>,
    pub(crate) max_redelivery_delay: Option<u64>,
    /// Empty is none.
    pub(crate) last_value_key: Option<String>,
    /// 0 is none.
    pub(crate) group_buckets: Option<u32>,
    pub(crate) prefetch: Option<u32>,
    /// 0 is none.
    pub(crate) id_cache_size: Option<u32>,
}

impl Policy {
    pub(crate) fn record(&self) -> anyhow::Result<PolicyRecord> {
        if self.name.is_empty() {
            bail!("it needs a name");
        }
        permissions::pattern(&self.pattern).context("pattern")?;
        let place = |place: &Option<String>| place.as_deref().map(Into::into);
        let record = PolicyRecord {
            name: self.name.as_str().into(),
            pattern: self.pattern.as_str().into(),
            priority: self.priority,
            max_attempts: self.max_delivery_attempts,
            dead_letter: place(&self.dead_letter),
            expiry: place(&self.expiry),
            ttl: self.message_ttl,
            max_length: self.max_length,
            max_bytes: self.max_length_bytes,
            redelivery_delay: self.redelivery_delay,
            redelivery_multiplier: self.redelivery_delay_multiplier.map(thousandths),
            max_redelivery_delay: self.max_redelivery_delay,
            last_value_key: place(&self.last_value_key),
            group_buckets: self.group_buckets,
            prefetch: self.prefetch,
            id_cache_size: self.id_cache_size,
        };
        if let Err(why) = check_policy(&record) {
            bail!("{why}");
        }
        let says_nothing = PolicyRecord {
            name: record.name.clone(),
            pattern: record.pattern.clone(),
            priority: record.priority,
            ..PolicyRecord::default()
        };
        match record == says_nothing {
            true => bail!(
                "it says nothing: add message-ttl, max-length, max-length-bytes, dead-letter, expiry, max-delivery-attempts, \
                 redelivery-delay, last-value-key, group-buckets, prefetch or \
                 id-cache-size"
            ),
            false => Ok(record),
        }
    }
}

/// What is no number, or none that can be, is 0, which is refused with the others that cannot be.
fn thousandths(number: f64) -> u32 {
    (number * 1000.0).round() as u32
}

pub(crate) fn records(policies: &[Policy]) -> anyhow::Result<Vec<PolicyRecord>> {
    let mut records: Vec<PolicyRecord> = Vec::new();
    for policy in policies {
        let record = policy.record().with_context(|| format!("policy {:?}", policy.name))?;
        if records.iter().any(|known| known.name == record.name) {
            bail!("policy {:?} is there twice", policy.name);
        }
        records.push(record);
    }
    if records.len() > MOST_POLICIES {
        bail!(
            "there are {} policies, and at most {MOST_POLICIES} can be",
            records.len()
        );
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        policy: Vec<Policy>,
    }

    fn read(text: &str) -> Result<Vec<PolicyRecord>, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        records(&file.policy).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn what_is_written_is_read_and_what_is_wrong_is_said() {
        let begin = "[[policy]]\nname = \"p\"\npattern = \"a.#\"\n";
        let whole = "priority = 2\nmax-delivery-attempts = 3\ndead-letter = \"\"\nexpiry = \"e\"\nmessage-ttl = 4\n\
                     max-length = 5\nmax-length-bytes = 6\nredelivery-delay = 7\nredelivery-delay-multiplier = 1.5\n\
                     max-redelivery-delay = 8\nlast-value-key = \"k\"\ngroup-buckets = 9\nprefetch = 10\nid-cache-size = 11\n";
        let expect = PolicyRecord {
            name: "p".into(),
            pattern: "a.#".into(),
            priority: 2,
            max_attempts: Some(3),
            dead_letter: Some("".into()),
            expiry: Some("e".into()),
            ttl: Some(4),
            max_length: Some(5),
            max_bytes: Some(6),
            redelivery_delay: Some(7),
            redelivery_multiplier: Some(1500),
            max_redelivery_delay: Some(8),
            last_value_key: Some("k".into()),
            group_buckets: Some(9),
            prefetch: Some(10),
            id_cache_size: Some(11),
        };
        assert_eq!(read(&format!("{begin}{whole}")), Ok(vec![expect]));
        let twice = format!("{begin}max-length = 1\n{begin}max-length = 1\n");
        let many = (0..=MOST_POLICIES)
            .map(|number| format!("[[policy]]\nname = \"{number}\"\npattern = \"a\"\nmax-length = 1\n"));
        let many = many.collect::<String>();
        for (text, says) in [
            (begin, "policy \"p\": it says nothing"),
            (&twice, "policy \"p\" is there twice"),
            ("[[policy]]\nname = \"\"\npattern = \"a\"\n", "it needs a name"),
            (
                "[[policy]]\nname = \"mir\"\npattern = \"^mirrior\"\n",
                "pattern: \"^mirrior\" looks like a regular expression",
            ),
            ("[[policy]]\nname = \"p\"\npattern = \"\"\n", "a pattern is empty"),
            (&format!("{begin}dead-letter = \"a\\u0007\"\n"), "a control character"),
            (
                &format!("{begin}expiry = \"{}\"\n", "x".repeat(1025)),
                "longer than 1024",
            ),
            (&format!("{begin}expiry = \"amq.gen-x\"\n"), "gone with its connection"),
            (
                &format!("{begin}redelivery-delay-multiplier = 2\n"),
                "is nothing without redelivery-delay",
            ),
            (
                &format!("{begin}redelivery-delay = 1\nredelivery-delay-multiplier = nan\n"),
                "from 1 to 1000",
            ),
            (&many, "there are 101 policies, and at most 100 can be"),
            (
                "[[policy]]\nname = \"p\"\npattern = \"a\"\nttl = 1\n",
                "unknown field `ttl`",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
