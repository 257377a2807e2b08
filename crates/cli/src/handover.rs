//! `tandem handover`: let the other host be master, without a gap.

use std::io::{self, Write};
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tandem_vrrp_config::PairLink;

use crate::router_socket::RouterSocket;
use crate::span_of_time;
use crate::stats_socket::{StatsSocket, USUAL};

#[derive(clap::Args)]
#[command(
    after_help = "This host goes on serving the addresses until the other one does; then it stays backup, whatever its priority,\n\
    until the other is gone or you say --resume. If nobody comes, this host stays master; a sync group, of which a part may\n\
    have moved, lets go all the same, and has its addresses again when its timer ends.\n\
    With a `pair_link` the other host takes over within milliseconds, otherwise by its own timer (0.6 s at an interval of 1 s),\n\
    and connections that this host has go on here until they end or --keep is over: the other host hands their packets back,\n\
    for which it needs `nft`. --resume then does the same the other way round.\n\
    --over TIME closes them at an even pace over this time, instead of all that are left at its end: the balancer of this host is\n\
    told to stop softly, and ends with the last of them. It works after a handover, too, and not on a host that only stands by.\n\
    Exit status: 0 handed over (or resumed), 1 nobody took over, or not in time, 3 this host held nothing, 2 the router cannot be asked.\n\
    Examples:\n  tandem handover\n  tandem handover VI_1 --to 10.0.0.2\n  tandem handover --keep 10m\n  tandem handover --over 10m\n  tandem handover --resume"
)]
pub struct Args {
    /// One instance; without it, all of them
    instance: Option<String>,
    /// The router that is to take over, by the address its adverts come from
    #[arg(long, value_name = "ADDRESS")]
    to: Option<IpAddr>,
    /// How long connections go on here at most, up to 24h, 0s for not at all; without it what `pair_link` says (30 s)
    #[arg(long, value_name = "TIME", conflicts_with = "resume", value_parser = keep)]
    keep: Option<Duration>,
    /// Have the balancer of this host stop, and close connections that go on here at an even pace over this time, up to 24h
    #[arg(long, value_name = "TIME", conflicts_with_all = ["resume", "keep", "brief"], value_parser = keep)]
    over: Option<Duration>,
    /// With --over: the stats socket of that balancer, which has to let us command (level admin)
    #[arg(long, value_name = "PATH", default_value = USUAL, requires = "over")]
    balancer: StatsSocket,
    /// Take part again by itself, some seconds later and as the trackers say: before the balancer of this host is stopped
    #[arg(long, conflicts_with = "resume")]
    brief: bool,
    /// Take part again as the priorities say
    #[arg(long, conflicts_with = "to")]
    resume: bool,
    /// How long to wait for the other host
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = span_of_time::parse)]
    wait: Duration,
    #[command(flatten)]
    router: RouterSocket,
    /// The outcome as JSON
    #[arg(long)]
    json: bool,
}

fn keep(text: &str) -> Result<Duration, String> {
    let time = span_of_time::parse(text)?;
    if time > PairLink::LONGEST_KEEP {
        return Err("connections are kept for 24h at most".to_owned());
    }
    Ok(time)
}

/// How often the router is asked how far it is.
const PAUSE: Duration = Duration::from_millis(20);

/// How much longer connections are kept than they are closed over.
const SPARE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Resumed,
    Nothing,
    /// There was a handover before.
    Earlier,
    HandedOver,
    NobodyCame,
    /// Members of a group, whose addresses nobody serves.
    LetGo,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let instance = args.instance.as_deref();
    let begun = Instant::now();
    let mut kept = Value::Null;
    let (outcome, names) = if args.resume {
        args.router.ask("resume", &[("instance", instance.into())])?;
        (Outcome::Resumed, Vec::new())
    } else {
        hand_over(args, instance, &mut kept)?
    };
    let took = begun.elapsed();
    // Who handed over before may still have connections; who stands by is left alone.
    let paced = args
        .over
        .filter(|_| matches!(outcome, Outcome::HandedOver | Outcome::Earlier));
    let told = paced
        .map(|over| stop_softly(&args.balancer, over).map(|()| over))
        .transpose();
    let closes_over = told.as_ref().ok().copied().flatten();
    let mut out = io::stdout().lock();
    if args.json {
        let value = json!({
            "outcome": outcome.word(), "instances": names, "seconds": took.as_secs_f64(), "kept": kept,
            "closes_over": closes_over.map(|over| over.as_secs_f64()),
        });
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{}", outcome.tell(&names, took))?;
        if outcome == Outcome::HandedOver {
            stayed(&kept).iter().try_for_each(|line| writeln!(out, "{line}"))?;
        }
        if let Some(over) = closes_over {
            writeln!(
                out,
                "the balancer of this host closes them over {over:?}, and ends with the last"
            )?;
        }
    }
    // The addresses have moved, whatever became of the balancer.
    told.map(|_| outcome.status())
}

