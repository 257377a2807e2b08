//! How the pair is to be, as the command line says it.

use super::Wishes;
use super::cast::{Both, Cast};

#[derive(clap::Args)]
pub struct WishArgs {
    /// Which balancers: `ours`, `original` (HAProxy), or one for each host: `ours,original`
    #[arg(long, value_name = "WHICH", default_value = "ours")]
    balancers: Both,
    /// Which routers: `ours`, `original` (Keepalived), or one for each host
    #[arg(long, value_name = "WHICH", default_value = "ours")]
    routers: Both,
    /// Milliseconds between adverts
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(10..=1000))]
    adverts: u32,
    /// How many brokers
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=9))]
    brokers: u8,
}

impl WishArgs {
    pub fn read(&self) -> Wishes {
        Wishes {
            cast: Cast {
                balancers: self.balancers,
                routers: self.routers,
            },
            brokers: self.brokers.into(),
            interval: self.adverts,
        }
    }
}
