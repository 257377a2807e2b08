//! Answers that their clients have not read yet, and the memory that they hold.
//!
//! An answer is as large as the configuration: with a thousand servers the metrics are megabytes, and whoever asks and does
//! not read keeps them here. So all answers together hold a bounded number of bytes, and where a new one does not fit, the
//! client that has taken nothing for the longest has to go. Who reads is never that one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::task::AbortHandle;

/// Of all answers together. A single one that is larger has its turn alone.
const MOST_BYTES: usize = 32 << 20;

#[derive(Default)]
pub(crate) struct Outgoing {
    /// Counts what is taken, by which it is known who took last.
    turn: Cell<u64>,
    kept: RefCell<BTreeMap<u64, Parcel>>,
}

struct Parcel {
    bytes: usize,
    /// When its client last took of it.
    taken: u64,
    client: AbortHandle,
}

/// The memory of one answer, given back when dropped.
pub(crate) struct Kept {
    outgoing: Rc<Outgoing>,
    number: u64,
}

impl Outgoing {
    /// Room for an answer, whoever has to go for it.
    pub(crate) fn keep(self: &Rc<Outgoing>, bytes: usize, client: AbortHandle) -> Kept {
        let mut kept = self.kept.borrow_mut();
        while !kept.is_empty() && kept.values().map(|parcel| parcel.bytes).sum::<usize>() + bytes > MOST_BYTES {
            let idlest = kept.iter().min_by_key(|(_, parcel)| parcel.taken).map(|(n, _)| *n);
            if let Some(parcel) = idlest.and_then(|number| kept.remove(&number)) {
                tracing::debug!(bytes = parcel.bytes, "a client that does not read has to go");
                parcel.client.abort();
            }
        }
        let number = self.turn();
        let taken = number;
        kept.insert(number, Parcel { bytes, taken, client });
        Kept {
            outgoing: self.clone(),
            number,
        }
    }

    fn turn(&self) -> u64 {
        self.turn.set(self.turn.get() + 1);
        self.turn.get()
    }
}

impl Kept {
    /// Its client takes more of it.
    pub(crate) fn taken(&self) {
        let turn = self.outgoing.turn();
        if let Some(parcel) = self.outgoing.kept.borrow_mut().get_mut(&self.number) {
            parcel.taken = turn;
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.outgoing.kept.borrow_mut().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::{JoinHandle, LocalSet};

    use super::*;

    #[tokio::test]
    async fn who_takes_nothing_goes_first() {
        LocalSet::new().run_until(four_clients_and_a_huge_one()).await;
    }

    async fn four_clients_and_a_huge_one() {
        let outgoing = Rc::new(Outgoing::default());
        let client = || tokio::task::spawn_local(std::future::pending::<()>());
        let [a, b, c, d, huge] = [(); 5].map(|()| client());
        let keep = |of: &JoinHandle<()>, bytes| outgoing.keep(bytes, of.abort_handle());
        let first = keep(&a, MOST_BYTES / 2);
        let second = keep(&b, MOST_BYTES / 2);
        first.taken();
        let third = keep(&c, 1);
        assert!(b.await.expect_err("it never ends by itself").is_cancelled());
        // What is read makes room, and nobody has to go.
        drop((first, second));
        let fourth = keep(&d, MOST_BYTES - 1);
        tokio::task::yield_now().await;
        assert!(!a.is_finished() && !c.is_finished() && !d.is_finished());
        // One that is larger than everything has its turn alone.
        let alone = keep(&huge, MOST_BYTES + 1);
        for gone in [c, d] {
            assert!(gone.await.expect_err("it never ends by itself").is_cancelled());
        }
        assert!(!huge.is_finished());
        drop((third, fourth, alone));
        a.abort();
    }
}
