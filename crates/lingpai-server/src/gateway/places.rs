//! How many calls are under way at once, and how many wait for one of them to end: what comes above that is turned away at
//! once, so that nothing grows without bound when WeChat is slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::settings::Settings;
use super::trouble::Trouble;

/// The places there are.
pub(super) struct Places {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: usize,
    queue_time: Duration,
}

impl Places {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            free: Arc::new(Semaphore::new(settings.connections)),
            waiting: AtomicUsize::new(0),
            queue: settings.queue,
            queue_time: settings.queue_time,
        }
    }

    /// A place, which its call has until it ends. Waits a little for one.
    pub(super) async fn take(&self) -> Result<OwnedSemaphorePermit, Trouble> {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(place);
        }
        let _waiting = Waiting::among(&self.waiting, self.queue).ok_or(Trouble::Busy)?;
        let place = timeout(self.queue_time, Arc::clone(&self.free).acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or(Trouble::Busy)
    }
}

/// One of those who wait for a place.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        // Counted first, so that the guard takes it back whatever follows.
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let guard = Self(waiting);
        (before < most).then_some(guard)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
