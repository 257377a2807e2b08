//! `tandem mq`: a client for brokers with Artemis's words (`producer`, `consumer`, `browse`, `queue stat`, `queue purge`).
//!
//! It speaks STOMP 1.2, and AMQP 0-9-1 to purge, so it works with other brokers as well; only `queue stat` asks `tandem-mq`
//! itself, over HTTP.

mod address;
mod admin;
mod browse;
mod client;
mod consumer;
mod crew;
mod figures;
mod producer;
mod proof;
mod purge;
mod schedule;
mod size;
mod stat;

use std::process::ExitCode;
use std::time::Duration;

use address::Address;
use size::Size;

/// As good as no limit: a thousand times this, and this beside the time of today, is still a number.
const MOST: u64 = 1 << 50;

#[derive(clap::Args)]
#[command(
    after_help = "Exit status: 0 done, 1 something is missing, damaged or came twice, 2 it could not be done.\n\
    Examples:\n  tandem mq producer --destination queue://orders --message-count 1000 --message-size 1K --threads 4 --verify\n  \
    tandem mq consumer --destination queue://orders --message-count 1000 --threads 4 --verify\n  \
    tandem mq browse --destination orders\n  tandem mq queue stat\n  tandem mq queue purge --destination orders"
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Send messages, each confirmed by the broker
    Producer(Producer),
    /// Take messages and acknowledge each
    Consumer(Consumer),
    /// Look at what waits in a queue and leave it there. A broker that knows no browsers never says that
    /// this was all: it ends with status 2 then, and the first message counts as tried
    #[command(alias = "browser")]
    Browse(Browse),
    /// Look at queues, or empty one
    Queue {
        #[command(subcommand)]
        verb: Queue,
    },
    /// Messages that wait for their time
    Schedule {
        #[command(subcommand)]
        verb: Schedule,
    },
}

#[derive(clap::Subcommand)]
enum Schedule {
    /// What waits, when it comes, and where it goes then
    List(List),
    /// Take some of them back
    Cancel(Cancel),
}

/// The node's admin port, and who asks.
#[derive(clap::Args)]
struct Watched {
    /// The node's admin port
    #[arg(long, default_value = "http://127.0.0.1:8161")]
    url: Address,
    /// The name to come in with
    #[arg(long, default_value = "")]
    user: String,
    /// The password
    #[arg(long, default_value = "")]
    password: String,
}

#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    node: Watched,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Cancel {
    #[command(flatten)]
    node: Watched,
    /// The ids that the list has named
    #[arg(required = true)]
    ids: Vec<u64>,
}

#[derive(clap::Subcommand)]
enum Queue {
    /// What is in each queue and what went through it, as the node's admin port says
    Stat(Stat),
    /// Throw away what waits in a queue, over AMQP 0-9-1
    Purge(Purge),
}

/// The broker, and who asks.
#[derive(clap::Args)]
struct Broker {
    /// The broker: tcp://host:port, or host:port
    #[arg(long, default_value = "tcp://127.0.0.1:61616")]
    url: Address,
    /// The name to come in with
    #[arg(long, default_value = "")]
    user: String,
    /// The password
    #[arg(long, default_value = "")]
    password: String,
    /// How long to wait for any answer, in seconds
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

impl Broker {
    fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// What producers and consumers have in common.
#[derive(clap::Args)]
struct Work {
    #[command(flatten)]
    broker: Broker,
    /// queue://name, topic://name, or the name of a queue
    #[arg(long, default_value = "queue://TEST")]
    destination: String,
    /// How many messages for each thread
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(..=MOST))]
    message_count: u64,
    /// How many connections at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    threads: u16,
    /// Give each message a number and a checksum, or see that none is missing, damaged or came twice
    #[arg(long)]
    verify: bool,
    /// The summary as JSON
    #[arg(long)]
    json: bool,
    /// No bar and no summary
    #[arg(long)]
    silent: bool,
}

#[derive(clap::Args)]
struct Producer {
    #[command(flatten)]
    work: Work,
    /// How large each body is: bytes, or with K, M or G
    #[arg(long)]
    message_size: Option<Size>,
    /// Messages need not survive a restart of the broker
    #[arg(long)]
    non_persistent: bool,
    /// How many may be sent before the first of them is confirmed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    window: u32,
    /// Milliseconds between two messages
    #[arg(long, default_value_t = 0)]
    sleep: u64,
    /// Milliseconds that a message lives; 0 is for ever
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MOST))]
    msgttl: u64,
    /// Milliseconds that the broker holds each message back
    #[arg(long, default_value_t = 0)]
    delay: u64,
}

#[derive(clap::Args)]
struct Consumer {
    #[command(flatten)]
    work: Work,
    /// Stop when nothing has come for so many milliseconds; 0 waits for ever
    #[arg(long, default_value_t = 3000)]
    receive_timeout: u64,
    /// Take only what this selector says
    #[arg(long)]
    filter: Option<String>,
    /// Milliseconds between two messages
    #[arg(long, default_value_t = 0)]
    sleep: u64,
}

#[derive(clap::Args)]
struct Browse {
    #[command(flatten)]
    broker: Broker,
    /// queue://name, or the name of a queue
    #[arg(long, default_value = "queue://TEST")]
    destination: String,
    /// Stop after so many; 0 is all
    #[arg(long, default_value_t = 0)]
    message_count: u64,
    /// Show only what this selector says
    #[arg(long)]
    filter: Option<String>,
    /// Each message as a line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Stat {
    /// The node's admin port
    #[arg(long, default_value = "http://127.0.0.1:8161")]
    url: Address,
    /// Only queues with this in their name
    #[arg(long, default_value = "", alias = "queueName")]
    queue_name: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Purge {
    #[command(flatten)]
    broker: Broker,
    /// queue://name, or the name of a queue
    #[arg(long, alias = "name")]
    destination: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.verb {
        Verb::Producer(args) => producer::run(args),
        Verb::Consumer(args) => consumer::run(args),
        Verb::Browse(args) => browse::run(args),
        Verb::Queue {
            verb: Queue::Stat(args),
        } => stat::run(args),
        Verb::Queue {
            verb: Queue::Purge(args),
        } => purge::run(args),
        Verb::Schedule {
            verb: Schedule::List(args),
        } => schedule::list(args),
        Verb::Schedule {
            verb: Schedule::Cancel(args),
        } => schedule::cancel(args),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn numbers_that_cannot_be_added_are_refused() {
        let most = u64::MAX.to_string();
        for (verb, flag) in [
            ("producer", "--message-count"),
            ("producer", "--msgttl"),
            ("consumer", "--message-count"),
        ] {
            let read = |value: &str| Line::try_parse_from(["mq", verb, flag, value]);
            assert!(read(&most).is_err(), "{verb} {flag}");
            assert!(matches!(
                read("1000000000").map(|line| line.args.verb),
                Ok(Verb::Producer(_) | Verb::Consumer(_))
            ));
        }
    }
}
