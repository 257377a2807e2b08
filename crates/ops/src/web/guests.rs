//! Few places, and when all are taken the longest guest has to go: a new one, who will have asked in a moment, is worth more
//! than one who has not come to the point. So nobody is kept out by those who are slow or broken. Whoever has said who it is
//! can be given a seat, and stays until it is done.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::task::AbortHandle;

/// The connections of one listener.
pub struct Guests {
    most: AtomicUsize,
    /// So many are not asked to go.
    seats: usize,
    list: Mutex<List>,
}

/// The oldest first.
#[derive(Default)]
struct List {
    next: u64,
    present: BTreeMap<u64, Option<AbortHandle>>,
    seated: BTreeMap<u64, Option<AbortHandle>>,
}

/// A place among the guests, left when dropped.
pub struct Place {
    guests: Arc<Guests>,
    number: u64,
}

impl Guests {
    /// Nobody has a seat.
    pub fn new(most: usize) -> Arc<Guests> {
        Guests::with_seats(most, 0)
    }

    /// Beside those who may have to go there may be so many who do not.
    pub fn with_seats(most: usize, seats: usize) -> Arc<Guests> {
        Arc::new(Guests {
            most: AtomicUsize::new(most),
            seats,
            list: Mutex::default(),
        })
    }

    /// From now on there are so many places. Who is there stays until the next one comes.
    pub fn limit(&self, most: usize) {
        self.most.store(most, Relaxed);
    }

    pub fn enter(self: &Arc<Guests>) -> Place {
        let mut list = self.list();
        let most = self.most.load(Relaxed).max(1);
        while list.present.len() >= most {
            if let Some((_, Some(longest))) = list.present.pop_first() {
                longest.abort();
            }
        }
        list.next += 1;
        let number = list.next;
        list.present.insert(number, None);
        Place {
            guests: self.clone(),
            number,
        }
    }

    /// This task has the place of that number, unless it has left it already.
    pub fn seat(&self, number: u64, task: AbortHandle) {
        let mut list = self.list();
        let List { present, seated, .. } = &mut *list;
        if let Some(place) = present.get_mut(&number).or_else(|| seated.get_mut(&number)) {
            *place = Some(task);
        }
    }

    /// Each thing that is done with the list is whole, so a panic elsewhere has not broken it.
    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(|broken| broken.into_inner())
    }
}

impl Place {
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The task of who has it.
    pub fn holder(&self) -> Option<AbortHandle> {
        let list = self.guests.list();
        let known = list.present.get(&self.number).or_else(|| list.seated.get(&self.number));
        known.cloned().flatten()
    }

    /// Takes a seat, if one is free: then it stays, whoever comes.
    pub fn sit_down(&self) {
        let mut list = self.guests.list();
        if list.seated.len() < self.guests.seats
            && let Some(task) = list.present.remove(&self.number)
        {
            list.seated.insert(self.number, task);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut list = self.guests.list();
        list.present.remove(&self.number);
        list.seated.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_guest_goes_for_a_new_one() {
        let guests = Guests::new(2);
        let stay = || {
            let place = guests.enter();
            let number = place.number();
            let task = tokio::spawn(async move {
                let _place = place;
                std::future::pending::<()>().await;
            });
            guests.seat(number, task.abort_handle());
            task
        };
        let (first, second, third) = (stay(), stay(), stay());
        assert!(first.await.is_err_and(|ended| ended.is_cancelled()));
        assert!(!second.is_finished() && !third.is_finished());
        third.abort();
        assert!(third.await.is_err());
        let _fourth = stay();
        assert!(!second.is_finished(), "somebody has left, so nobody has to");
        guests.limit(1);
        let _fifth = stay();
        assert!(
            second.await.is_err_and(|ended| ended.is_cancelled()),
            "there are fewer places"
        );
    }

    #[tokio::test]
    async fn who_has_a_seat_stays() {
        let guests = Guests::with_seats(1, 1);
        let stay = |sits: bool| {
            let place = guests.enter();
            let number = place.number();
            if sits {
                place.sit_down();
            }
            let task = tokio::spawn(async move {
                let _place = place;
                std::future::pending::<()>().await;
            });
            guests.seat(number, task.abort_handle());
            task
        };
        let (seated, second, third) = (stay(true), stay(true), stay(false));
        assert!(
            second.await.is_err_and(|ended| ended.is_cancelled()),
            "there was one seat"
        );
        assert!(!seated.is_finished() && !third.is_finished());
        seated.abort();
        assert!(seated.await.is_err());
        let fourth = stay(true);
        assert!(third.await.is_err());
        let _fifth = stay(false);
        tokio::task::yield_now().await;
        assert!(!fourth.is_finished(), "the seat was free again");
    }
}
