//! Whoever asks for the sessions is in the list, as with HAProxy 2.6: it is a session of the stats socket itself.

use std::time::Duration;

use tandem_ops::clock::Wall;
use tandem_ops::control::Call;
use tandem_time::CivilTime;

use super::seen::Seen;

/// Where its numbers begin, so that nobody can end it by one that is a connection's.
const NUMBERS: u64 = 0x7f00_0000_0000;

/// The session of a client of the stats socket.
pub(super) struct Asker {
    seen: Seen,
    patience: Duration,
}

impl Asker {
    /// `None` where another program asks for somebody.
    pub(super) fn of(call: &Call) -> Option<Asker> {
        Some(Asker {
            seen: Seen::of(call.descriptor()?),
            patience: call.patience(),
        })
    }

    fn id(&self) -> u64 {
        // A number of a file that is open is not below 0.
        NUMBERS + u64::try_from(self.seen.number).unwrap_or(0)
    }

    fn source(&self) -> String {
        self.seen.peer.map_or_else(|| "unix:1".to_owned(), |at| at.to_string())
    }

    pub(super) fn line(&self) -> String {
        let (id, proto, source) = (self.id(), self.seen.family(), self.source());
        let (left, fd) = (self.patience.as_secs(), self.seen.number);
        format!(
            "{id:#x}: proto={proto} src={source} fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s calls=1 rate=0 cpu=0 \
             lat=0 rq[f=0h,i=0,an=00h,rx={left}s,wx=,ax=] rp[f=0h,i=0,an=00h,rx=,wx=,ax=] scf=[8,0h,fd={fd}] \
             scb=[8,1h,fd=-1] exp={left}s rc=0 c_exp=\n"
        )
    }

    pub(super) fn details(&self) -> String {
        let wall = Wall::now();
        let began = CivilTime::from_unix(wall.as_millis(), wall.local_offset());
        let (id, proto, source) = (self.id(), self.seen.family(), self.source());
        let at = self.seen.local.map_or_else(|| "unix:1".to_owned(), |at| at.to_string());
        let (left, fd) = (self.patience.as_secs(), self.seen.number);
        format!(
            "{id:#x}: [{began}000] id={id} proto={proto} source={source}\n  \
             flags=0x0, conn_retries=0, conn_exp=<NEVER> conn_et=0x000 srv_conn=(nil), pend_pos=(nil) waiting=0 epoch=0\n  \
             frontend=GLOBAL (id=0 mode=tcp), listener=? (id=1) addr={at}\n  backend=<NONE> (id=-1 mode=-)\n  \
             server=<NONE> (id=-1)\n  task={id:#x} (state=0x00 nice=-64 calls=1 rate=0 exp={left}s tmask=0x1 age=0s)\n  \
             scf={id:#x} flags=0x00000000 state=EST endp=CONN sub=1\n      co0={id:#x} ctrl={proto} xprt=RAW mux=PASS \
             data=STRM target=LISTENER\n      flags=0x00000300 fd={fd}\n"
        )
    }
}
