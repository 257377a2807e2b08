//! Room for a few clients. When it is full, whoever has done nothing for longest makes room for who wants to speak.
//!
//! So clients that only hold the connection keep nobody out for longer than a moment, however many they are.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// A client that is about to speak is left alone.
const MAY_BE_SILENT: Duration = Duration::from_millis(250);

/// How often a client that waits outside looks for a silent one.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    guests: RefCell<Guests>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Guests {
    next: u64,
    guests: BTreeMap<u64, Guest>,
}

#[derive(Debug)]
struct Guest {
    /// Since when it says and takes nothing; `None` while we are busy for it.
    silent: Option<Instant>,
    must_leave: Rc<Notify>,
}

/// A place, left when dropped.
#[derive(Debug)]
pub struct Place {
    places: Rc<Places>,
    number: u64,
    must_leave: Rc<Notify>,
}

impl Places {
    pub(super) fn new(most: usize) -> Rc<Places> {
        Rc::new(Places {
            most,
            guests: RefCell::default(),
            left: Notify::new(),
        })
    }

    /// Waits for a place.
    pub(super) async fn enter(self: &Rc<Self>) -> Place {
        loop {
            if let Some(place) = self.try_enter() {
                return place;
            }
            self.ask_one_to_leave();
            // Whether somebody left or it is time to look again is the same to us.
            let _either = timeout(LOOK_EVERY, self.left.notified()).await;
        }
    }

    pub(super) fn try_enter(self: &Rc<Self>) -> Option<Place> {
        let mut guests = self.guests.borrow_mut();
        if guests.guests.len() >= self.most {
            return None;
        }
        let number = guests.next;
        guests.next += 1;
        let must_leave = Rc::<Notify>::default();
        let guest = Guest {
            silent: None,
            must_leave: must_leave.clone(),
        };
        guests.guests.insert(number, guest);
        Some(Place {
            places: self.clone(),
            number,
            must_leave,
        })
    }

    fn ask_one_to_leave(&self) {
        let guests = self.guests.borrow();
        let silent = guests.guests.values().filter_map(|g| g.silent.map(|since| (since, g)));
        if let Some((since, guest)) = silent.min_by_key(|(since, _)| *since)
            && since.elapsed() >= MAY_BE_SILENT
        {
            guest.must_leave.notify_one();
        }
    }
}

impl Place {
    /// Waits for what the client does next; `None` when it has to make room before.
    pub async fn await_client<T>(&self, done: impl Future<Output = T>) -> Option<T> {
        self.silent(Some(Instant::now()));
        let done = tokio::select! {
            done = done => Some(done),
            () = self.must_leave.notified() => None,
        };
        self.silent(None);
        done
    }

    fn silent(&self, since: Option<Instant>) {
        if let Some(guest) = self.places.guests.borrow_mut().guests.get_mut(&self.number) {
            guest.silent = since;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.guests.borrow_mut().guests.remove(&self.number);
        self.places.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(flavor = "local")]
    async fn the_most_silent_makes_room() {
        let places = Places::new(2);
        let (one, two) = (places.enter().await, places.enter().await);
        assert!(places.try_enter().is_none());
        let first = tokio::task::spawn_local(async move { one.await_client(pending::<()>()).await });
        // The second is being answered, so it may stay.
        let third = timeout(Duration::from_secs(20), places.enter()).await;
        assert!(third.is_ok());
        assert_eq!(first.await.ok(), Some(None));
        drop(two);
    }

    #[tokio::test(flavor = "local")]
    async fn who_speaks_is_heard() {
        let place = Places::new(1).enter().await;
        assert_eq!(place.await_client(async { 7 }).await, Some(7));
    }
}
