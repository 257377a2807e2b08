//! Ways to get messages: consumers, one message at a time, and how many may be out.

use tandem_mq_wire::amqp091::{Code, Method};

use super::Session;
use super::channel::Listener;
use super::mistake::Mistake;
use super::topology::Wanted;
use crate::broker::{Arrangement, Consume};

/// The most consumers of a connection.
const MOST_LISTENERS: usize = 10_000;

impl Session {
    pub(super) fn of_consumers(&mut self, number: u16, method: Method) -> Result<(), Mistake> {
        let id = method.id();
        match method {
            Method::Qos { size, count, global } => self.qos(number, size, count, global),
            Method::Consume {
                queue,
                tag,
                no_ack,
                exclusive,
                nowait,
                ..
            } => {
                let queue = self.queue_name(number, queue)?;
                self.consume(number, queue, tag, no_ack, exclusive, nowait)
            }
            Method::Cancel { tag, nowait } => {
                let Some(channel) = self.channels.get_mut(number) else {
                    return Ok(());
                };
                let known = channel.tags.remove(&tag);
                let answer = (!nowait).then_some(Method::CancelOk { tag });
                // A consumer that is not there is cancelled already.
                match known {
                    Some(consumer) => {
                        let wanted = Wanted::Cancelled { consumer, answer };
                        self.arrange(number, id, wanted, Arrangement::Cancel { number: consumer });
                    }
                    None => answer.into_iter().for_each(|answer| self.say(number, answer)),
                }
                Ok(())
            }
            Method::Get { queue, no_ack, .. } => {
                let queue = self.queue_name(number, queue)?;
                let consumer = self.line.next();
                let wanted = Wanted::Got {
                    number: consumer,
                    queue: queue.clone(),
                    no_ack,
                };
                let number_of_it = consumer;
                self.arrange(
                    number,
                    id,
                    wanted,
                    Arrangement::Get {
                        number: number_of_it,
                        queue,
                    },
                );
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn qos(&mut self, number: u16, size: u32, count: u16, global: bool) -> Result<(), Mistake> {
        if size != 0 {
            return Err(Mistake::new(Code::NotImplemented, format!("prefetch_size!=0 ({size})")));
        }
        if global {
            let most = Some(count.into()).filter(|count| *count > 0);
            self.arrange(number, (60, 10), Wanted::Nothing, Arrangement::Limit(most));
        } else if let Some(channel) = self.channels.get_mut(number) {
            channel.prefetch = count;
        }
        self.say(number, Method::QosOk {});
        Ok(())
    }

    fn consume(
        &mut self,
        number: u16,
        queue: Box<str>,
        tag: Box<str>,
        no_ack: bool,
        exclusive: bool,
        nowait: bool,
    ) -> Result<(), Mistake> {
        let consumer = self.line.next();
        let tag = match &*tag {
            "" => self.line.name("amq.ctag-", consumer),
            _ => tag,
        };
        let window = self.settings.window;
        let listeners: usize = self.channels.iter().map(|(_, channel)| channel.listeners.len()).sum();
        let Some(channel) = self.channels.get_mut(number) else {
            return Ok(());
        };
        if channel.tags.contains_key(&tag) {
            let text = format!("attempt to reuse consumer tag '{tag}'");
            return Err(Mistake::new(Code::NotAllowed, text));
        }
        if listeners >= MOST_LISTENERS {
            let text = format!("reached maximum ({MOST_LISTENERS}) of consumers per connection");
            return Err(Mistake::new(Code::NotAllowed, text));
        }
        channel.tags.insert(tag.clone(), consumer);
        let listener = Listener {
            tag: tag.clone(),
            queue: queue.clone(),
            no_ack,
        };
        channel.listeners.insert(consumer, listener);
        let prefetch = channel.prefetch;
        let consume = Consume {
            number: consumer,
            queue,
            credit: match (no_ack, prefetch) {
                (true, _) => Some(window),
                (false, 0) => None,
                (false, most) => Some(most.into()),
            },
            limited: !no_ack,
            exclusive,
        };
        let answer = (!nowait).then_some(Method::ConsumeOk { tag });
        let wanted = Wanted::Said(answer);
        self.arrange(number, (60, 20), wanted, Arrangement::Consume(consume));
        Ok(())
    }
}
