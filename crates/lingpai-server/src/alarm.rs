//! The timer of one connection of HTTP/1.1.
//!
//! hyper sets a deadline for every request's head and drops it when the head is there. As timers of their own, these would
//! be entered into the runtime's wheel and taken out again with every request. So a connection has one timer in the wheel,
//! which stays: when it goes off, it is set to the deadline that holds then, if there is one. That is once in the time of
//! a deadline, however many requests come.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Sleep, Timer};
use tokio::time::{self, Instant};

/// The timer. It serves one deadline at a time: a new one takes the place of the last.
pub(crate) struct Alarm(Arc<Mutex<Option<Pin<Box<time::Sleep>>>>>);

/// Until a deadline.
struct Until {
    deadline: Instant,
    alarm: Arc<Mutex<Option<Pin<Box<time::Sleep>>>>>,
}

impl Alarm {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }
}

impl Timer for Alarm {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until((Instant::now() + duration).into())
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until { deadline: deadline.into(), alarm: Arc::clone(&self.0) })
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into()
    }
}

impl Sleep for Until {}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        let alarm = alarm.get_or_insert_with(|| Box::pin(time::sleep_until(deadline)));
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        loop {
            ready!(alarm.as_mut().poll(cx));
            if alarm.deadline() == deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn each_deadline_holds_whatever_was_set_before_it() {
        let alarm = Alarm::new();
        // Never waited for; dropped after a while; later than the next.
        drop(alarm.sleep(SECOND));
        let mut dropped = alarm.sleep(2 * SECOND);
        assert!(poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx))).await.is_pending());
        drop(dropped);
        for seconds in [10, 3, 3, 20] {
            let started = Instant::now();
            alarm.sleep(seconds * SECOND).await;
            let late = started.elapsed() - seconds * SECOND;
            assert!(late < Duration::from_millis(2), "{seconds} s and {late:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_keep_coming_set_off_nothing() {
        let alarm = Alarm::new();
        for _ in 0..100 {
            let head = alarm.sleep(10 * SECOND);
            tokio::select! {
                () = head => panic!("the deadline of an earlier head has gone off"),
                () = time::sleep(SECOND) => {}
            }
        }
    }
}
