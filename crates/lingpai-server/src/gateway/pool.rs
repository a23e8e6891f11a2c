//! The connections to one host that wait for their next call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::line::Line;

/// How long a connection waits. Below the keep-alive of common servers (nginx: 60 s and more), so that calls do not run into
/// a connection that is being closed.
const IDLE: Duration = Duration::from_secs(15);
/// How often those that have waited for too long, or that upstream has closed, are let go.
const PAUSE: Duration = Duration::from_secs(3);

/// Kept connections.
pub(super) struct Pool {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Those that have waited longest come first.
    lines: Vec<(Box<Line>, Instant)>,
    /// Whether there is a task that lets go of them.
    is_swept: bool,
}

impl Pool {
    /// An empty one, which keeps so many at most.
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    /// The one that was used last. It may be over by now.
    pub(super) fn take(&self) -> Option<Box<Line>> {
        self.lock().lines.pop().map(|(line, _)| line)
    }

    /// Keeps a line until it is taken or has waited for too long.
    pub(super) fn keep(self: &Arc<Self>, line: Box<Line>) {
        let now = Instant::now();
        let mut kept = self.lock();
        if kept.lines.len() < self.most {
            kept.lines.push((line, now));
        }
        if !std::mem::replace(&mut kept.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Lets go of lines, and says whether any are left.
    fn sweep(&self) -> bool {
        let now = Instant::now();
        let mut kept = self.lock();
        let is_good = |(line, since): &mut (Box<Line>, Instant)| {
            line.go_on();
            line.is_ready() && now - *since < IDLE
        };
        let gone: Vec<_> = kept.lines.extract_if(.., |kept| !is_good(kept)).collect();
        kept.is_swept = !kept.lines.is_empty();
        let is_left = kept.is_swept;
        // Closing takes time.
        drop(kept);
        drop(gone);
        is_left
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of a pool's lines as long as it has any.
async fn sweep(pool: Weak<Pool>) {
    loop {
        sleep(PAUSE).await;
        if !pool.upgrade().is_some_and(|pool| pool.sweep()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// A line, and its other end.
    async fn line(listener: &TcpListener) -> (Box<Line>, TcpStream) {
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (other, _) = listener.accept().await.unwrap();
        let mut line = Box::new(Line::new(stream.into()).await.unwrap());
        line.go_on();
        assert!(line.is_ready());
        (line, other)
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_too_long_or_was_closed_is_let_go() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Arc::new(Pool::new(2));
        let count = || pool.lock().lines.len();
        let [(first, _first), (second, closing), (third, _third)] =
            [line(&listener).await, line(&listener).await, line(&listener).await];
        for line in [first, second, third] {
            pool.keep(line);
        }
        assert_eq!(count(), 2, "no more than so many");
        drop(closing);
        sleep(PAUSE * 2).await;
        assert_eq!(count(), 1);
        sleep(IDLE).await;
        assert_eq!(count(), 0);
        let (again, _again) = line(&listener).await;
        pool.keep(again);
        sleep(IDLE + PAUSE).await;
        assert!(pool.take().is_none(), "there is somebody to see to it again");
    }
}