fn hand_over(args: &Args, instance: Option<&str>, kept: &mut Value) -> anyhow::Result<(Outcome, Vec<String>)> {
    let held = |state: &Value| held(state, instance);
    let state = args.router.ask("state", &[])?;
    let before = held(&state);
    if before.is_empty() {
        return Ok((nothing(&state, instance), before));
    }
    let successor = args.to.map(|to| to.to_string());
    // The last is closed when the time is over, and is not to be lost before.
    let paced = args.over.map(|over| (over + SPARE).min(PairLink::LONGEST_KEEP));
    let seconds = args.keep.or(paced).map(|keep| keep.as_secs_f64().ceil() as u64);
    let details = [
        ("instance", instance.into()),
        ("successor", successor.into()),
        ("keep", seconds.into()),
        ("brief", args.brief.then_some(true).into()),
    ];
    *kept = args.router.ask("handover", &details)?;
    let deadline = Instant::now() + args.wait;
    loop {
        let state = args.router.ask("state", &[])?;
        let left = held(&state);
        if left.is_empty() {
            return Ok(let_go(&state, before));
        }
        if Instant::now() >= deadline {
            return Ok((Outcome::NobodyCame, left));
        }
        std::thread::sleep(PAUSE);
    }
}

/// By the command that operators have for it.
fn stop_softly(balancer: &StatsSocket, over: Duration) -> anyhow::Result<()> {
    let order = format!("drain over {}ms", over.as_millis());
    let answer = balancer.ask(&order).with_context(|| {
        format!("the addresses are handed over, but the balancer at {balancer} cannot be told to stop softly (--balancer says where it is)")
    })?;
    match answer.trim() {
        "" => Ok(()),
        refusal => {
            bail!("the addresses are handed over, but the balancer at {balancer} does not stop softly: {refusal}")
        }
    }
}

/// What came of it, once this host has none of them any more.
fn let_go(state: &Value, before: Vec<String>) -> (Outcome, Vec<String>) {
    let abandoned = those(state, "abandoned", |name| before.iter().any(|held| held == name));
    if abandoned.is_empty() {
        (Outcome::HandedOver, before)
    } else {
        (Outcome::LetGo, abandoned)
    }
}

/// What goes on here, by the name of the instance.
fn stayed(kept: &Value) -> Vec<String> {
    let all = kept.as_object().into_iter().flatten();
    let one = |(name, count): (&String, &Value)| match count.as_u64() {
        Some(count) => format!("{count} connections of {name} go on here"),
        None => format!("connections of {name} go on here; this host does not know how many"),
    };
    all.map(one).collect()
}

/// What it is that there is nothing to hand over.
fn nothing(state: &Value, instance: Option<&str>) -> Outcome {
    let is_meant = |name: &str| instance.is_none_or(|wanted| wanted == name);
    let earlier = ["handed_over", "drained"].map(|what| those(state, what, is_meant));
    match earlier.iter().all(Vec::is_empty) {
        true => Outcome::Nothing,
        false => Outcome::Earlier,
    }
}

/// The instances meant whose addresses this host has.
fn held(state: &Value, instance: Option<&str>) -> Vec<String> {
    those(state, "holds", |name| instance.is_none_or(|wanted| wanted == name))
}

