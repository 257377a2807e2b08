//! What several threads work on until it ends. Some of them stay for as long as the process lives; it does not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub struct Shared<T>(Arc<Mutex<Option<T>>>);

impl<T> Shared<T> {
    pub fn new(inside: T) -> Shared<T> {
        Shared(Arc::new(Mutex::new(Some(inside))))
    }

    /// `None` when it has ended.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.lock().as_mut().map(work)
    }

    /// Waits for whoever works on it.
    pub fn end(&self) {
        let ended = self.lock().take();
        drop(ended);
    }

    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        Shared(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_although_others_have_it() {
        let inside = Arc::new(());
        let shared = Shared::new(Arc::clone(&inside));
        let others = shared.clone();
        assert_eq!(others.with(|inside| Arc::strong_count(inside)), Some(2));
        shared.end();
        assert_eq!(Arc::strong_count(&inside), 1);
        assert!(others.with(|_| ()).is_none());
    }
}
