//! How slowly a body may come: every 16 KiB of it within a time. Only the waiting for the sender counts, so that a slow
//! reader on the other side is not held against it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// How many bytes have to come within the time.
const STEP: usize = 16 * 1024;

/// Keeps the time of one sender.
pub(super) struct Pace {
    allowed: Duration,
    /// What has come since the time was last counted from zero.
    came: usize,
    waited: Duration,
    waiting: Option<Waiting>,
}

struct Waiting {
    since: Instant,
    end: Pin<Box<Sleep>>,
}

impl Pace {
    pub(super) fn new(allowed: Duration) -> Self {
        Self { allowed, came: 0, waited: Duration::ZERO, waiting: None }
    }

    /// Something has come.
    pub(super) fn moved(&mut self, bytes: usize) {
        if let Some(waiting) = self.waiting.take() {
            self.waited += waiting.since.elapsed();
        }
        self.came += bytes;
        if self.came >= STEP {
            (self.came, self.waited) = (0, Duration::ZERO);
        }
    }

    /// Nothing has come. Ready when that is so for too long.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.allowed.saturating_sub(self.waited);
        let waiting = self
            .waiting
            .get_or_insert_with(|| Waiting { since: Instant::now(), end: Box::pin(sleep(left)) });
        waiting.end.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::time::advance;

    use super::*;

    fn is_over(pace: &mut Pace) -> bool {
        pace.poll_over(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_who_stops_or_drips_is_too_slow() {
        let mut pace = Pace::new(Duration::from_secs(10));
        for _ in 0..9 {
            assert!(!is_over(&mut pace));
            advance(Duration::from_secs(1)).await;
            pace.moved(1);
        }
        assert!(!is_over(&mut pace));
        advance(Duration::from_millis(1100)).await;
        assert!(is_over(&mut pace), "ten bytes in ten seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_who_goes_on_is_never_too_slow_and_neither_is_one_that_nobody_reads() {
        let mut pace = Pace::new(Duration::from_secs(10));
        for _ in 0..100 {
            assert!(!is_over(&mut pace));
            advance(Duration::from_secs(9)).await;
            pace.moved(STEP);
            advance(Duration::from_mins(10)).await;
        }
    }
}
