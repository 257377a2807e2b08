//! What is asked at the sockets: answers and orders.

use serde_json::Value;
use tandem_vrrp_config::PairLink;
use tandem_vrrp_core::{Release, Who};

use super::Desk;
use crate::brain::Order;
use crate::snapshot::Instance;
use crate::socket::Question;
use crate::{answers, metrics};

impl Desk {
    pub(super) async fn answer(&mut self, question: Question) -> Result<Value, String> {
        let kept;
        let order = match question {
            Question::State | Question::Metrics | Question::Why { .. } => return self.describe(question).await,
            Question::Pair => return Ok(self.pair.describe().await),
            Question::Handover {
                instance,
                successor,
                keep,
                brief,
            } => {
                let who = self.who(instance)?;
                let longest = PairLink::LONGEST_KEEP.as_secs();
                if keep.is_some_and(|seconds| u64::from(seconds) > longest) {
                    return Err(format!("connections are kept for {longest} seconds at most"));
                }
                let away = self.goes_for_a_moment(who).await;
                kept = self.keep_connections(who, successor, keep).await;
                if brief {
                    self.come_back_soon(away);
                }
                let why = Release::Handover { successor };
                Order::Release { who, why }
            }
            Question::Drain { instance } => {
                let who = self.who(instance)?;
                self.goes_for_good(who);
                kept = self.keep_connections(who, None, None).await;
                let why = Release::Drain;
                Order::Release { who, why }
            }
            Question::Resume { instance } => {
                let who = self.who(instance)?;
                self.resume(who).await;
                return Ok(Value::Null);
            }
        };
        self.order(order).await;
        Ok(kept)
    }

    async fn describe(&self, question: Question) -> Result<Value, String> {
        let snapshot = self.show().await.ok_or("the router is ending")?;
        match question {
            Question::Metrics => Ok(metrics::text(&snapshot).into()),
            Question::Why { instance: Some(name) } => {
                let who = snapshot.instances.iter().find(|i| *i.settings.name == *name);
                let who = who.ok_or_else(|| format!("there is no instance {name}"))?;
                Ok(answers::why(&snapshot, who, self.recorder.about(who.settings.id)))
            }
            Question::Why { instance: None } => {
                let about = |i: &Instance| answers::why(&snapshot, i, self.recorder.about(i.settings.id));
                Ok(snapshot.instances.iter().map(about).collect())
            }
            _ => Ok(answers::state(&snapshot)),
        }
    }

    fn who(&self, instance: Option<String>) -> Result<Who, String> {
        let Some(name) = instance else { return Ok(Who::All) };
        let known = self.plan.router.instances.iter().find(|i| *i.name == *name);
        known
            .map(|i| Who::One(i.id))
            .ok_or_else(|| format!("there is no instance {name}"))
    }
}
