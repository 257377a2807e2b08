//! `option …` and `no option …`: switches, and the keepalive knobs beside them.

use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::conn::Redispatch;
use tandem_lb_core::log::format::Format;
use tandem_text::Diagnostic;

use super::args::{Args, Outcome};
use super::keyword::Keyword;
use super::section::Sections;
use crate::draft::Proxy;
use crate::{code, names};

const FRONT: Sections = Sections::FRONT.and_defaults();
const BACK: Sections = Sections::BACK.and_defaults();
const BOTH: Sections = Sections::PROXIES.and_defaults();

pub(super) const KEYWORDS: &[Keyword<Proxy>] = &[
    Keyword {
        words: "option tcplog",
        sections: FRONT,
        summary: "a log line with timers and states when a connection ends",
        parse: |proxy, _| {
            proxy.settings.log_rule.format = Some(Arc::new(Format::tcplog().clone()));
            Ok(())
        },
    },
    Keyword {
        words: "option dontlognull",
        sections: FRONT,
        summary: "no log line for connections that brought no data",
        parse: |proxy, args| args.switch(&mut proxy.settings.log_rule.dontlognull),
    },
    Keyword {
        words: "option dontlog-normal",
        sections: FRONT,
        summary: "no log line for connections without errors",
        parse: |proxy, args| args.switch(&mut proxy.settings.log_rule.dontlog_normal),
    },
    Keyword {
        words: "option log-separate-errors",
        sections: FRONT,
        summary: "errors are logged one level higher",
        parse: |proxy, args| args.switch(&mut proxy.settings.log_rule.log_separate_errors),
    },
    Keyword {
        words: "option logasap",
        sections: FRONT,
        summary: "log when the server has answered, not at the end",
        parse: |proxy, args| args.switch(&mut proxy.settings.log_rule.logasap),
    },
    Keyword {
        words: "option log-health-checks",
        sections: BACK,
        summary: "log every change of a health check's result",
        parse: |proxy, args| args.switch(&mut proxy.settings.log_health_checks),
    },
    Keyword {
        words: "option tcpka",
        sections: BOTH,
        summary: "TCP keepalive towards clients and servers",
        parse: |proxy, _| {
            proxy.settings.client_keepalive.on = true;
            proxy.settings.server_keepalive.on = true;
            Ok(())
        },
    },
    Keyword {
        words: "option clitcpka",
        sections: FRONT,
        summary: "TCP keepalive towards clients",
        parse: |proxy, args| args.switch(&mut proxy.settings.client_keepalive.on),
    },
    Keyword {
        words: "option srvtcpka",
        sections: BACK,
        summary: "TCP keepalive towards servers",
        parse: |proxy, args| args.switch(&mut proxy.settings.server_keepalive.on),
    },
    Keyword {
        words: "option nolinger",
        sections: BOTH,
        summary: "closing forgets what was not received yet, and keeps no state for it",
        parse: |proxy, args| args.switch(&mut proxy.settings.nolinger),
    },
    Keyword {
        words: "option persist",
        sections: BACK,
        summary: "known clients go to their server although it is down",
        parse: |proxy, args| args.switch(&mut proxy.settings.persists),
    },
    Keyword {
        words: "option independent-streams",
        sections: BOTH,
        summary: "what is written to a side does not show that it is there: only what is read counts for its timeout",
        parse: |proxy, args| args.switch(&mut proxy.settings.independent_streams),
    },
    Keyword {
        words: "option abortonclose",
        sections: BOTH,
        summary: "a client that ends what it says before it has a server is not waited for",
        parse: |proxy, args| args.switch(&mut proxy.settings.abort_on_close),
    },
    Keyword {
        words: "option redispatch",
        sections: BACK,
        summary: "retries may go to another server: -1 the last one, N every Nth",
        parse: redispatch,
    },
    Keyword {
        words: "option allbackups",
        sections: BACK,
        summary: "all backup servers share the load instead of the first alone",
        parse: |proxy, args| args.switch(&mut proxy.settings.policy.all_backups),
    },
    Keyword {
        words: "clitcpka-idle",
        sections: FRONT,
        summary: "silence before the first keepalive probe to a client; a bare number is seconds",
        parse: |proxy, args| {
            proxy.settings.client_keepalive.knobs.idle = knob_time(args)?;
            Ok(())
        },
    },
    Keyword {
        words: "clitcpka-intvl",
        sections: FRONT,
        summary: "time between two keepalive probes to a client; a bare number is seconds",
        parse: |proxy, args| {
            proxy.settings.client_keepalive.knobs.interval = knob_time(args)?;
            Ok(())
        },
    },
    Keyword {
        words: "clitcpka-cnt",
        sections: FRONT,
        summary: "unanswered keepalive probes before a client is given up",
        parse: |proxy, args| {
            proxy.settings.client_keepalive.knobs.count = Some(args.number(1..=127)?);
            Ok(())
        },
    },
    Keyword {
        words: "srvtcpka-idle",
        sections: BACK,
        summary: "silence before the first keepalive probe to a server; a bare number is seconds",
        parse: |proxy, args| {
            proxy.settings.server_keepalive.knobs.idle = knob_time(args)?;
            Ok(())
        },
    },
    Keyword {
        words: "srvtcpka-intvl",
        sections: BACK,
        summary: "time between two keepalive probes to a server; a bare number is seconds",
        parse: |proxy, args| {
            proxy.settings.server_keepalive.knobs.interval = knob_time(args)?;
            Ok(())
        },
    },
    Keyword {
        words: "srvtcpka-cnt",
        sections: BACK,
        summary: "unanswered keepalive probes before a server is given up",
        parse: |proxy, args| {
            proxy.settings.server_keepalive.knobs.count = Some(args.number(1..=127)?);
            Ok(())
        },
    },
];

fn redispatch(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    if args.negated() {
        proxy.settings.redispatch = Redispatch::Never;
        return Ok(());
    }
    let Some(word) = args.next() else {
        proxy.settings.redispatch = Redispatch::FromLast(1);
        return Ok(());
    };
    proxy.settings.redispatch = names::redispatch(&word.text).ok_or_else(|| {
        let message = format!("`{}` is not a whole number", word.text);
        Diagnostic::error(code::BAD_VALUE, word.span, message)
            .help("-1 is the last retry, 1 every retry, 3 every third, 0 never")
    })?;
    Ok(())
}

/// A bare number is seconds here, as the kernel counts them; 0 leaves the system's value.
fn knob_time(args: &mut Args<'_>) -> Result<Option<Duration>, Diagnostic> {
    args.time_in_seconds()
        .map(|time| Some(time).filter(|time| !time.is_zero()))
}