fn those(state: &Value, what: &str, is_meant: impl Fn(&str) -> bool) -> Vec<String> {
    let all = state.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter()
        .filter(|one| one[what] == true)
        .filter_map(|one| one["name"].as_str())
        .filter(|name| is_meant(name))
        .map(str::to_owned)
        .collect()
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Outcome::Resumed => "resumed",
            Outcome::Nothing | Outcome::Earlier => "nothing held",
            Outcome::HandedOver => "handed over",
            Outcome::NobodyCame => "nobody took over",
            Outcome::LetGo => "let go",
        }
    }

    fn tell(self, names: &[String], took: Duration) -> String {
        let names = names.join(", ");
        match self {
            Outcome::Resumed => "taking part again as the priorities say".to_owned(),
            Outcome::Nothing => "this host holds none of the addresses: there is nothing to hand over".to_owned(),
            Outcome::Earlier => "this host holds none of the addresses: it has handed them over before".to_owned(),
            Outcome::HandedOver => format!("handed over {names} in {took:.0?}"),
            Outcome::NobodyCame => format!(
                "nobody took over {names}: this host still serves. Is the other router up, and does it hear us? `tandem why` says more"
            ),
            Outcome::LetGo => format!(
                "nobody took over {names}, and a sync group lets go all the same: nobody serves these addresses until a router's timer ends. Is the other router up, and does it hear us?"
            ),
        }
    }

    fn status(self) -> ExitCode {
        ExitCode::from(match self {
            Outcome::Resumed | Outcome::HandedOver => 0,
            Outcome::NobodyCame | Outcome::LetGo => 1,
            Outcome::Nothing | Outcome::Earlier => 3,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_what_is_handed_over() {
        let state = json!([
            {"name": "VI_1", "holds": true}, {"name": "VI_2", "holds": false}, {"name": "VI_3", "holds": true}
        ]);
        assert_eq!(held(&state, None), ["VI_1", "VI_3"]);
        assert_eq!(held(&state, Some("VI_3")), ["VI_3"]);
        assert_eq!(held(&state, Some("VI_2")), [""; 0]);
        assert_eq!(held(&Value::Null, None), [""; 0]);
    }

    #[test]
    fn a_host_that_only_stands_by_is_no_host_that_handed_over() {
        let of = |drained: bool| json!([{"name": "VI_1", "holds": false, "drained": false}, {"name": "VI_2", "holds": false, "drained": drained}]);
        let handed_over = json!([{"name": "VI_1", "holds": false, "drained": false, "handed_over": true}]);
        assert_eq!(nothing(&handed_over, None), Outcome::Earlier);
        assert_eq!(nothing(&of(false), None), Outcome::Nothing);
        assert_eq!(nothing(&of(true), None), Outcome::Earlier);
        assert_eq!(nothing(&of(true), Some("VI_1")), Outcome::Nothing);
    }

    #[test]
    fn the_balancer_is_told_to_close_them_over_the_time() {
        use std::io::{BufRead, BufReader};
        use std::os::unix::net::UnixListener;

        let path = std::env::temp_dir().join(format!("tandem-over-{}.sock", std::process::id()));
        let listener = UnixListener::bind(&path).expect("nobody has this name");
        let balancer = StatsSocket::Unix(path.clone());
        let answering = std::thread::spawn(move || {
            ["\n", "Permission denied\n"].map(|answer| {
                let (mut stream, _) = listener.accept().expect("it is asked");
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).expect("a line");
                stream.write_all(answer.as_bytes()).expect("it listens");
                line
            })
        });
        let over = Duration::from_secs(600);
        stop_softly(&balancer, over).expect("it does");
        let refusal = stop_softly(&balancer, over).expect_err("it may not").to_string();
        assert!(refusal.contains("Permission denied"), "{refusal}");
        assert_eq!(answering.join().expect("well"), ["drain over 600000ms\n"; 2]);
        std::fs::remove_file(&path).expect("ours");
        let nobody = stop_softly(&balancer, over).expect_err("nobody is there").to_string();
        assert!(nobody.contains("--balancer says where"), "{nobody}");
    }

    #[test]
    fn connections_are_kept_for_a_day_at_most() {
        assert_eq!(keep("24h"), Ok(Duration::from_secs(86_400)));
        assert!(keep("25h").is_err_and(|why| why.contains("24h at most")));
    }

    #[test]
    fn what_nobody_took_is_not_handed_over() {
        let state = json!([
            {"name": "FRONT", "holds": false, "abandoned": true}, {"name": "BACK", "holds": false, "abandoned": false},
            {"name": "VI_3", "holds": false, "abandoned": true}
        ]);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let group = names(&["FRONT", "BACK"]);
        assert_eq!(let_go(&state, group), (Outcome::LetGo, names(&["FRONT"])));
        assert_eq!(
            let_go(&state, names(&["BACK"])),
            (Outcome::HandedOver, names(&["BACK"]))
        );
        assert_ne!(Outcome::LetGo.status(), ExitCode::SUCCESS);
    }
}
