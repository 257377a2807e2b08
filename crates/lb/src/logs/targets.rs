//! The configuration's log targets as the syslog module knows them.

use std::sync::Arc;

use tandem_lb_config as plan;
use tandem_ops::syslog::{Destination, Facility, Format, Identity, OpenError, Sample, Severity, Target, Targets};
use thiserror::Error;

use crate::rings::Lineup;

#[derive(Debug, Error)]
pub(crate) enum LogsError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("log: there is no syslog facility {0}")]
    Facility(u8),
    #[error("log: '{0}' is not a place to send lines to")]
    Destination(String),
    #[error("log: there is no ring '{0}'")]
    Ring(Arc<str>),
}

/// All opened targets.
#[derive(Debug)]
pub(crate) struct Logs {
    /// In the order of the Plan.
    pub(crate) frontends: Vec<Targets>,
    pub(crate) backends: Vec<Targets>,
}

/// What holds for all log lines of the process.
pub(crate) struct Opener<'a> {
    identity: Identity,
    global: &'a [plan::LogTarget],
    rings: &'a Lineup,
}

impl Logs {
    /// To be called before privileges are dropped and after the process has its final id.
    pub(crate) fn open(plan: &plan::Plan, program: &str, rings: &Lineup) -> Result<Logs, LogsError> {
        let opener = Opener::new(&plan.global, program, rings);
        let frontends = plan.frontends.iter().map(|f| opener.open(&f.logs));
        let backends = plan.backends.iter().map(|b| opener.open(&b.logs));
        Ok(Logs {
            frontends: frontends.collect::<Result<_, _>>()?,
            backends: backends.collect::<Result<_, _>>()?,
        })
    }
}

impl Opener<'_> {
    pub(crate) fn new<'a>(global: &'a plan::Global, program: &str, rings: &'a Lineup) -> Opener<'a> {
        let mut identity = Identity::new(global.log_tag.as_deref().unwrap_or(program));
        identity.hostname = global.log_hostname.as_deref().map(hostname);
        Opener {
            identity,
            global: &global.logs,
            rings,
        }
    }

    /// Where the lines of one proxy go.
    pub(crate) fn open(&self, logs: &plan::ProxyLogs) -> Result<Targets, LogsError> {
        let global = if logs.global { self.global } else { &[] };
        let identity = match &logs.tag {
            Some(tag) => &Identity {
                tag: tag.to_string(),
                ..self.identity.clone()
            },
            None => &self.identity,
        };
        let targets = global
            .iter()
            .chain(&logs.own)
            .map(|log| target(log, self.rings))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Targets::open(&targets, identity)?)
    }
}

fn target(log: &plan::LogTarget, rings: &Lineup) -> Result<Target, LogsError> {
    let facility = Facility::new(log.facility.0).ok_or(LogsError::Facility(log.facility.0))?;
    let to = destination(&log.to, rings)?;
    // A ring's lines are all of one format.
    let of_ring = match &log.to {
        plan::LogAddress::Ring(ring) => rings.named(&ring.name).map(|known| known.plan.format),
        _ => None,
    };
    Ok(Target {
        to,
        format: of_ring.or(log.format).map(format),
        length: usize::from(log.length),
        facility,
        max: severity(log.max),
        min: severity(log.min),
        sample: log.sample.as_ref().map(|sample| Sample {
            ranges: sample.ranges.clone(),
            of: sample.of,
        }),
    })
}

fn destination(to: &plan::LogAddress, rings: &Lineup) -> Result<Destination, LogsError> {
    Ok(match to {
        plan::LogAddress::Udp {
            host: plan::Host::Ip(ip),
            port,
        } => Destination::Udp((*ip, *port).into()),
        plan::LogAddress::Udp {
            host: plan::Host::Name(name),
            port,
        } => Destination::resolve(name.bare(), *port)?,
        plan::LogAddress::Udp {
            host: plan::Host::Unix(path),
            ..
        } => {
            return Err(LogsError::Destination(path.display().to_string()));
        }
        plan::LogAddress::Udp {
            host: plan::Host::Abstract(name),
            ..
        } => {
            return Err(LogsError::Destination(format!("abns@{name}")));
        }
        plan::LogAddress::Unix(path) => Destination::Unix(path.clone()),
        plan::LogAddress::Stdout => Destination::Stdout,
        plan::LogAddress::Stderr => Destination::Stderr,
        plan::LogAddress::Fd(fd) => Destination::Fd(*fd),
        plan::LogAddress::Ring(ring) => {
            let known = rings.named(&ring.name);
            let known = known.ok_or_else(|| LogsError::Ring(ring.name.clone()))?;
            Destination::Ring(known.ring.clone())
        }
    })
}

fn format(format: plan::LogFormat) -> Format {
    match format {
        plan::LogFormat::Rfc3164 => Format::Rfc3164,
        plan::LogFormat::Rfc5424 => Format::Rfc5424,
        plan::LogFormat::Local => Format::Local,
        plan::LogFormat::Short => Format::Short,
        plan::LogFormat::Timed => Format::Timed,
        plan::LogFormat::Iso => Format::Iso,
        plan::LogFormat::Priority => Format::Priority,
        plan::LogFormat::Raw => Format::Raw,
    }
}

/// What `log-send-hostname` named, or this host's own name.
fn hostname(configured: &str) -> String {
    if !configured.is_empty() {
        return configured.to_owned();
    }
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match own.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

fn severity(severity: plan::Severity) -> Severity {
    match severity {
        plan::Severity::Emerg => Severity::Emerg,
        plan::Severity::Alert => Severity::Alert,
        plan::Severity::Crit => Severity::Crit,
        plan::Severity::Err => Severity::Err,
        plan::Severity::Warning => Severity::Warning,
        plan::Severity::Notice => Severity::Notice,
        plan::Severity::Info => Severity::Info,
        plan::Severity::Debug => Severity::Debug,
    }
}
