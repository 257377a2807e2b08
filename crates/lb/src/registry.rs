//! The connections of one worker, so that something can be told to all of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

use tandem_lb_core::conn::KillReason;

/// Who lives on this thread.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    places: RefCell<Places>,
    /// What all of them have to end for.
    sentence: Cell<Option<KillReason>>,
}

#[derive(Debug, Default)]
struct Places {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// A place in the registry, left when dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    registry: Rc<Registry>,
    place: usize,
}

impl Registry {
    pub(crate) fn register(self: &Rc<Self>, waker: Waker) -> Registered {
        let mut places = self.places.borrow_mut();
        let place = match places.free.pop() {
            Some(place) => place,
            None => {
                places.wakers.push(None);
                places.wakers.len() - 1
            }
        };
        places.wakers[place] = Some(waker);
        Registered {
            registry: self.clone(),
            place,
        }
    }

    /// Tells everybody to end, and whoever comes later too.
    pub(crate) fn end_all(&self, reason: KillReason) {
        self.sentence.set(Some(reason));
        for waker in self.places.borrow().wakers.iter().flatten() {
            waker.wake_by_ref();
        }
    }
}

impl Registered {
    pub(crate) fn sentence(&self) -> Option<KillReason> {
        self.registry.sentence.get()
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut places = self.registry.places.borrow_mut();
        places.wakers[self.place] = None;
        places.free.push(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again() {
        let registry = Rc::new(Registry::default());
        let one = registry.register(Waker::noop().clone());
        let two = registry.register(Waker::noop().clone());
        drop(one);
        let three = registry.register(Waker::noop().clone());
        assert_eq!((two.place, three.place), (1, 0));
        assert_eq!(two.sentence(), None);
        registry.end_all(KillReason::Shutdown);
        assert_eq!(three.sentence(), Some(KillReason::Shutdown));
    }
}
