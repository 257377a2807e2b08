//! Policies: those that there are, another one, one less.

use serde::Serialize;
use tandem_mq_core::broker::{Arrangement, Broker, PolicyView};
use tandem_mq_core::{Pattern, Rights};

use super::act::{Done, What};
use super::desk::Desk;
use super::{Console, Pairs, Problem, last};
use crate::policies::Policy;
use crate::users::Guest;

#[derive(Debug, Serialize)]
pub(super) struct Policies {
    pub(super) policies: Vec<PolicyRow>,
}

#[derive(Debug, Serialize)]
pub(super) struct PolicyRow {
    pub(super) name: Box<str>,
    pub(super) pattern: Box<str>,
    pub(super) priority: u32,
    /// The configuration has it, and only that changes it.
    pub(super) fixed: bool,
    #[serde(rename = "message-ttl")]
    pub(super) message_ttl: Option<u64>,
    #[serde(rename = "max-length")]
    pub(super) max_length: Option<u64>,
    #[serde(rename = "max-length-bytes")]
    pub(super) max_length_bytes: Option<u64>,
    #[serde(rename = "dead-letter")]
    pub(super) dead_letter: Option<Box<str>>,
    pub(super) expiry: Option<Box<str>>,
    #[serde(rename = "max-delivery-attempts")]
    pub(super) max_delivery_attempts: Option<u32>,
    #[serde(rename = "redelivery-delay")]
    pub(super) redelivery_delay: Option<u64>,
    #[serde(rename = "redelivery-delay-multiplier")]
    pub(super) redelivery_delay_multiplier: Option<f64>,
    #[serde(rename = "max-redelivery-delay")]
    pub(super) max_redelivery_delay: Option<u64>,
    #[serde(rename = "last-value-key")]
    pub(super) last_value_key: Option<Box<str>>,
    #[serde(rename = "group-buckets")]
    pub(super) group_buckets: Option<u32>,
    pub(super) prefetch: Option<u32>,
    #[serde(rename = "id-cache-size")]
    pub(super) id_cache_size: Option<u32>,
}

impl From<PolicyView> for PolicyRow {
    fn from(PolicyView { record, is_fixed }: PolicyView) -> PolicyRow {
        PolicyRow {
            name: record.name,
            pattern: record.pattern,
            priority: record.priority,
            fixed: is_fixed,
            message_ttl: record.ttl,
            max_length: record.max_length,
            max_length_bytes: record.max_bytes,
            dead_letter: record.dead_letter,
            expiry: record.expiry,
            max_delivery_attempts: record.max_attempts,
            redelivery_delay: record.redelivery_delay,
            redelivery_delay_multiplier: record
                .redelivery_multiplier
                .map(|thousandths| f64::from(thousandths) / 1000.0),
            max_redelivery_delay: record.max_redelivery_delay,
            last_value_key: record.last_value_key,
            group_buckets: record.group_buckets,
            prefetch: record.prefetch,
            id_cache_size: record.id_cache_size,
        }
    }
}

impl Console {
    /// Those that who asks may change.
    pub(super) async fn policies(&self, guest: &Guest) -> Result<Policies, Problem> {
        let all = self.hub.look(Broker::policies).await.ok_or_else(Problem::ending)?;
        let may_see = |view: &PolicyView| {
            let needed = Rights {
                configure: vec![Pattern::new(&view.record.pattern)],
                ..Rights::default()
            };
            guest.rights.include(&needed)
        };
        Ok(Policies {
            policies: all.into_iter().filter(may_see).map(PolicyRow::from).collect(),
        })
    }

    pub(super) async fn decide(&self, guest: &Guest, name: &str, fields: &Pairs) -> Result<Done, Problem> {
        let (what, done) = match last(fields, "action") {
            Some("set") => {
                let record = read(name, fields)?
                    .record()
                    .map_err(|why| Problem::bad(&format!("{why:#}")))?;
                (Arrangement::SetPolicy(record), What::Set)
            }
            Some("remove") => (Arrangement::DropPolicy(name.into()), What::Removed),
            _ => return Err(Problem::bad("which action? set or remove")),
        };
        let mut desk = Desk::open(&self.hub, &self.sessions, guest.rights.clone()).await;
        desk.arrange(what).await?;
        Ok(done.with(1))
    }
}

/// What is left empty is not said.
fn read(name: &str, fields: &Pairs) -> Result<Policy, Problem> {
    let filled = |name| last(fields, name).map(str::trim).filter(|text| !text.is_empty());
    Ok(Policy {
        name: name.trim().to_owned(),
        pattern: filled("pattern").unwrap_or_default().to_owned(),
        priority: number(fields, "priority")?.unwrap_or(0),
        max_delivery_attempts: number(fields, "max-delivery-attempts")?,
        dead_letter: filled("dead-letter").map(str::to_owned),
        expiry: filled("expiry").map(str::to_owned),
        message_ttl: number(fields, "message-ttl")?,
        max_length: number(fields, "max-length")?,
        max_length_bytes: number(fields, "max-length-bytes")?,
        redelivery_delay: number(fields, "redelivery-delay")?,
        redelivery_delay_multiplier: number(fields, "redelivery-delay-multiplier")?,
        max_redelivery_delay: number(fields, "max-redelivery-delay")?,
        last_value_key: filled("last-value-key").map(str::to_owned),
        group_buckets: number(fields, "group-buckets")?,
        prefetch: number(fields, "prefetch")?,
        id_cache_size: number(fields, "id-cache-size")?,
    })
}

fn number<T: std::str::FromStr>(fields: &Pairs, name: &str) -> Result<Option<T>, Problem> {
    let text = last(fields, name).map(str::trim).filter(|text| !text.is_empty());
    let read = text.map(|text| {
        text.parse()
            .map_err(|_| Problem::bad(&format!("{name} is a number, not {text:?}")))
    });
    read.transpose()
}
