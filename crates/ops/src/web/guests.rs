//! Few places, and when all are taken the longest guest has to go: a new one, who will have asked in a moment, is worth more
//! than one who has not come to the point. So nobody is kept out by those who are slow or broken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::task::AbortHandle;

/// The connections of one listener.
pub struct Guests {
    most: usize,
    list: Mutex<List>,
}

/// The oldest first.
#[derive(Default)]
struct List {
    next: u64,
    present: BTreeMap<u64, Option<AbortHandle>>,
}

/// A place among the guests, left when dropped.
pub struct Place {
    guests: Arc<Guests>,
    number: u64,
}

impl Guests {
    pub fn new(most: usize) -> Arc<Guests> {
        Arc::new(Guests {
            most,
            list: Mutex::default(),
        })
    }

    pub fn enter(self: &Arc<Guests>) -> Place {
        let mut list = self.list();
        while list.present.len() >= self.most {
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
        if let Some(place) = self.list().present.get_mut(&number) {
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
        self.guests.list().present.get(&self.number).cloned().flatten()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.guests.list().present.remove(&self.number);
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
    }
}
