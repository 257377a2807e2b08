//! Few places, and when all are taken the longest guest has to go: a new one, who will have asked in a moment, is worth more
//! than one who has not come to the point. So nobody is kept out by those who are slow or broken. Whoever has said who it is
//! can be given a seat, and stays until it is done.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::task::AbortHandle;

/// The connections of one listener, or of several.
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
    present: BTreeMap<u64, Guest>,
    seated: BTreeMap<u64, Option<AbortHandle>>,
}

struct Guest {
    task: Option<AbortHandle>,
    /// By which it came, where that counts.
    door: Option<u64>,
}

/// One of several ways in, with few places of its own among all.
pub struct Door {
    guests: Arc<Guests>,
    number: u64,
    most: usize,
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
        self.let_in(None)
    }

    /// A way in for at most so many.
    pub fn door(self: &Arc<Guests>, most: usize) -> Door {
        Door {
            number: self.list().number(),
            guests: self.clone(),
            most,
        }
    }

    fn let_in(self: &Arc<Guests>, by: Option<&Door>) -> Place {
        let mut list = self.list();
        let door = by.map(|door| door.number);
        // Who had to go here leaves room among all as well.
        while by.is_some_and(|by| list.by(door).count() >= by.most.max(1)) {
            list.send_away(door);
        }
        let most = self.most.load(Relaxed).max(1);
        while list.present.len() >= most {
            list.send_away(None);
        }
        let number = list.number();
        list.present.insert(number, Guest { task: None, door });
        Place {
            guests: self.clone(),
            number,
        }
    }

    /// This task has the place of that number, unless it has left it already.
    pub fn seat(&self, number: u64, task: AbortHandle) {
        let mut list = self.list();
        let List { present, seated, .. } = &mut *list;
        let place = present.get_mut(&number).map(|guest| &mut guest.task);
        if let Some(place) = place.or_else(|| seated.get_mut(&number)) {
            *place = Some(task);
        }
    }

    /// Each thing that is done with the list is whole, so a panic elsewhere has not broken it.
    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(|broken| broken.into_inner())
    }
}

impl Door {
    pub fn enter(&self) -> Place {
        self.guests.let_in(Some(self))
    }
}

impl List {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Who came by this door; all, where it is none.
    fn by(&self, door: Option<u64>) -> impl Iterator<Item = u64> {
        let present = self.present.iter();
        let came = present.filter(move |(_, guest)| door.is_none() || guest.door == door);
        came.map(|(number, _)| *number)
    }

    /// The longest of them has to go.
    fn send_away(&mut self, door: Option<u64>) {
        let longest = self.by(door).next();
        let guest = longest.and_then(|number| self.present.remove(&number));
        if let Some(task) = guest.and_then(|guest| guest.task) {
            task.abort();
        }
    }
}

impl Place {
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The task of who has it.
    pub fn holder(&self) -> Option<AbortHandle> {
        let list = self.guests.list();
        let present = list.present.get(&self.number).map(|guest| &guest.task);
        present.or_else(|| list.seated.get(&self.number)).cloned().flatten()
    }

    /// Takes a seat, if one is free: then it stays, whoever comes.
    pub fn sit_down(&self) {
        let mut list = self.guests.list();
        if list.seated.len() < self.guests.seats
            && let Some(guest) = list.present.remove(&self.number)
        {
            list.seated.insert(self.number, guest.task);
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

    /// For one who comes, one goes: the longest of those at the same door, where that is full.
    #[tokio::test]
    async fn doors_have_places_of_their_own_among_all() {
        let guests = Guests::new(3);
        let doors = [2, 2].map(|most| guests.door(most));
        let stay = |door: &Door| {
            let place = door.enter();
            let number = place.number();
            let task = tokio::spawn(async move {
                let _place = place;
                std::future::pending::<()>().await;
            });
            guests.seat(number, task.abort_handle());
            task
        };
        let [first, second, third] = [&doors[0], &doors[1], &doors[1]].map(stay);
        // Both are full, that door and all together.
        let fourth = stay(&doors[1]);
        assert!(second.await.is_err_and(|ended| ended.is_cancelled()));
        assert!(!first.is_finished() && !third.is_finished() && !fourth.is_finished());
        // There is room at this door, and none among all.
        let fifth = stay(&doors[0]);
        assert!(first.await.is_err_and(|ended| ended.is_cancelled()));
        assert!(!third.is_finished() && !fourth.is_finished() && !fifth.is_finished());
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
