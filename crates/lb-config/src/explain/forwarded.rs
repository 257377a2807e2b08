//! The way of a client whose packets the kernel forwards: its bucket, and whose that is.

use std::net::{IpAddr, SocketAddr};

use tandem_lb_core::balance::Table;
use tandem_lb_core::forward::{BUCKETS, Key};

use super::{Contender, Explanation, Kind, Situation};
use crate::plan::{Backend, Forward, Host};

impl Explanation {
    pub(super) fn forwarded(&mut self, forward: &Forward, backend: &Backend, situation: &Situation, source: IpAddr) {
        let line = backend.written.line("balance").or(backend.written.section());
        let Some(at) = forward.at.iter().find(|at| at.is_ipv4() == source.is_ipv4()) else {
            self.add(Kind::Balance, "no address here is of the client's family", line);
            return;
        };
        if forward.key == Key::SourcePort {
            let says =
                format!("the kernel hashes address and port into {BUCKETS} buckets: each connection is for itself");
            self.add(Kind::Balance, says, line);
            return;
        }
        let bucket = forward.key.bucket(forward.seed, SocketAddr::new(source, 0));
        let fits = |contender: &&Contender| {
            let server = backend.servers.iter().find(|server| server.name == contender.name);
            server.is_none_or(|server| match server.host {
                Host::Ip(ip) => ip.is_ipv4() == at.is_ipv4(),
                Host::Name(_) | Host::Unix(_) | Host::Abstract(_) => true,
            })
        };
        let fitting: Vec<&Contender> = situation.contenders.iter().filter(fits).collect();
        let candidates: Vec<_> = situation.contenders.iter().map(|c| c.candidate.clone()).collect();
        let owners = Table::build(&backend.policy, &candidates).buckets(BUCKETS, forward.seed, |idx| {
            fitting.iter().any(|contender| contender.candidate.place == idx)
        });
        let owner = owners.get(bucket as usize).copied().flatten();
        let says = match owner {
            Some(_) => format!("the kernel forwards from {at}: bucket {bucket} of {BUCKETS}"),
            None => format!("the kernel forwards from {at}, but no server may be used: the client is refused"),
        };
        self.add(Kind::Balance, says, line);
        for contender in fitting {
            let is_owner = Some(contender.candidate.place) == owner;
            let (kind, says) = match (is_owner, contender.candidate.usable) {
                (true, _) => (Kind::Server, format!("{}, its bucket", contender.status)),
                (false, true) => (Kind::Out, format!("{}, other buckets", contender.status)),
                (false, false) => (Kind::Out, format!("{}; connections that it has stay", contender.status)),
            };
            self.add(kind, says, Some(&contender.origin)).server = Some(contender.name.to_string());
            if is_owner {
                self.server = Some(format!("{}/{}", backend.name, contender.name));
            }
        }
    }
}
